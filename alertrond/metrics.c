/* metrics.c: the service's metric families. */
#include "metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "kafka.h"

#define OTHER_SERIES_MAX ((size_t)10000) /* partitions, reasons, statuses */

/* Opening stops at the first family that fails; what follows is skipped. */
struct opening {
    alertron_registry *registry;
    alertron_error *error;
    bool failed;
};

static alertron_counter *counter(struct opening *opening, const char *name, const char *help, const char *const *labels,
                                 size_t n_labels)
{
    alertron_counter *family =
        opening->failed ? NULL
                        : alertron_registry_counter(opening->registry, name, help, labels, n_labels, opening->error);
    opening->failed |= !family;
    return family;
}

static alertron_gauge *gauge(struct opening *opening, const char *name, const char *help, const char *const *labels,
                             size_t n_labels)
{
    alertron_gauge *family =
        opening->failed ? NULL
                        : alertron_registry_gauge(opening->registry, name, help, labels, n_labels, opening->error);
    opening->failed |= !family;
    return family;
}

static alertron_counter_child *lone_counter(struct opening *opening, const char *name, const char *help)
{
    alertron_counter *family = counter(opening, name, help, NULL, 0);
    return family ? alertron_counter_with(family, NULL) : NULL;
}

static alertron_gauge_child *lone_gauge(struct opening *opening, const char *name, const char *help)
{
    alertron_gauge *family = gauge(opening, name, help, NULL, 0);
    return family ? alertron_gauge_with(family, NULL) : NULL;
}

const char *dead_letter_reason(int fault)
{
    return fault == TOMBSTONE ? "tombstone" : reading_fault_name((enum reading_fault)fault);
}

static void open_contract(struct metrics *metrics, struct opening *opening, const char *readings_topic)
{
    static const double bounds[] = {1e-6, 2.5e-6, 5e-6,   1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3,
                                    5e-3, 1e-2,   2.5e-2, 5e-2, 0.1,    0.25, 0.5,  1.0,    2.5,  5.0,  10.0};
    metrics->device_anomalies = counter(opening, "anomaly_count_total", "Anomalies by device and severity.",
                                        (const char *const[]){"device_id", "severity"}, 2);
    metrics->device_scores =
        gauge(opening, "last_anomaly_score", "Score of the device's last reading; higher is more anomalous.",
              (const char *const[]){"device_id"}, 1);
    alertron_histogram *latency =
        opening->failed ? NULL
                        : alertron_registry_histogram(opening->registry, "inference_latency_seconds",
                                                      "Time from a reading's bytes at hand to its verdict.", NULL, 0,
                                                      bounds, sizeof bounds / sizeof *bounds, opening->error);
    opening->failed |= !latency;
    metrics->latency = latency ? alertron_histogram_with(latency, NULL) : NULL;
    metrics->predictions = lone_counter(opening, "predictions_total", "Readings scored.");
    alertron_counter *consumed =
        counter(opening, "kafka_messages_consumed_total", "Messages consumed.", (const char *const[]){"topic"}, 1);
    metrics->consumed = consumed ? alertron_counter_with(consumed, &readings_topic) : NULL;
    metrics->kafka_errors = lone_counter(opening, "kafka_errors_total", "Errors of the Kafka consumer and producer.");
    metrics->requests =
        counter(opening, "requests_total", "Requests to /ingest by HTTP status.", (const char *const[]){"status"}, 1);
    if (metrics->requests)
        alertron_counter_with(metrics->requests, (const char *const[]){"200"});
}

static void open_flow(struct metrics *metrics, struct opening *opening)
{
    metrics->http_denied = counter(opening, "alertrond_http_denied_total", "HTTP requests and connections denied.",
                                   (const char *const[]){"reason"}, 1);
    alertron_counter *anomalies =
        counter(opening, "alertrond_anomalies_total", "Anomalies by severity, of all devices: the one to alert on.",
                (const char *const[]){"severity"}, 1);
    for (int severity = ALERTRON_SEVERITY_LOW; anomalies && severity < SEVERITIES; severity++) {
        const char *name = alertron_severity_name((alertron_severity)severity);
        metrics->anomalies[severity] = alertron_counter_with(anomalies, &name);
    }
    alertron_counter *dead_letters =
        counter(opening, "alertrond_dead_letters_total", "Messages that could not be scored, by reason.",
                (const char *const[]){"reason"}, 1);
    for (int fault = READING_GOOD + 1; dead_letters && fault <= TOMBSTONE; fault++) {
        const char *reason = dead_letter_reason(fault);
        metrics->dead_letters[fault] = alertron_counter_with(dead_letters, &reason);
    }
    metrics->lag = gauge(opening, "alertrond_consumer_lag_messages", "Messages of a partition not dealt with yet.",
                         (const char *const[]){"topic", "partition"}, 2);
    metrics->outputs_waiting = lone_gauge(opening, "alertrond_outputs_waiting",
                                          "Anomalies and dead letters that the broker has not acknowledged yet.");
    metrics->devices = lone_gauge(opening, "alertrond_devices", "Devices that have series of their own.");
    metrics->devices_overflowed =
        lone_counter(opening, "alertrond_devices_overflow_total",
                     "Readings of devices beyond limits.devices, which are counted under device_id=\"_other\".");
    metrics->ready = lone_gauge(opening, "alertrond_ready", "1 where /readyz says so.");
}

