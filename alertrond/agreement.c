/* agreement.c: how two models' scores of the same rows compare. */
#include "agreement.h"

#include <math.h>
#include <stdlib.h>

struct ranked {
    double score;
    size_t row;
};

static int by_score(const void *a, const void *b)
{
    const double x = ((const struct ranked *)a)->score, y = ((const struct ranked *)b)->score;
    return (x > y) - (x < y);
}

/* ranks[i]: the place of scores[i] in their order, from 0; equal ones share the mean of their places. */
static bool rank(const double *scores, size_t n, double *ranks)
{
    struct ranked *sorted = malloc(n * sizeof *sorted);
    if (!sorted)
        return false;
    for (size_t i = 0; i < n; i++)
        sorted[i] = (struct ranked){scores[i], i};
    qsort(sorted, n, sizeof *sorted, by_score);
    for (size_t begin = 0, end; begin < n; begin = end) {
        for (end = begin + 1; end < n && !(sorted[end].score > sorted[begin].score); end++)
            continue;
        for (size_t i = begin; i < end; i++)
            ranks[sorted[i].row] = (double)(begin + end - 1) / 2;
    }
    free(sorted);
    return true;
}

/* Pearson's correlation of ranks, whose mean is (n - 1) / 2 whatever the ties. */
static double correlate(const double *a, const double *b, size_t n)
{
    const double mean = (double)(n - 1) / 2;
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (a[i] - mean) * (b[i] - mean);
        aa += (a[i] - mean) * (a[i] - mean);
        bb += (b[i] - mean) * (b[i] - mean);
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa) / sqrt(bb) : NAN;
}

static bool correlate_ranks(const double *a, const double *b, size_t n, double *spearman)
{
    double *ranks = malloc(2 * n * sizeof *ranks);
    const bool good = ranks && rank(a, n, ranks) && rank(b, n, ranks + n);
    if (good)
        *spearman = correlate(ranks, ranks + n, n);
    free(ranks);
    return good;
}

bool agreement_of(struct agreement *agreement, const double *a, const double *b, size_t rows,
                  const alertron_cuts *cuts_a, const alertron_cuts *cuts_b)
{
    *agreement = (struct agreement){.rows = rows};
    for (size_t i = 0; i < rows; i++) {
        const alertron_severity from = alertron_cuts_severity(cuts_a, a[i]), to = alertron_cuts_severity(cuts_b, b[i]);
        const double shift = b[i] - a[i];
        agreement->severities[from][to]++;
        agreement->to_anomaly += !from && to;
        agreement->to_normal += from && !to;
        agreement->mean_shift += shift / (double)rows;
        agreement->mean_size += fabs(shift) / (double)rows;
        agreement->largest_shift = fabs(shift) > fabs(agreement->largest_shift) ? shift : agreement->largest_shift;
    }
    agreement->same_side = rows - agreement->to_anomaly - agreement->to_normal;
    return correlate_ranks(a, b, rows, &agreement->spearman);
}
