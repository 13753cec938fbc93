/* check.h: what the rooms of checks and tests show each other, and the loader. A section a file. */
#ifndef ALERTRON_CHECK_H
#define ALERTRON_CHECK_H

#include "private.h"

/* --- check.c: what is wanted of a model, and whether it is so --------------------------------------- */

/* A check that is being made. */
struct checking {
    const alertron_model *model;
    const alertron_check *check;
    alertron_check_result *result;
    double *scores; /* the model's, of all rows: none is NaN */
    uint64_t *work; /* nodes of trees that may still be visited */
    const alertron_allocator *allocator;
    alertron_error *error;
};

/* As alertron_model_check, of which it is all but the defaults. ALERTRON_ERROR_LIMIT where *work is not enough. */
alertron_status alertron__model_check(const alertron_model *model, const alertron_check *check, uint64_t *work,
                                      alertron_check_result *result, const alertron_allocator *allocator,
                                      alertron_error *error);

alertron_status alertron__check_refuse(const struct checking *checking, const char *why);
/* Takes nodes, at least 1, so many times from what is left. */
alertron_status alertron__check_spend(struct checking *checking, uint64_t times, uint64_t nodes);
/* Nodes that scoring a row visits at most. */
uint64_t alertron__check_row_nodes(const alertron_model *model);

/* Numbers and names for a text, with a NUL. */
struct number_text {
    char bytes[ALERTRON_NUMBER_BYTES + 2];
    size_t n;
};
struct name_text {
    char bytes[48];
};
/* As many decimals as are asked for, or more where the number would otherwise seem to stand elsewhere to the bound. */
struct number_text alertron__number_beside(double value, double bound, unsigned decimals);
/* All digits. */
struct number_text alertron__number_shown(double value);
struct name_text alertron__feature_shown(const alertron_model *model, size_t feature);

/* --- ranking.c: AUROC, average precision, recall --------------------------------------------------------- */

/* Rising; none is NaN. */
void alertron__sort(double *values, size_t n);
alertron_status alertron__ranking(struct checking *checking, double *figure);

/* --- along.c: monotone and invariance ---------------------------------------------------------------------- */

alertron_status alertron__check_along(struct checking *checking);

/* --- testlines.c: the language of a model's tests ---------------------------------------------------------- */

/* A test: a check but for what the program gives. Names are NULL where the test has none. */
struct model_test {
    struct model_test *next;
    size_t line;
    const char *text;    /* as it was written */
    const char *file;    /* whose rows are checked; NULL: the reading in check.rows */
    const char *model;   /* check.other */
    const char *feature; /* check.feature, unless that is every one */
    const char *label_column, *score_column;
    alertron_check check;
};

struct alertron_tests {
    struct arena arena; /* the tests and what they point to */
    struct model_test *first;
    size_t n;
};

/* --- testrun.c: tests against a model ------------------------------------------------------------------------ */

/* Runs the tests that the model carries. ALERTRON_ERROR_FORMAT where they can't be read or need more than the model. */
alertron_status alertron__model_self_test(const alertron_model *model, const alertron_allocator *allocator,
                                          alertron_error *error);

#endif
