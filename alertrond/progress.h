/* progress.h: a line on a terminal that tells how far long work has come; nothing in a pipe. */
#ifndef ALERTROND_PROGRESS_H
#define ALERTROND_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

struct progress {
    const char *doing; /* "read" */
    const char *unit;  /* what is counted; NULL: rows */
    bool shown;        /* whether it is a terminal's */
    double next;       /* when the line is to be written again */
};

/* `doing` stands before the count: "read 1200000 rows". */
struct progress progress_begin(const char *doing, bool wanted);
/* Writes the line, at most every so often. */
void progress_at(struct progress *progress, size_t rows);
/* Writes it now: for work that can't tell how far it is. */
void progress_show(const struct progress *progress, size_t rows);
/* Takes the line away, so that another may be written. */
void progress_end(struct progress *progress);

#endif
