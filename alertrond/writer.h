/* writer.h: JSON, piece by piece, into a buffer of the caller's. Pieces are written as long as they fit; `failed` stays
 * set once one did not. */
#ifndef ALERTROND_WRITER_H
#define ALERTROND_WRITER_H

#include <stdbool.h>
#include <stddef.h>

struct writer {
    char *out;
    size_t size, n; /* bytes there are, with room for a NUL; bytes written */
    bool failed;
};

/* As it is: names of members and punctuation. */
void writer_text(struct writer *writer, const char *text);

/* A string with its quotes, escaped. */
void writer_string(struct writer *writer, const char *text);

/* The shortest text that reads back as the same number; null where it is not finite. */
void writer_number(struct writer *writer, double value);

void writer_integer(struct writer *writer, long long value);

#endif
