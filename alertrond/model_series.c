/* model_series.c: what is counted of a model in its role. */
#include "model_series.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *model_role_name(enum model_role role)
{
    static const char *const names[] = {"primary", "shadow", "canary"};
    return names[role];
}

static void open_series(struct metrics *metrics, struct model_series *series)
{
    const char *const role = model_role_name(series->role), *const version = series->version;
    series->predictions = alertron_counter_with(metrics->model_predictions, (const char *const[]){version, role});
    for (int severity = ALERTRON_SEVERITY_LOW; severity < SEVERITIES; severity++)
        series->anomalies[severity] = alertron_counter_with(
            metrics->model_anomalies,
            (const char *const[]){version, role, alertron_severity_name((alertron_severity)severity)});
    if (series->role == ROLE_PRIMARY)
        return;
    for (int i = 0; i < COMPARISONS; i++)
        series->compared[i] = alertron_counter_with(
            metrics->candidate_compared, (const char *const[]){version, comparison_name((enum comparison)i)});
    series->shift_up = alertron_histogram_with(metrics->candidate_shift, (const char *const[]){version, "up"});
    series->shift_down = alertron_histogram_with(metrics->candidate_shift, (const char *const[]){version, "down"});
}

static void close_series(struct metrics *metrics, struct model_series *series)
{
    alertron_counter_remove(metrics->model_predictions, series->predictions);
    for (int severity = ALERTRON_SEVERITY_LOW; severity < SEVERITIES; severity++)
        alertron_counter_remove(metrics->model_anomalies, series->anomalies[severity]);
    if (series->role == ROLE_PRIMARY)
        return;
    for (int i = 0; i < COMPARISONS; i++)
        alertron_counter_remove(metrics->candidate_compared, series->compared[i]);
    alertron_histogram_remove(metrics->candidate_shift, series->shift_up);
    alertron_histogram_remove(metrics->candidate_shift, series->shift_down);
}

struct model_series *series_hold(struct series_book *book, const char *version, enum model_role role)
{
    struct model_series *series = book->first;
    while (series && (series->role != role || strcmp(series->version, version) != 0))
        series = series->next;
    if (series) {
        series->holders++;
        return series;
    }
    if (!(series = calloc(1, sizeof *series)))
        return NULL;
    series->role = role;
    series->holders = 1;
    snprintf(series->version, sizeof series->version, "%s", version);
    series->next = book->first;
    book->first = series;
    metrics_lock(book->metrics);
    open_series(book->metrics, series);
    metrics_unlock(book->metrics);
    return series;
}

void series_release(struct series_book *book, struct model_series *series)
{
    if (!series || --series->holders > 0)
        return;
    struct model_series **at = &book->first;
    while (*at != series)
        at = &(*at)->next;
    *at = series->next;
    metrics_lock(book->metrics);
    close_series(book->metrics, series);
    metrics_unlock(book->metrics);
    free(series);
}
