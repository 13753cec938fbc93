/* agreement.h: how two models' scores of the same rows compare. */
#ifndef ALERTROND_AGREEMENT_H
#define ALERTROND_AGREEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include <alertron.h>

struct agreement {
    size_t rows, same_side;       /* same_side: both call the row an anomaly, or neither does */
    size_t to_anomaly, to_normal; /* rows that change side from A to B */
    size_t severities[4][4];      /* rows, by A's severity and B's */
    double spearman; /* rank correlation, ties at their mean rank; NaN where all of a model's scores are equal */
    double mean_shift, mean_size; /* of B's score - A's, and of its absolute value */
    double largest_shift;         /* the one furthest from 0 */
};

/* Two models' scores of `rows` rows, at least 1. False where memory has run out. */
bool agreement_of(struct agreement *agreement, const double *a, const double *b, size_t rows,
                  const alertron_cuts *cuts_a, const alertron_cuts *cuts_b);

#endif
