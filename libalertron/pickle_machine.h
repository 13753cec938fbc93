/* pickle_machine.h: what pickle.c and pickle_object.c share: the machine, its stack and its bytes. */
#ifndef ALERTRON_PICKLE_MACHINE_H
#define ALERTRON_PICKLE_MACHINE_H

#include "sklearn.h"

enum { MARKS_MAX = 64 }; /* containers that are open at the same time */

struct machine;

struct operation {
    bool (*carry_out)(struct machine *machine);
    enum value_kind kind; /* of value that it is about */
    unsigned char size;   /* bytes of its number or count, or how many values it takes */
};

struct machine {
    const unsigned char *bytes;
    size_t n, at;
    size_t start; /* byte where this pickle begins */
    size_t begin; /* byte of the operation that is being carried out */
    const struct operation *operation;
    struct arena *arena;
    struct values stack, memo;
    size_t marks[MARKS_MAX]; /* values on the stack when each mark was set */
    size_t n_marks;
    bool embedded; /* in place of an object array in a joblib file */
    bool stopped;
};

/* Refuses the operation that is being carried out. */
bool alertron__machine_malformed(const struct machine *machine, const char *what);

/* The next n bytes; or a count of n_bytes bytes and as many bytes as it says. */
bool alertron__machine_take_bytes(struct machine *machine, uint64_t n, const unsigned char **bytes);
bool alertron__machine_take_counted(struct machine *machine, size_t n_bytes, const unsigned char **bytes, size_t *n);

/* A NULL value is passed on as a failure that has been reported. */
bool alertron__machine_push(struct machine *machine, struct value *value);
/* NULL where there is none above the last mark. */
struct value *alertron__machine_pop(struct machine *machine);
struct value *alertron__machine_top(const struct machine *machine);
struct value *alertron__machine_new_value(struct machine *machine, enum value_kind kind);

/* Carries out operations until the pickle ends. */
bool alertron__machine_run(struct machine *machine);

bool alertron__machine_global(struct machine *machine);
bool alertron__machine_stack_global(struct machine *machine);
bool alertron__machine_reduce(struct machine *machine);
bool alertron__machine_newobj(struct machine *machine);
bool alertron__machine_build(struct machine *machine);

#endif
