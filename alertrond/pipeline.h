/* pipeline.h: the flow from Kafka to Kafka of one worker: readings in, anomalies and dead letters out, offsets when
 * those are acknowledged. It belongs to one thread at a time.
 */
#ifndef ALERTROND_PIPELINE_H
#define ALERTROND_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "scorer.h"

struct pipeline;

/* Prepares to connect; `name` tells workers of a cluster from each other ("edge-1-8000-0"), and outputs_max is how many
 * outputs of this one may wait for their acknowledgement. NULL, and why, on failure. */
struct pipeline *pipeline_new(const struct config *config, const struct scorer_parts *parts, const char *name,
                              size_t outputs_max, char *why, size_t why_size);

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

/* What a worker's owner adds up. */
struct pipeline_figures {
    size_t partitions, outputs_waiting;
    uint64_t fetched_messages, lag; /* messages; lag: of all partitions, as exported */
    size_t stalled;                 /* partitions */
    bool joined;                    /* a member of the group */
};

/* Once a second or so: exports what belongs to partitions, looks after stalled ones, and fills *figures. */
void pipeline_tick(struct pipeline *pipeline, struct pipeline_figures *figures);

/* "" where all is well; else what keeps readings from being dealt with. */
const char *pipeline_trouble(struct pipeline *pipeline);

/* Finishes what it holds, waits for acknowledgements up to limits.shutdown_seconds, and commits; it stays a member.
 * False where some outputs were not acknowledged: their readings come again. */
bool pipeline_finish(struct pipeline *pipeline);

/* Keeps the membership alive for a moment, and reads nothing. */
void pipeline_hold(struct pipeline *pipeline);

/* Leaves the group, and frees. */
void pipeline_close(struct pipeline *pipeline);

#endif
