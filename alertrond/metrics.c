/* metrics.c: the one table of the service's metric families, from which come the registry and the documentation page.
 */
#include "metrics.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kafka.h"

#define OTHER_SERIES_MAX ((size_t)10000) /* partitions, reasons, statuses */

enum family_kind { COUNTER, GAUGE, HISTOGRAM };

enum { LABELS_MAX = 5, BOUNDS_MAX = 24 };

/* A family; what struct metrics keeps of it is the family itself, or its only child where it has no labels. */
struct family {
    const char *section; /* of the page; NULL: that of the family before */
    const char *name;
    enum family_kind kind;
    const char *labels[LABELS_MAX];
    const double *bounds; /* up to a 0 */
    const char *unit, *help;
    size_t field;
};

static const double latency_bounds[] = {1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3,
                                        1e-2, 2.5e-2, 5e-2, 0.1,  0.25,   0.5,  1.0,  2.5,    5.0,  10.0, 0};
static const double block_bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 0};
static const double transaction_bounds[] = {1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1,
                                            0.25, 0.5,    1.0,  2.5,  5.0,    10.0, 0};

#define FIELD(member) .field = offsetof(struct metrics, member)

static const struct family families[] = {
    {.section = "Contract",
     .name = "anomaly_count_total",
     .kind = COUNTER,
     .labels = {"device_id", "severity"},
     .unit = "readings",
     .help = "Anomalies by device and severity.",
     FIELD(device_anomalies)},
    {.name = "last_anomaly_score",
     .kind = GAUGE,
     .labels = {"device_id"},
     .unit = "score, 0 to 1",
     .help = "Score of the device's last reading; higher is more anomalous.",
     FIELD(device_scores)},
    {.name = "inference_latency_seconds",
     .kind = HISTOGRAM,
     .bounds = latency_bounds,
     .unit = "seconds",
     .help = "Time from a reading's bytes at hand to its verdict.",
     FIELD(latency)},
    {.name = "predictions_total",
     .kind = COUNTER,
     .unit = "readings",
     .help = "Readings scored, from Kafka and /ingest.",
     FIELD(predictions)},
    {.name = "kafka_messages_consumed_total",
     .kind = COUNTER,
     .labels = {"topic"},
     .unit = "messages",
     .help = "Messages dealt with, dead letters included.",
     FIELD(consumed)},
    {.name = "kafka_errors_total",
     .kind = COUNTER,
     .unit = "errors",
     .help = "Errors of the Kafka consumers and producers.",
     FIELD(kafka_errors)},
    {.name = "requests_total",
     .kind = COUNTER,
     .labels = {"status"},
     .unit = "requests",
     .help = "Requests to /ingest by HTTP status.",
     FIELD(requests)},
    {.section = "Readings",
     .name = "alertrond_anomalies_total",
     .kind = COUNTER,
     .labels = {"severity"},
     .unit = "readings",
     .help = "Anomalies by severity, of all devices: the one to alert on.",
     FIELD(anomalies)},
    {.name = "alertrond_dead_letters_total",
     .kind = COUNTER,
     .labels = {"reason"},
     .unit = "messages",
     .help = "Messages that could not be scored, by reason.",
     FIELD(dead_letters)},
    {.name = "alertrond_block_readings",
     .kind = HISTOGRAM,
     .bounds = block_bounds,
     .unit = "messages",
     .help = "Messages of a block: what was at hand when a worker looked.",
     FIELD(block_readings)},
    {.name = "alertrond_devices",
     .kind = GAUGE,
     .unit = "devices",
     .help = "Devices that have series of their own.",
     FIELD(devices)},
    {.name = "alertrond_devices_overflow_total",
     .kind = COUNTER,
     .unit = "readings",
     .help = "Readings of devices beyond limits.devices, which are counted under device_id=\"_other\".",
     FIELD(devices_overflowed)},
    {.section = "Kafka",
     .name = "alertrond_consumer_lag_messages",
     .kind = GAUGE,
     .labels = {"topic", "partition"},
     .unit = "messages",
     .help = "Messages of a partition behind the lowest offset that is safe to commit.",
     FIELD(lag)},
    {.name = "alertrond_last_reading_timestamp_seconds",
     .kind = GAUGE,
     .labels = {"topic", "partition"},
     .unit = "seconds since 1970",
     .help = "When the last message of a partition was dealt with.",
     FIELD(last_reading)},
    {.name = "alertrond_partition_stalled",
     .kind = GAUGE,
     .labels = {"topic", "partition"},
     .unit = "0 or 1",
     .help = "1 where messages wait in a partition and none has been dealt with for limits.stall_seconds.",
     FIELD(stalled)},
    {.name = "alertrond_partitions",
     .kind = GAUGE,
     .unit = "partitions",
     .help = "Partitions that this instance reads.",
     FIELD(partitions)},
    {.name = "alertrond_rebalances_total",
     .kind = COUNTER,
     .unit = "events",
     .help = "Times that partitions came to a worker or were taken from it.",
     FIELD(rebalances)},
    {.name = "alertrond_fetched_messages",
     .kind = GAUGE,
     .unit = "messages",
     .help = "Messages that were fetched ahead and wait to be scored.",
     FIELD(fetched_messages)},
    {.name = "alertrond_outputs_waiting",
     .kind = GAUGE,
     .unit = "messages",
     .help = "Anomalies and dead letters that the broker has not acknowledged yet.",
     FIELD(outputs_waiting)},
    {.name = "alertrond_transactions_total",
     .kind = COUNTER,
     .labels = {"outcome"},
     .unit = "transactions",
     .help = "Transactions that were committed or aborted, with kafka.delivery = exactly-once.",
     FIELD(transactions)},
    {.name = "alertrond_transaction_seconds",
     .kind = HISTOGRAM,
     .bounds = transaction_bounds,
     .unit = "seconds",
     .help = "Time that a commit of outputs and offsets takes.",
     FIELD(transaction_seconds)},
    {.section = "Service",
     .name = "alertrond_ready",
     .kind = GAUGE,
     .unit = "0 or 1",
     .help = "1 where /readyz says so.",
     FIELD(ready)},
    {.name = "alertrond_workers",
     .kind = GAUGE,
     .unit = "threads",
     .help = "Workers, each a member of the consumer group.",
     FIELD(workers)},
    {.name = "alertrond_build_info",
     .kind = GAUGE,
     .labels = {"version", "librdkafka"},
     .unit = "1",
     .help = "The program that runs; always 1.",
     FIELD(build_info)},
    {.section = "Model",
     .name = "alertrond_model_info",
     .kind = GAUGE,
     .labels = {"kind", "producer", "kernel", "model_version", "role"},
     .unit = "1",
     .help = "The models in force, by role: primary, shadow or canary; always 1.",
     FIELD(model_info)},
    {.name = "alertrond_model_loaded_timestamp_seconds",
     .kind = GAUGE,
     .unit = "seconds since 1970",
     .help = "When the primary model was loaded.",
     FIELD(model_loaded)},
    {.name = "alertrond_model_reloads_total",
     .kind = COUNTER,
     .labels = {"outcome"},
     .unit = "reloads",
     .help = "Reloads of the model: done, refused (the old one goes on), or unchanged.",
     FIELD(model_reloads)},
    {.name = "alertrond_severity_cut_score",
     .kind = GAUGE,
     .labels = {"severity"},
     .unit = "score",
     .help = "Score from which on a reading is an anomaly of at least this severity.",
     FIELD(cut)},
    {.name = "alertrond_severity_cuts_origin",
     .kind = GAUGE,
     .labels = {"origin"},
     .unit = "0 or 1",
     .help = "1 for where the severity cuts come from: provisional, training, file or stream.",
     FIELD(cut_origin)},
    {.section = "Process",
     .name = "process_cpu_seconds_total",
     .kind = COUNTER,
     .unit = "seconds",
     .help = "CPU time in user and system mode.",
     FIELD(process_cpu)},
    {.name = "process_resident_memory_bytes",
     .kind = GAUGE,
     .unit = "bytes",
     .help = "Resident memory.",
     FIELD(process_resident)},
    {.name = "process_virtual_memory_bytes",
     .kind = GAUGE,
     .unit = "bytes",
     .help = "Virtual memory.",
     FIELD(process_virtual)},
    {.name = "process_open_fds", .kind = GAUGE, .unit = "files", .help = "Open file descriptors.", FIELD(process_fds)},
    {.name = "process_max_fds",
     .kind = GAUGE,
     .unit = "files",
     .help = "Most file descriptors that may be open.",
     FIELD(process_fds_max)},
    {.name = "process_start_time_seconds",
     .kind = GAUGE,
     .unit = "seconds since 1970",
     .help = "Start of the process.",
     FIELD(process_start)},
};

