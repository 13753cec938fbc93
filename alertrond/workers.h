/* workers.h: the workers: a thread each, with a consumer and a producer of its own, all members of one group. */
#ifndef ALERTROND_WORKERS_H
#define ALERTROND_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "pipeline.h"
#include "scorer.h"

struct workers;

/* As many as kafka.workers says; `instance` tells them from those of other processes. They connect to nothing yet.
 * NULL, and why, on failure. */
struct workers *workers_new(const struct config *config, const struct scorer_parts *parts, const char *instance,
                            char *why, size_t why_size);

/* Whether a broker answers within timeout_ms. Before workers_start. */
bool workers_reach_broker(struct workers *workers, int timeout_ms);

/* Makes the three topics where they are missing. Before workers_start. */
bool workers_create_topics(struct workers *workers, char *why, size_t why_size);

/* Each joins the group and begins. False, and why, on failure. */
bool workers_start(struct workers *workers, char *why, size_t why_size);

/* Once a second or so: exports what all of them do together, and tells it. */
struct pipeline_figures workers_tick(struct workers *workers);

/* Writes into `trouble` what keeps readings from being dealt with, or "" where all is well. */
void workers_trouble(struct workers *workers, char *trouble, size_t size);

/* Seconds since the slowest worker has gone round its loop. */
double workers_silent(struct workers *workers);

/* Whether a worker's client can't go on; workers_trouble says why. */
bool workers_failed(struct workers *workers);

/* Each finishes what it holds, waits for acknowledgements up to limits.shutdown_seconds, commits, leaves the group; all
 * are freed. False where some outputs were not acknowledged: their readings come again. NULL is fine. */
bool workers_stop(struct workers *workers);

#endif
