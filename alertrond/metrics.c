/* metrics.c: the one table of the service's metric families, from which come the registry and the documentation page.
 */
#include "metrics.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "kafka.h"
#include "metrics_table.h"
#include "seed.h"

#define OTHER_SERIES_MAX ((size_t)10000) /* partitions, reasons, statuses */

const char *dead_letter_reason(int fault)
{
    return fault == TOMBSTONE ? "tombstone" : reading_fault_name((enum reading_fault)fault);
}

/* --- the registry ------------------------------------------------------------------------------------- */

/* The family, or its only child; NULL, and why, on failure. */
static void *open_family(alertron_registry *registry, const struct metric_family_row *family, alertron_error *error)
{
    const size_t n = metric_labels(family);
    const char *const *labels = n ? family->labels : NULL;
    if (family->kind == COUNTER) {
        alertron_counter *made = alertron_registry_counter(registry, family->name, family->help, labels, n, error);
        return made && n == 0 ? (void *)alertron_counter_with(made, NULL) : (void *)made;
    }
    if (family->kind == GAUGE) {
        alertron_gauge *made = alertron_registry_gauge(registry, family->name, family->help, labels, n, error);
        return made && n == 0 ? (void *)alertron_gauge_with(made, NULL) : (void *)made;
    }
    alertron_histogram *made = alertron_registry_histogram(registry, family->name, family->help, labels, n,
                                                           family->bounds, metric_bounds(family), error);
    return made && n == 0 ? (void *)alertron_histogram_with(made, NULL) : (void *)made;
}

/* The children that are known beforehand, so that a first increase is seen as one. */
static void open_children(struct metrics *metrics, const char *readings_topic)
{
    for (int severity = ALERTRON_SEVERITY_LOW; severity < SEVERITIES; severity++) {
        const char *name = alertron_severity_name((alertron_severity)severity);
        metrics->anomalies_of[severity] = alertron_counter_with(metrics->anomalies, &name);
    }
    for (int fault = READING_GOOD + 1; fault <= TOMBSTONE; fault++) {
        const char *reason = dead_letter_reason(fault);
        metrics->dead_letters_of[fault] = alertron_counter_with(metrics->dead_letters, &reason);
    }
    alertron_counter_with(metrics->consumed, &readings_topic);
    alertron_counter_with(metrics->requests, (const char *const[]){"200"});
    static const char *const reloads[] = {"done", "refused", "unchanged"};
    for (size_t i = 0; i < sizeof reloads / sizeof *reloads; i++)
        alertron_counter_with(metrics->model_reloads, &reloads[i]);
    for (size_t i = 0; i < 4; i++)
        alertron_counter_with(metrics->candidate_decisions,
                              (const char *const[]){i / 2 ? "promoted" : "dropped", i % 2 ? "command" : "rule"});
    metrics->transactions_committed = alertron_counter_with(metrics->transactions, (const char *const[]){"committed"});
    metrics->transactions_aborted = alertron_counter_with(metrics->transactions, (const char *const[]){"aborted"});
    const char *const build[] = {alertron_version(), kafka_version()};
    alertron_gauge_set(alertron_gauge_with(metrics->build_info, build), 1);
    alertron_gauge_set(metrics->process_start, (double)time(NULL));
}

bool metrics_open(struct metrics *metrics, size_t devices_max, const char *readings_topic, alertron_error *error)
{
    /* Each device has a series a severity; one more of each for all devices beyond the limit. How many those are is
     * devices.c's to say: here is room besides for the families whose labels don't come from devices. */
    const alertron_registry_options options = {
        .series_max = OTHER_SERIES_MAX + (devices_max + 1) * (SEVERITIES - 1), .shared = true, .seed = seed_draw()};
    *metrics = (struct metrics){.registry = alertron_registry_new(&options, NULL, error)};
    if (!metrics->registry)
        return false;
    for (size_t i = 0; i < metric_n_families; i++) {
        void *made = open_family(metrics->registry, &metric_families[i], error);
        if (!made) {
            alertron_registry_free(metrics->registry);
            return false;
        }
        memcpy((char *)metrics + metric_families[i].field, &made, sizeof made);
    }
    pthread_mutex_init(&metrics->mutex, NULL);
    open_children(metrics, readings_topic);
    return true;
}

void metrics_close(struct metrics *metrics)
{
    pthread_mutex_destroy(&metrics->mutex);
    alertron_registry_free(metrics->registry);
    metrics->registry = NULL;
}

void metrics_lock(struct metrics *metrics)
{
    pthread_mutex_lock(&metrics->mutex);
}

void metrics_unlock(struct metrics *metrics)
{
    pthread_mutex_unlock(&metrics->mutex);
}

void metrics_set_cuts(struct metrics *metrics, const alertron_cuts *cuts)
{
    const double scores[SEVERITIES] = {0, cuts->threshold, cuts->medium, cuts->high};
    for (int severity = ALERTRON_SEVERITY_LOW; severity < SEVERITIES; severity++) {
        const char *name = alertron_severity_name((alertron_severity)severity);
        alertron_gauge_set(alertron_gauge_with(metrics->cut, &name), scores[severity]);
    }
    for (int origin = ALERTRON_CUTS_PROVISIONAL; origin <= ALERTRON_CUTS_STREAM; origin++) {
        const char *name = alertron_cuts_origin_name((alertron_cuts_origin)origin);
        alertron_gauge_set(alertron_gauge_with(metrics->cut_origin, &name), origin == (int)cuts->origin);
    }
}