static void open_model(struct metrics *metrics, struct opening *opening, const alertron_model *model)
{
    alertron_model_info info;
    alertron_model_describe(model, &info);
    metrics->cut = gauge(opening, "alertrond_severity_cut_score",
                         "Score from which on a reading is an anomaly of at least this severity.",
                         (const char *const[]){"severity"}, 1);
    metrics->cut_origin = gauge(opening, "alertrond_severity_cuts_origin",
                                "1 for where the severity cuts come from: provisional, training, file or stream.",
                                (const char *const[]){"origin"}, 1);
    alertron_gauge *about = gauge(opening, "alertrond_model_info", "The model that scores; always 1.",
                                  (const char *const[]){"kind", "producer", "kernel"}, 3);
    if (about)
        alertron_gauge_set(alertron_gauge_with(about, (const char *const[]){info.kind, info.producer, info.kernel}), 1);
    alertron_gauge *build = gauge(opening, "alertrond_build_info", "The program that runs; always 1.",
                                  (const char *const[]){"version", "librdkafka"}, 2);
    if (build)
        alertron_gauge_set(alertron_gauge_with(build, (const char *const[]){alertron_version(), kafka_version()}), 1);
}

static void open_process(struct metrics *metrics, struct opening *opening)
{
    metrics->process_cpu = lone_counter(opening, "process_cpu_seconds_total", "CPU time in user and system mode.");
    metrics->process_resident = lone_gauge(opening, "process_resident_memory_bytes", "Resident memory.");
    metrics->process_virtual = lone_gauge(opening, "process_virtual_memory_bytes", "Virtual memory.");
    metrics->process_fds = lone_gauge(opening, "process_open_fds", "Open file descriptors.");
    metrics->process_fds_max = lone_gauge(opening, "process_max_fds", "Most file descriptors that may be open.");
    metrics->process_start = lone_gauge(opening, "process_start_time_seconds", "Start of the process, since 1970.");
    if (metrics->process_start)
        alertron_gauge_set(metrics->process_start, (double)time(NULL));
}

bool metrics_open(struct metrics *metrics, size_t devices_max, const char *readings_topic, const alertron_model *model,
                  alertron_error *error)
{
    /* Each device has a series a severity; one more of each for all devices beyond the limit. How many those are is
     * devices.c's to say: here is room besides for the families whose labels don't come from devices. */
    const alertron_registry_options options = {.series_max = OTHER_SERIES_MAX + (devices_max + 1) * (SEVERITIES - 1)};
    *metrics = (struct metrics){.registry = alertron_registry_new(&options, NULL, error)};
    struct opening opening = {.registry = metrics->registry, .error = error, .failed = !metrics->registry};
    open_contract(metrics, &opening, readings_topic);
    open_flow(metrics, &opening);
    open_model(metrics, &opening, model);
    open_process(metrics, &opening);
    if (opening.failed)
        metrics_close(metrics);
    return !opening.failed;
}

void metrics_close(struct metrics *metrics)
{
    alertron_registry_free(metrics->registry);
    metrics->registry = NULL;
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

/* --- the process itself ------------------------------------------------------------------------------ */

static double count_open_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    double n = 0;
    while (folder && readdir(folder))
        n++;
    if (folder)
        closedir(folder);
    return n > 3 ? n - 3 : 0; /* ".", ".." and the folder itself */
}

static void read_memory(double *virtual_bytes, double *resident_bytes)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long virtual_pages = 0, resident_pages = 0;
    if (file && fscanf(file, "%ld %ld", &virtual_pages, &resident_pages) == 2) {
        *virtual_bytes = (double)virtual_pages * (double)sysconf(_SC_PAGESIZE);
        *resident_bytes = (double)resident_pages * (double)sysconf(_SC_PAGESIZE);
    }
    if (file)
        fclose(file);
}

void metrics_read_process(struct metrics *metrics)
{
    struct rusage usage;
    struct rlimit limit;
    double virtual_bytes = 0, resident_bytes = 0;
    getrusage(RUSAGE_SELF, &usage);
    const double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
    alertron_counter_add(metrics->process_cpu, cpu - alertron_counter_value(metrics->process_cpu));
    read_memory(&virtual_bytes, &resident_bytes);
    alertron_gauge_set(metrics->process_virtual, virtual_bytes);
    alertron_gauge_set(metrics->process_resident, resident_bytes);
    alertron_gauge_set(metrics->process_fds, count_open_fds());
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        alertron_gauge_set(metrics->process_fds_max, (double)limit.rlim_cur);
}
