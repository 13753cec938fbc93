/* lines.h: a text file, row by row: however long the file, a bounded row at a time. */
#ifndef ALERTROND_LINES_H
#define ALERTROND_LINES_H

#include <stdbool.h>
#include <stddef.h>

#define LINES_BYTES_MAX ((size_t)1 << 20) /* of a row */

struct lines;

struct line {
    const char *text; /* ends in NUL, without its newline; until the next call */
    size_t n_bytes;
    size_t number; /* of the line it begins on, from 1 */
    bool crlf;     /* its newline was CR LF */
};

enum lines_outcome { LINES_END, LINES_ROW, LINES_FAILED };

/* Opens a file, or standard input for "-". NULL, and why, on failure. */
struct lines *lines_open(const char *path, char *why, size_t why_size);
void lines_close(struct lines *lines);

/* The next row. With a CSV's separator, a newline within quotes belongs to the row; with 0 each line is one.
 * LINES_FAILED, and why (which begins with the file and the line), where the file can't be read on. */
enum lines_outcome lines_next(struct lines *lines, char separator, struct line *line, char *why, size_t why_size);

/* Makes the next call begin where the last one did. */
void lines_unread(struct lines *lines);

/* Whether a row is at hand, so that the next call does not wait for input. */
bool lines_ready(const struct lines *lines);

/* What to call the file in messages. */
const char *lines_name(const struct lines *lines);

#endif
