/* csv.h: fields of a CSV's row: RFC 4180, with `,`, `;` or a tab between them. */
#ifndef ALERTROND_CSV_H
#define ALERTROND_CSV_H

#include <stdbool.h>
#include <stddef.h>

/* The separator of a header line: which of `,`, `;` and tab is there most often outside of quotes. */
char csv_separator(const char *text, size_t n_bytes);

/* The end of the field that begins at `at`: its separator, or `end`. */
const char *csv_field_end(const char *at, const char *end, char separator);

/* Narrows a field to its content: without blanks around it, and without its quotes. */
void csv_trim(const char **begin, const char **end);

/* All fields of a row, unquoted, each a string. NULL where memory has run out. One block, to be freed. */
char **csv_split(const char *text, size_t n_bytes, char separator, size_t *n_fields);

enum csv_number {
    CSV_NUMBER,
    CSV_MISSING,   /* empty, NaN, NA or null */
    CSV_INFINITE,  /* inf or infinity */
    CSV_TOO_LARGE, /* a number beyond a double's range */
    CSV_NOT_NUMBER /* something else */
};

/* The number that a trimmed field holds: decimal, the nearest double; NaN where it is missing. What stands
 * at `end` must be there and be no part of a number. */
enum csv_number csv_number(const char *begin, const char *end, double *value);

#endif
