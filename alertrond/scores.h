/* scores.h: what a model makes of a file of readings: the score of every row. */
#ifndef ALERTROND_SCORES_H
#define ALERTROND_SCORES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <alertron.h>

#define SCORES_MAX ((size_t)1 << 26) /* that are gathered: 512 MiB */

struct scores {
    double *values; /* in the order of the rows */
    size_t n, capacity;
    size_t rows; /* of the file, gathered or not */
};

/* Gathers the scores above `above` (-INFINITY: all) of the rows of a file, CSV or newline-delimited JSON, into *scores,
 * which is empty before and must be given to scores_free whatever comes. `features` names a CSV's columns as
 * table_options does, or is NULL. False, and why, where the file can't be read, has no rows, or has too many. */
bool scores_of_file(struct scores *scores, const alertron_model *model, const char *path, const char *features,
                    double above, char *why, size_t why_size);
void scores_free(struct scores *scores);

/* How many are in each band. */
void scores_by_severity(const struct scores *scores, const alertron_cuts *cuts, size_t by_severity[4]);

/* counts[0 .. ALERTRON_SCORE_BINS): how they lie, as alertron_model_training_scores tells it. */
void scores_count(const struct scores *scores, uint64_t *counts);

/* The quantile, by linear interpolation between order statistics, as numpy.quantile. The scores are put in order.
 * There must be some. */
double scores_quantile(struct scores *scores, double quantile);

#endif
