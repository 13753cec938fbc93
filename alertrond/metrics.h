/* metrics.h: the service's metric families. The names without the prefix alertrond_ are a contract with the
 * dashboards and rules of the system it replaces.
 */
#ifndef ALERTROND_METRICS_H
#define ALERTROND_METRICS_H

#include <alertron.h>

#include "reading.h"

enum { SEVERITIES = 4, READING_FAULTS = READING_NOT_FINITE + 1 };

/* Why a reading became a dead letter: a fault of reading.h, or this. */
#define TOMBSTONE READING_FAULTS

struct metrics {
    alertron_registry *registry;
    /* the contract */
    alertron_counter *device_anomalies; /* anomaly_count_total{device_id,severity} */
    alertron_gauge *device_scores;      /* last_anomaly_score{device_id} */
    alertron_histogram_child *latency;  /* inference_latency_seconds */
    alertron_counter_child *predictions, *consumed, *kafka_errors;
    alertron_counter *requests;    /* requests_total{status} */
    alertron_counter *http_denied; /* alertrond_http_denied_total{reason} */
    /* our own */
    alertron_counter_child *anomalies[SEVERITIES]; /* by severity; that of "none" is NULL */
    alertron_counter_child *dead_letters[READING_FAULTS + 1];
    alertron_gauge *lag; /* {topic,partition} */
    alertron_gauge_child *outputs_waiting, *devices, *ready;
    alertron_counter_child *devices_overflowed;
    alertron_gauge *cut, *cut_origin; /* {severity}, {origin} */
    alertron_counter_child *process_cpu;
    alertron_gauge_child *process_resident, *process_virtual, *process_fds, *process_fds_max, *process_start;
};

/* All families, with every child whose labels are known, at 0. False, and why, on failure. */
bool metrics_open(struct metrics *metrics, size_t devices_max, const char *readings_topic, const alertron_model *model,
                  alertron_error *error);
void metrics_close(struct metrics *metrics);

/* Exports the cuts in force and where they come from. */
void metrics_set_cuts(struct metrics *metrics, const alertron_cuts *cuts);

/* Takes the process's own figures anew: CPU, memory, file descriptors. */
void metrics_read_process(struct metrics *metrics);

/* "tombstone", or the fault's name. */
const char *dead_letter_reason(int fault);

#endif
