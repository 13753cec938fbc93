/* table.h: files of readings, CSV or newline-delimited JSON, told by content; a row at a time.
 *
 * A CSV is UTF-8 as in RFC 4180, with a header line and `,`, `;` or a tab between its fields; blank lines are
 * left out. Its features are the columns that table_options name; where nothing names them, all columns, if they
 * are as many as wanted.
 */
#ifndef ALERTROND_TABLE_H
#define ALERTROND_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include <alertron.h>

struct table;

/* Names, in any case, of columns that labels commonly stand in; ends with NULL. */
extern const char *const table_label_columns[];

struct table_options {
    const char *features;        /* "f0,f1,f2": names of a CSV's columns; NULL: those the caller wants, else all */
    const char *const *expected; /* feature names of a model, or NULL */
    size_t width;                /* how many features are wanted, or 0 for as many as there are */
    const char *const *beside;   /* names, in any case, of columns to leave out where there are more than `width` and
                                  * nothing names the features; ends with NULL; or NULL */
    bool missing_values;         /* an empty field, NA, `nan` or null is a missing value; otherwise errors */
    bool infinities;             /* `inf` and `-inf` are taken; otherwise errors */
};

/* Opens a file, or standard input for "-". NULL, and why, on failure. */
struct table *table_open(const char *path, const struct table_options *options, char *why, size_t why_size);
/* The same for the features that a model wants; `features` names a CSV's columns, or is NULL. */
struct table *table_open_for(const alertron_model *model, const char *path, const char *features, char *why,
                             size_t why_size);
void table_close(struct table *table);

size_t table_width(const struct table *table);
/* The name of feature `index`, or NULL (newline-delimited JSON has none). */
const char *table_feature_name(const struct table *table, size_t index);
bool table_is_csv(const struct table *table);
/* A CSV's header line as it stood, without its newline; NULL for JSON. */
const char *table_header(const struct table *table);
/* What stands between two fields of a CSV. */
char table_separator(const struct table *table);
/* How the file's first line ends: "\n" or "\r\n". */
const char *table_newline(const struct table *table);
/* Whether the next row is at hand, so that asking for it does not wait for input. */
bool table_ready(const struct table *table);
/* The line that the last row began on, from 1. */
size_t table_line(const struct table *table);

enum table_outcome {
    TABLE_END = 0,
    TABLE_ROW = 1,    /* a row and its numbers */
    TABLE_BAD = -1,   /* a row that is wrong; the next one may be right */
    TABLE_FAILED = -2 /* the file can't be read on */
};

/* The next row. For TABLE_BAD and TABLE_FAILED why says where and what ("readings.csv:17: ..."). *line is the
 * row as it stood, without its newline, until the next call. */
enum table_outcome table_next(struct table *table, double *features, const char **line, char *why, size_t why_size);

/* What the last row has under this name, features or not: in a CSV's column, or as a text, number or boolean among the
 * members of a JSON object; without quotes. Where nothing is called exactly so, upper and lower case are the same.
 * False, and why, where there is nothing of that name or it does not fit. */
bool table_field(const struct table *table, const char *name, char *out, size_t size, char *why, size_t why_size);

#endif
