/* ranking.c: how well scores rank rows that are anomalies above those that are not. */
#include "check.h"

static void sift_down(double *values, size_t at, size_t n)
{
    const double value = values[at];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        child += child + 1 < n && values[child + 1] > values[child];
        if (!(values[child] > value))
            break;
        values[at] = values[child];
    }
    values[at] = value;
}

/* A heap sort: it needs no memory, and no order of the input makes it slow. */
void alertron__sort(double *values, size_t n)
{
    for (size_t at = n / 2; at-- > 0;)
        sift_down(values, at, n);
    while (n > 1) {
        const double greatest = values[0];
        values[0] = values[--n];
        values[n] = greatest;
        sift_down(values, 0, n);
    }
}

/* Scores of anomalies and of the others, each rising, and how many of them are above the rows looked at so far. */
struct ranking {
    const double *anomalies, *others;
    size_t n_anomalies, n_others, true_alarms, false_alarms;
};

/* Goes on to the next lower score, and takes in all rows that have it; false behind the last. */
static bool next_score(struct ranking *ranking)
{
    const size_t anomalies = ranking->n_anomalies - ranking->true_alarms;
    const size_t others = ranking->n_others - ranking->false_alarms;
    if (anomalies + others == 0)
        return false;
    double score = anomalies ? ranking->anomalies[anomalies - 1] : ranking->others[others - 1];
    if (others && ranking->others[others - 1] > score)
        score = ranking->others[others - 1];
    while (ranking->true_alarms < ranking->n_anomalies &&
           ranking->anomalies[ranking->n_anomalies - ranking->true_alarms - 1] == score)
        ranking->true_alarms++;
    while (ranking->false_alarms < ranking->n_others &&
           ranking->others[ranking->n_others - ranking->false_alarms - 1] == score)
        ranking->false_alarms++;
    return true;
}

/* Pairs of an anomaly and another row in which the anomaly scores higher, an equal score counting half. */
static double auroc(struct ranking *ranking)
{
    uint64_t halves = 0;
    for (size_t before = 0, above = 0; next_score(ranking);
         before = ranking->false_alarms, above = ranking->true_alarms)
        halves += (uint64_t)(ranking->false_alarms - before) * (above + ranking->true_alarms);
    return (double)halves / 2.0 / ((double)ranking->n_anomalies * (double)ranking->n_others);
}

/* The sum over scores, from the highest, of (recall - recall before) * precision. */
static double average_precision(struct ranking *ranking)
{
    double sum = 0.0;
    for (size_t before = 0; next_score(ranking); before = ranking->true_alarms)
        sum += (double)(ranking->true_alarms - before) * (double)ranking->true_alarms /
               (double)(ranking->true_alarms + ranking->false_alarms);
    return sum / (double)ranking->n_anomalies;
}

static double recall_at(struct ranking *ranking, double alarm_rate)
{
    const double n = (double)ranking->n_anomalies + (double)ranking->n_others;
    size_t found = 0;
    while (next_score(ranking) && (double)(ranking->true_alarms + ranking->false_alarms) / n <= alarm_rate)
        found = ranking->true_alarms;
    return (double)found / (double)ranking->n_anomalies;
}

static double recall_above(const struct ranking *ranking, double threshold)
{
    size_t found = 0;
    while (found < ranking->n_anomalies && ranking->anomalies[ranking->n_anomalies - found - 1] > threshold)
        found++;
    return (double)found / (double)ranking->n_anomalies;
}

alertron_status alertron__ranking(struct checking *checking, double *figure)
{
    const alertron_check *check = checking->check;
    const size_t n = check->rows.rows;
    double *sorted = alertron__new(checking->allocator, n, sizeof *sorted);
    if (!sorted)
        return alertron__error_memory(checking->error);
    struct ranking ranking = {0};
    for (size_t row = 0; row < n; row++) {
        const size_t at = check->labels[row] ? ranking.n_anomalies++ : n - ++ranking.n_others;
        sorted[at] = checking->scores[row];
    }
    ranking.anomalies = sorted;
    ranking.others = sorted + ranking.n_anomalies;
    alertron__sort(sorted, ranking.n_anomalies);
    alertron__sort(sorted + ranking.n_anomalies, ranking.n_others);
    alertron_status status = ALERTRON_OK;
    if (ranking.n_anomalies == 0)
        status = alertron__check_refuse(checking, "no row has a label that makes it an anomaly: label some");
    else if (ranking.n_others == 0 && check->kind == ALERTRON_CHECK_AUROC)
        status =
            alertron__check_refuse(checking, "every row has a label that makes it an anomaly: AUROC needs others too");
    else if (check->kind == ALERTRON_CHECK_AUROC)
        *figure = auroc(&ranking);
    else if (check->kind == ALERTRON_CHECK_AVERAGE_PRECISION)
        *figure = average_precision(&ranking);
    else
        *figure = check->alarm_rate > 0.0 ? recall_at(&ranking, check->alarm_rate)
                                          : recall_above(&ranking, checking->model->cuts.threshold);
    alertron__release(checking->allocator, sorted, n, sizeof *sorted);
    return status;
}
