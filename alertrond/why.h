/* why.h: why something failed, as a line of text for whoever asked for it. */
#ifndef ALERTROND_WHY_H
#define ALERTROND_WHY_H

#include <stdbool.h>
#include <stddef.h>

/* Writes the text into why, cut where it does not fit. Always false, for a function that fails with it. */
bool why_say(char *why, size_t why_size, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