enum { FAMILIES = sizeof families / sizeof *families };

const char *dead_letter_reason(int fault)
{
    return fault == TOMBSTONE ? "tombstone" : reading_fault_name((enum reading_fault)fault);
}

/* --- the registry ------------------------------------------------------------------------------------- */

static size_t count_labels(const struct family *family)
{
    size_t n = 0;
    while (n < LABELS_MAX && family->labels[n])
        n++;
    return n;
}

static size_t count_bounds(const struct family *family)
{
    size_t n = 0;
    while (family->bounds[n] > 0)
        n++;
    return n;
}

/* The family, or its only child; NULL, and why, on failure. */
static void *open_family(alertron_registry *registry, const struct family *family, alertron_error *error)
{
    const size_t n = count_labels(family);
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
                                                           family->bounds, count_bounds(family), error);
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
    static const char *const transactions[] = {"committed", "aborted"};
    for (size_t i = 0; i < sizeof transactions / sizeof *transactions; i++)
        alertron_counter_with(metrics->transactions, &transactions[i]);
    const char *const build[] = {alertron_version(), kafka_version()};
    alertron_gauge_set(alertron_gauge_with(metrics->build_info, build), 1);
    alertron_gauge_set(metrics->process_start, (double)time(NULL));
}

bool metrics_open(struct metrics *metrics, size_t devices_max, const char *readings_topic, alertron_error *error)
{
    /* Each device has a series a severity; one more of each for all devices beyond the limit. How many those are is
     * devices.c's to say: here is room besides for the families whose labels don't come from devices. */
    const alertron_registry_options options = {.series_max = OTHER_SERIES_MAX + (devices_max + 1) * (SEVERITIES - 1),
                                               .shared = true};
    *metrics = (struct metrics){.registry = alertron_registry_new(&options, NULL, error)};
    if (!metrics->registry)
        return false;
    for (size_t i = 0; i < FAMILIES; i++) {
        void *made = open_family(metrics->registry, &families[i], error);
        if (!made) {
            alertron_registry_free(metrics->registry);
            return false;
        }
        memcpy((char *)metrics + families[i].field, &made, sizeof made);
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

/* --- the page ----------------------------------------------------------------------------------------- */

static void write_row(FILE *out, const struct family *family)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    fprintf(out, "| `%s` | %s | ", family->name, kinds[family->kind]);
    for (size_t i = 0; i < count_labels(family); i++)
        fprintf(out, "%s`%s`", i ? ", " : "", family->labels[i]);
    fprintf(out, " | %s | %s", family->unit, family->help);
    for (size_t i = 0; family->bounds && i < count_bounds(family); i++)
        fprintf(out, "%s%g", i ? ", " : " Bounds: ", family->bounds[i]);
    fprintf(out, " |\n");
}

void metrics_write_page(FILE *out)
{
    fprintf(out, "# Metric families of alertrond\n\n"
                 "This page is written by `alertrond check-config --metrics`, from the table that the program itself "
                 "registers.\nHow to read and query them is in [metrics.md](metrics.md).\n");
    for (size_t i = 0; i < FAMILIES; i++) {
        if (families[i].section)
            fprintf(out, "\n## %s\n\n| Name | Type | Labels | Unit | Meaning |\n|---|---|---|---|---|\n",
                    families[i].section);
        write_row(out, &families[i]);
    }
}
