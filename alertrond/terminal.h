/* terminal.h: what standard output can show. */
#ifndef ALERTROND_TERMINAL_H
#define ALERTROND_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#define TERMINAL_WIDTH_DEFAULT 80u

/* Columns: of COLUMNS where that is a number, else the terminal's own, else TERMINAL_WIDTH_DEFAULT. */
size_t terminal_width(void);
/* Whether the locale (LC_ALL, LC_CTYPE or LANG) is one of UTF-8, and TERM not that of a terminal without it. */
bool terminal_unicode(void);
/* Whether it is a terminal that shows colours and NO_COLOR (https://no-color.org) is not set. */
bool terminal_colour(void);

#endif
