/* diff.h: how two models differ: found by diff.c, told by diff_text.c and diff_json.c. */
#ifndef ALERTROND_DIFF_H
#define ALERTROND_DIFF_H

#include <stdbool.h>
#include <stddef.h>

#include <alertron.h>

#include "agreement.h"

#define DIFF_VALUE_BYTES 80u
#define DIFF_FACTS_MAX 16u

/* Something that both models have. */
struct diff_fact {
    const char *key, *name; /* for programs, for people */
    char a[DIFF_VALUE_BYTES], b[DIFF_VALUE_BYTES];
    bool same;
};

/* A row that one model calls an anomaly and the other does not. */
struct diff_row {
    size_t row, line; /* row: from 0; line: of the file, from 1 */
    double a, b;      /* scores */
    double *features; /* as A takes them */
};

struct diff {
    const char *path_a, *path_b, *readings; /* readings: a file, or NULL */
    alertron_model *a, *b;
    alertron_cuts cuts_a, cuts_b;
    struct diff_fact facts[DIFF_FACTS_MAX];
    size_t n_facts;
    bool same_forest;
    bool same_verdicts; /* forest, threshold and cuts: whether every reading is judged alike */
    bool reordered;     /* the features have the same names in another order */
    struct agreement agreement;
    struct diff_row *rows; /* those that change side, the largest change first */
    size_t n_rows;         /* of them that are told */
};

/* Whether the first model has a feature of this name. */
bool diff_has_feature(const alertron_model *model, const char *name);
/* The next line of `text` that `other` has not, or NULL; *n is its length. */
const char *diff_next_line(const char *text, const char *other, size_t *n);

void diff_print_text(const struct diff *diff);
void diff_print_json(const struct diff *diff);

#endif
