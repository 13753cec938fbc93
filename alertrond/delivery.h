/* delivery.h: how what a worker has done becomes final: when the group's offsets may go on.
 *
 *     at-least-once   the offset of a partition goes on behind outputs that are acknowledged, about once a second
 *     exactly-once    outputs and offsets are committed together, in transactions
 *
 * It belongs to the worker's thread.
 */
#ifndef ALERTROND_DELIVERY_H
#define ALERTROND_DELIVERY_H

#include <stdbool.h>

#include "config.h"
#include "kafka.h"
#include "metrics.h"
#include "offsets.h"

struct delivery;

/* NULL where memory has run out. */
struct delivery *delivery_new(const struct config *config, struct metrics *metrics, struct kafka_producer *producer,
                              struct offsets *offsets);
void delivery_free(struct delivery *delivery);

/* The consumer whose offsets they are. */
void delivery_join(struct delivery *delivery, struct kafka_consumer *consumer);

/* Whether an output may be sent now; begins a transaction where one is needed. */
bool delivery_open(struct delivery *delivery);

enum delivery_state {
    DELIVERY_FLOWS,
    DELIVERY_WAITS,   /* for a broker: read nothing meanwhile, and call again */
    DELIVERY_REWOUND, /* what was done since the last commit does not count: forget it, its messages come again */
    DELIVERY_FATAL    /* the client can't go on */
};

/* To be called after each block; finishes what is due. */
enum delivery_state delivery_step(struct delivery *delivery);

/* Finishes all that was done, within `seconds`. False where not all of it was acknowledged; then nothing of the rest
 * counts, and delivery_take_rewound may say so. */
bool delivery_finish(struct delivery *delivery, double seconds);

/* Whether it has rewound since this, or delivery_step with DELIVERY_REWOUND, told so last. */
bool delivery_take_rewound(struct delivery *delivery);

/* What was done since the last commit is not to count, as the partitions were lost. */
void delivery_abandon(struct delivery *delivery);

/* Whether the output of this message was too large for its topic in a transaction that was aborted for it, so that it
 * should be sent with as little as it can do with. */
bool delivery_was_too_large(const struct delivery *delivery, int32_t partition, int64_t offset);

/* Whether a timestamp was refused in a transaction that was aborted for it, so that outputs should be sent with the
 * time of now until the next is committed. Which one it was the broker does not tell. */
bool delivery_refuses_timestamps(const struct delivery *delivery);

/* Since when it waits for a broker, by clock_seconds; 0: it does not. */
double delivery_waits_since(const struct delivery *delivery);

#endif
