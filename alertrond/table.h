/* table.h: files of readings, CSV or newline-delimited JSON, told by content; a row at a time. */
#ifndef ALERTROND_TABLE_H
#define ALERTROND_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table;

struct table_options {
    const char *features;        /* "f0,f1,f2": names of a CSV's columns; NULL: those the caller wants, else all */
    const char *const *expected; /* feature names of a model, or NULL */
    size_t width;                /* how many features are wanted, or 0 for as many as there are */
    bool missing_values;         /* an empty field, `nan` or null is a missing value; otherwise an error */
};

/* Opens a file, or standard input for "-". NULL, and why, on failure. */
struct table *table_open(const char *path, const struct table_options *options, char *why, size_t why_size);
void table_close(struct table *table);

size_t table_width(const struct table *table);
/* The name of feature `index`, or NULL (newline-delimited JSON has none). */
const char *table_feature_name(const struct table *table, size_t index);
bool table_is_csv(const struct table *table);
/* A CSV's header line as it stood, without its newline; NULL for JSON. */
const char *table_header(const struct table *table);

/* The next row: 1 and its numbers, 0 at the end, -1 and why ("readings.csv:17: ...") where it is wrong.
 * *line is the row as it stood, without its newline, until the next call. */
int table_next(struct table *table, double *features, const char **line, char *why, size_t why_size);

#endif
