/* explanation.h: what the features of a reading are called, and which of them isolated an anomaly.
 *
 * The names are those of the stream's columns, so they are settled at the start and outlast the model that brought
 * them. They label metrics; never changed after the start, so any thread reads them.
 */
#ifndef ALERTROND_EXPLANATION_H
#define ALERTROND_EXPLANATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <alertron.h>

#include "metrics.h"

/* Features beyond these have no series of their own. */
#define FEATURE_SERIES_MAX 256u

struct features {
    size_t width;
    const char **names;                 /* width of them */
    alertron_counter_child **anomalies; /* by the feature that contributed most */
};

/* Names from a list with commas; where that is empty the model's own, or feature_0, feature_1 and so on. Makes their
 * series. NULL, and why, where the list has another number of names than the model features, or memory has run out. */
struct features *features_new(const char *list, const alertron_model *model, struct metrics *metrics, char *why,
                              size_t why_size);
void features_free(struct features *features);

/* The features that contributed most to an anomaly, the largest share first: alertron_model_explain. */
enum { CAUSES_MAX = 3 };
struct explanation {
    struct cause {
        uint32_t feature;
        float share; /* above 0 */
    } causes[CAUSES_MAX];
    size_t n; /* 0: no feature stood out */
};

/* The largest of `width` shares. */
struct explanation explanation_of(const double *shares, size_t width);

#endif
