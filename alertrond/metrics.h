/* metrics.h: the service's metric families. The names without the prefix alertrond_ are a contract with the
 * dashboards and rules of the system it replaces.
 *
 * Any thread updates a child that it has; children are made and removed under metrics_lock.
 */
#ifndef ALERTROND_METRICS_H
#define ALERTROND_METRICS_H

#include <pthread.h>

#include <alertron.h>

#include "reading.h"

enum { SEVERITIES = 4, READING_FAULTS = READING_NOT_FINITE + 1 };

/* Why a reading became a dead letter: a fault of reading.h, or this. */
#define TOMBSTONE READING_FAULTS

struct metrics {
    pthread_mutex_t mutex;
    alertron_registry *registry;
    /* the contract */
    alertron_counter *device_anomalies; /* {device_id,severity} */
    alertron_gauge *device_scores;      /* {device_id} */
    alertron_histogram_child *latency;
    alertron_counter_child *predictions, *kafka_errors;
    alertron_counter *consumed;    /* {topic} */
    alertron_counter *requests;    /* {status} */
    alertron_counter *http_denied; /* {reason} */
    /* what flows */
    alertron_counter *anomalies, *dead_letters;       /* {severity}, {reason} */
    alertron_counter_child *anomalies_of[SEVERITIES]; /* that of "none" is NULL */
    alertron_counter_child *dead_letters_of[READING_FAULTS + 1];
    alertron_counter *feature_anomalies; /* {feature} */
    alertron_gauge *feature_info;        /* {index,feature} */
    alertron_counter *device_readings;   /* {device_id} */
    alertron_gauge *device_features;     /* {device_id} */
    alertron_histogram_child *block_readings;
    alertron_gauge_child *devices;
    alertron_counter_child *devices_overflowed;
    /* Kafka */
    alertron_gauge *lag, *last_reading, *stalled; /* {topic,partition} */
    alertron_gauge_child *partitions, *fetched_messages, *outputs_waiting, *workers, *ready;
    alertron_counter_child *rebalances;
    alertron_counter *transactions; /* {outcome} */
    alertron_counter_child *transactions_committed, *transactions_aborted;
    alertron_histogram_child *transaction_seconds;
    /* the model */
    alertron_gauge *cut, *cut_origin; /* {severity}, {origin} */
    alertron_gauge *model_info;       /* {kind,producer,kernel,model_version,role} */
    alertron_gauge_child *model_loaded;
    alertron_counter *model_reloads;                       /* {outcome} */
    alertron_counter *model_predictions, *model_anomalies; /* {model_version,role}, {model_version,role,severity} */
    alertron_counter *candidate_compared, *candidate_decisions; /* {model_version,outcome}, {decision,by} */
    alertron_histogram *candidate_shift;                        /* {model_version,direction} */
    alertron_gauge *build_info;
    /* the process */
    alertron_counter_child *process_cpu;
    alertron_gauge_child *process_resident, *process_virtual, *process_fds, *process_fds_max, *process_start;
};

/* All families, with every child whose labels are known, at 0. False, and why, on failure. */
bool metrics_open(struct metrics *metrics, size_t devices_max, const char *readings_topic, alertron_error *error);
void metrics_close(struct metrics *metrics);

void metrics_lock(struct metrics *metrics);
void metrics_unlock(struct metrics *metrics);

/* Under the lock: exports the cuts in force and where they come from. */
void metrics_set_cuts(struct metrics *metrics, const alertron_cuts *cuts);

/* "tombstone", or the fault's name. */
const char *dead_letter_reason(int fault);

#endif
