/* model_series.h: what is counted of a model in its role. Series begin at 0 with the first line-up that the model is in
 * and go with the last, so that nobody counts into what is gone. */
#ifndef ALERTROND_MODEL_SERIES_H
#define ALERTROND_MODEL_SERIES_H

#include "candidate.h"
#include "metrics.h"

#define MODEL_VERSION_BYTES 17u

enum model_role { ROLE_PRIMARY, ROLE_SHADOW, ROLE_CANARY };

/* "primary", "shadow", "canary". */
const char *model_role_name(enum model_role role);

struct model_series {
    alertron_counter_child *predictions, *anomalies[SEVERITIES]; /* that of "none" is NULL */
    /* Of a candidate; a primary's are NULL. */
    alertron_counter_child *compared[COMPARISONS];
    alertron_histogram_child *shift_up, *shift_down; /* its score less the primary's */
    /* The book's. */
    char version[MODEL_VERSION_BYTES];
    enum model_role role;
    size_t holders;
    struct model_series *next;
};

struct series_book {
    struct metrics *metrics;
    struct model_series *first;
};

/* One thread at a time. NULL where memory has run out. */
struct model_series *series_hold(struct series_book *book, const char *version, enum model_role role);
void series_release(struct series_book *book, struct model_series *series);

#endif
