/* outputs.h: what goes to Kafka of a message: the record of an anomaly, or the dead letter. */
#ifndef ALERTROND_OUTPUTS_H
#define ALERTROND_OUTPUTS_H

#include <stdbool.h>

#include "block.h"
#include "config.h"
#include "delivery.h"
#include "kafka.h"
#include "offsets.h"
#include "verdict.h"

struct outputs {
    const struct config *config;
    struct kafka_producer *producer;
    struct offsets *offsets;
    struct delivery *delivery;
};

/* Queue a message's output; its offset waits for the acknowledgement. False where it can't be queued now. */
bool outputs_send_anomaly(const struct outputs *outputs, const struct item *item, const struct verdict *verdict);
bool outputs_send_letter(const struct outputs *outputs, const struct item *item);

/* Bytes of key, value and headers of a message that its letter can have: see letter_max of block.h. */
size_t outputs_letter_max(const struct outputs *outputs);

#endif
