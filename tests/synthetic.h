/* synthetic.h: random forests of many shapes, rows that meet their thresholds, and what a path length means. */
#ifndef ALERTRON_TESTS_SYNTHETIC_H
#define ALERTRON_TESTS_SYNTHETIC_H

#include "private.h"

/* A forest as it was described, before the library has laid it out anew. */
struct synthetic {
    const char *shape;
    uint32_t n_features, n_trees, n_nodes;
    uint32_t *ends;          /* of each tree, in `nodes` */
    struct tree_node *nodes; /* tree after tree; children count from their tree's root */
    bool missing_values;
    double longest; /* no path length is greater */
};

enum { SYNTHETIC_SHAPES = 20 };

/* The forest with that number: of shape index % SYNTHETIC_SHAPES, the rest is random. The same for a seed on every
 * machine and with every compiler: no draw shares an expression with another, no product is added to. */
struct synthetic synthetic_new(uint64_t seed, uint64_t index);
void synthetic_free(struct synthetic *synthetic);

/* The same forest inside the library; NULL on failure. */
struct forest *synthetic_forest(const struct synthetic *synthetic, alertron_error *error);

/* The definition, without anything clever. The row may hold NaN where the forest takes missing values. */
double synthetic_path_length(const struct synthetic *synthetic, const double *row);

/* Numbers of n rows: for ALERTRON_FLOAT32 those that it holds. Many stand on thresholds, one unit in the last place
 * below or above; some are missing. */
void synthetic_rows(const struct synthetic *synthetic, struct random_state *random, alertron_dtype dtype, size_t n,
                    double *numbers);

#endif
