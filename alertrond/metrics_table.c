/* metrics_table.c: the one table of the service's metric families. */
#include "metrics_table.h"

#include "metrics.h"

static const double latency_bounds[] = {1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3,
                                        1e-2, 2.5e-2, 5e-2, 0.1,  0.25,   0.5,  1.0,  2.5,    5.0,  10.0, 0};
static const double block_bounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 0};
static const double transaction_bounds[] = {1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1,
                                            0.25, 0.5,    1.0,  2.5,  5.0,    10.0, 0};

const double metric_shift_bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0};

#define FIELD(member) .field = offsetof(struct metrics, member)

const struct metric_family_row metric_families[] = {
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
    {.name = "alertrond_http_denied_total",
     .kind = COUNTER,
     .labels = {"reason"},
     .unit = "requests, connections",
     .help = "HTTP requests and connections denied, by reason.",
     FIELD(http_denied)},
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
     .help = "Reloads of the models: done, refused (the old one goes on), or unchanged.",
     FIELD(model_reloads)},
    {.name = "alertrond_model_predictions_total",
     .kind = COUNTER,
     .labels = {"model_version", "role"},
     .unit = "readings",
     .help = "Readings that a model scored, whether it decides or not.",
     FIELD(model_predictions)},
    {.name = "alertrond_model_anomalies_total",
     .kind = COUNTER,
     .labels = {"model_version", "role", "severity"},
     .unit = "readings",
     .help = "Anomalies among them by that model's own cuts, whether it decides or not.",
     FIELD(model_anomalies)},
    {.name = "alertrond_candidate_readings_total",
     .kind = COUNTER,
     .labels = {"model_version", "outcome"},
     .unit = "readings",
     .help = "Readings that the candidate and the primary scored, by which of them called it an anomaly: both_normal, "
             "both_anomalous, primary_only or candidate_only.",
     FIELD(candidate_compared)},
    {.name = "alertrond_candidate_score_shift",
     .kind = HISTOGRAM,
     .labels = {"model_version", "direction"},
     .bounds = metric_shift_bounds,
     .unit = "score",
     .help = "How far the candidate's score lies from the primary's: up where it is not lower, else down.",
     FIELD(candidate_shift)},
    {.name = "alertrond_candidate_decisions_total",
     .kind = COUNTER,
     .labels = {"decision", "by"},
     .unit = "candidates",
     .help = "Candidates that were promoted or dropped, by command or by rule.",
     FIELD(candidate_decisions)},
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

const size_t metric_n_families = sizeof metric_families / sizeof *metric_families;

size_t metric_labels(const struct metric_family_row *family)
{
    size_t n = 0;
    while (n < LABELS_MAX && family->labels[n])
        n++;
    return n;
}

size_t metric_bounds(const struct metric_family_row *family)
{
    size_t n = 0;
    while (family->bounds[n] > 0)
        n++;
    return n;
}

/* --- the page ----------------------------------------------------------------------------------------- */

static void write_row(FILE *out, const struct metric_family_row *family)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    fprintf(out, "| `%s` | %s | ", family->name, kinds[family->kind]);
    for (size_t i = 0; i < metric_labels(family); i++)
        fprintf(out, "%s`%s`", i ? ", " : "", family->labels[i]);
    fprintf(out, " | %s | %s", family->unit, family->help);
    for (size_t i = 0; family->bounds && i < metric_bounds(family); i++)
        fprintf(out, "%s%g", i ? ", " : " Bounds: ", family->bounds[i]);
    fprintf(out, " |\n");
}

void metrics_write_page(FILE *out)
{
    fprintf(out, "# Metric families of alertrond\n\n"
                 "This page is written by `alertrond check-config --metrics`, from the table that the program itself "
                 "registers.\nHow to read and query them is in [metrics.md](metrics.md).\n");
    for (size_t i = 0; i < metric_n_families; i++) {
        if (metric_families[i].section)
            fprintf(out, "\n## %s\n\n| Name | Type | Labels | Unit | Meaning |\n|---|---|---|---|---|\n",
                    metric_families[i].section);
        write_row(out, &metric_families[i]);
    }
}
