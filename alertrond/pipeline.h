/* pipeline.h: the flow from Kafka to Kafka: readings in, anomalies and dead letters out, offsets stored when those
 * are acknowledged. It belongs to one thread.
 */
#ifndef ALERTROND_PIPELINE_H
#define ALERTROND_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "scorer.h"

struct pipeline;

/* Connects to the cluster; joins nothing yet. NULL, and why, on failure. */
struct pipeline *pipeline_new(const struct config *config, struct scorer *scorer, char *why, size_t why_size);

/* Whether a broker answers within timeout_ms. */
bool pipeline_reaches_broker(struct pipeline *pipeline, int timeout_ms);

/* Why the Kafka client can't go on, or NULL; then end the process and start it anew. */
const char *pipeline_fatal(const struct pipeline *pipeline);

/* Makes the three topics where they are missing. */
bool pipeline_create_topics(struct pipeline *pipeline, char *why, size_t why_size);

/* Joins the group. */
bool pipeline_join(struct pipeline *pipeline, char *why, size_t why_size);

/* Waits up to timeout_ms for readings, and deals with the block that is there. False where the client can't go on;
 * pipeline_trouble says why. */
bool pipeline_step(struct pipeline *pipeline, int timeout_ms);

/* Once a second or so: exports lag and what waits. */
void pipeline_tick(struct pipeline *pipeline);

/* "" where all is well; else what keeps readings from being dealt with. */
const char *pipeline_trouble(struct pipeline *pipeline);

/* Finishes what it holds, waits for acknowledgements up to limits.shutdown_seconds, commits, leaves the group, frees.
 * False where some outputs were not acknowledged: their readings come again. */
bool pipeline_close(struct pipeline *pipeline);

#endif
