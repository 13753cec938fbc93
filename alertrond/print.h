/* print.h: what commands tell on standard output: numbers, texts from anywhere, members of JSON objects. */
#ifndef ALERTROND_PRINT_H
#define ALERTROND_PRINT_H

#include <stddef.h>
#include <stdio.h>

/* The shortest text that reads back as the same double; `null` where it is not finite. */
void print_number(double value);
/* A text that may be from anywhere: what a terminal could take for a command is shown as `?`. */
void print_shown(FILE *out, const char *text, size_t n);
/* A text in quotes, or null for no text and for one that is not UTF-8. */
void print_json_string(const char *text);
/* "name":"text" */
void print_json_text(const char *name, const char *text);
/* "name":1.5 */
void print_json_number(const char *name, double value);

#endif
