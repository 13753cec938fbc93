/* severity.c: bands of anomalies by quantiles of their scores. */
#include "private.h"

const char *alertron_severity_name(alertron_severity severity)
{
    static const char *const names[] = {"none", "low", "medium", "high"};
    return (unsigned)severity < 4 ? names[severity] : "none";
}

const char *alertron_cuts_origin_name(alertron_cuts_origin origin)
{
    static const char *const names[] = {"provisional", "training", "file", "stream"};
    return (unsigned)origin < 4 ? names[origin] : "provisional";
}

size_t alertron_score_bin(double score)
{
    const double at = score * ALERTRON_SCORE_BINS;
    if (!(at > 0.0))
        return 0;
    return at < ALERTRON_SCORE_BINS ? (size_t)at : ALERTRON_SCORE_BINS - 1;
}

alertron_severity alertron_cuts_severity(const alertron_cuts *cuts, double score)
{
    if (!(score > cuts->threshold))
        return ALERTRON_SEVERITY_NONE;
    if (score >= cuts->high)
        return ALERTRON_SEVERITY_HIGH;
    return score >= cuts->medium ? ALERTRON_SEVERITY_MEDIUM : ALERTRON_SEVERITY_LOW;
}

/* Moves the values below the limit to the front; returns how many that are. Without a branch, as which values those are
 * can't be predicted. */
static size_t part_below(double *values, size_t n, double limit)
{
    size_t n_below = 0;
    for (size_t i = 0; i < n; i++) {
        const double value = values[i];
        values[i] = values[n_below];
        values[n_below] = value;
        n_below += value < limit;
    }
    return n_below;
}

static size_t part_above(double *values, size_t n, double limit)
{
    size_t n_above = 0;
    for (size_t i = 0; i < n; i++) {
        const double value = values[i];
        values[i] = values[n_above];
        values[n_above] = value;
        n_above += value > limit;
    }
    return n_above;
}

/* A double above least, at most greatest; half of the doubles between the two are below it. */
static double midway(double least, double greatest)
{
    if (least < 0.0 && greatest >= 0.0)
        return 0.0;
    /* Of one sign, doubles are in the order of their bits. Adding zero makes -0.0 the other zero. */
    const uint64_t a = alertron__bits_of_double(least + 0.0), b = alertron__bits_of_double(greatest + 0.0);
    const double middle = alertron__double_of_bits(a / 2 + b / 2 + (a & b & 1));
    return middle > least ? middle : greatest;
}

/* Moves the k-th smallest to values[k], smaller ones before it. Each round halves the doubles between the least and the
 * greatest value that are left, so there are at most 65 of them, whatever the values are and however they are ordered.
 */
static void select_smallest(double *values, size_t n, size_t k)
{
    for (;;) {
        const struct range range = alertron__range_of(values, n);
        if (!(range.least < range.greatest))
            return;
        const size_t n_below = part_below(values, n, midway(range.least, range.greatest));
        if (k < n_below) {
            n = n_below;
        } else {
            values += n_below;
            n -= n_below;
            k -= n_below;
        }
    }
}

double alertron__quantile(double *values, size_t n, double quantile)
{
    double position = quantile * (double)(n - 1);
    size_t k = (size_t)position;
    if (k >= n - 1)
        k = n - 1;
    select_smallest(values, n, k);
    if (k == n - 1)
        return values[k];
    double next = values[k + 1];
    for (size_t i = k + 2; i < n; i++)
        next = values[i] < next ? values[i] : next;
    /* From the nearer of the two, which is numpy's order of rounding. */
    const double step = next - values[k], share = position - (double)k;
    return share < 0.5 ? values[k] + step * share : next - step * (1.0 - share);
}

alertron_status alertron__quantiles_check(double medium, double high, alertron_error *error)
{
    if (medium > 0.0 && medium < high && high < 1.0)
        return ALERTRON_OK;
    return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                           "the severity quantiles must be 0 < medium < high < 1, such as 0.80 and 0.95");
}

static double least_above(const double *values, size_t n, double limit)
{
    double least = alertron__infinity();
    for (size_t i = 0; i < n; i++)
        least = values[i] > limit && values[i] < least ? values[i] : least;
    return least;
}

/* Many scores may be equal: readings far outside fall into the same leaves and share the highest score there is.
 * Where both quantiles fall on it, it is high, and medium is taken from the scores below. Where the medium quantile
 * falls on the lowest score, the next one is medium. False where three bands can't be had. */
static bool find_cuts(alertron_cuts *cuts, double *scores, size_t n)
{
    const double lowest = alertron__quantile(scores, n, 0.0);
    const double high = alertron__quantile(scores, n, cuts->high_quantile);
    double medium = alertron__quantile(scores, n, cuts->medium_quantile);
    if (medium >= high) {
        const size_t n_below = part_below(scores, n, high);
        medium = n_below ? alertron__quantile(scores, n_below, cuts->medium_quantile) : lowest;
    }
    if (medium <= lowest)
        medium = least_above(scores, n, lowest);
    if (!(lowest < medium && medium < high))
        return false;
    cuts->medium = medium;
    cuts->high = high;
    return true;
}

alertron_status alertron_cuts_calibrate(alertron_cuts *cuts, double *scores, size_t n_scores,
                                        alertron_cuts_origin origin, alertron_error *error)
{
    if (alertron__quantiles_check(cuts->medium_quantile, cuts->high_quantile, error) != ALERTRON_OK)
        return ALERTRON_ERROR_ARGUMENT;
    const size_t n = part_above(scores, n_scores, cuts->threshold);
    if (n < ALERTRON_CUTS_SCORES_MIN)
        return alertron__error(error, ALERTRON_ERROR_LIMIT, ALERTRON_NO_OFFSET,
                               "%zu of %zu scores %s anomalous; severity cuts need at least %u: give more readings", n,
                               n_scores, n == 1 ? "is" : "are", ALERTRON_CUTS_SCORES_MIN);
    if (!find_cuts(cuts, scores, n))
        return alertron__error(
            error, ALERTRON_ERROR_LIMIT, ALERTRON_NO_OFFSET,
            "too many of %zu anomalous scores are equal to tell low, medium and high apart: give more readings", n);
    cuts->n_scores = n;
    cuts->origin = origin;
    return ALERTRON_OK;
}
