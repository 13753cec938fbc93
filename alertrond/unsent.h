/* unsent.h: records that were refused and wait to be sent again, first come first served: which, when, how many, and
 * why. Knows no broker; one thread. Times are seconds of a clock that does not go back.
 *
 * They are sent a few at a time, since a batch may be refused where each of its records would not, and more and more
 * while none comes back.
 */
#ifndef ALERTROND_UNSENT_H
#define ALERTROND_UNSENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unsent_record {
    struct unsent_record *next;
    char *topic;
    void *key, *value; /* NULL: none */
    size_t key_size, value_size;
    int64_t timestamp;
    void *headers, *token; /* the caller's */
    size_t headers_size;
};

struct unsent {
    struct unsent_record *first, *last;
    size_t bytes;           /* of keys, values and headers */
    size_t due_n;           /* records of the next go */
    double due;             /* when that is */
    double refused, logged; /* when last; logged is 0 before the first time */
    char why[512];
};

/* A record was refused: notes why, logs it now and then, and lets some time pass before the next go. */
void unsent_refused(struct unsent *unsent, const char *why, double now);

/* Why records are refused; "" once all have been sent and none has come back for some seconds. */
const char *unsent_why(const struct unsent *unsent);

/* All that was refused has been written. */
void unsent_written(struct unsent *unsent);

/* How many records are to be taken and sent now; at most so many as there are. */
size_t unsent_due(struct unsent *unsent, double now);

/* Keeps a copy of the record; its headers and token are handed on as they are. False where memory has run out. */
bool unsent_keep(struct unsent *unsent, const struct unsent_record *record);

/* The record that has waited longest, to be freed or put back; NULL: none waits. */
struct unsent_record *unsent_take(struct unsent *unsent);
void unsent_put_back(struct unsent *unsent, struct unsent_record *record);
void unsent_free(struct unsent_record *record);

#endif
