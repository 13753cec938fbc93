/* kafka_private.h: what the files of the Kafka room share. It alone includes librdkafka's headers. */
#ifndef ALERTROND_KAFKA_PRIVATE_H
#define ALERTROND_KAFKA_PRIVATE_H

#include <librdkafka/rdkafka.h>

#include "config.h"
#include "kafka.h"
#include "unsent.h"

enum { KAFKA_ERROR_TEXT = 512 };

/* --- kafka_client.c: what every client needs ----------------------------------------------------------- */

/* Our own settings first, so that the user's win. NULL, and why, on failure. */
rd_kafka_conf_t *kafka__conf_new(const struct kafka_cluster *cluster, const struct kafka_property *own, size_t n_own,
                                 char *why, size_t why_size);

/* Hands librdkafka's own lines on to our log. */
void kafka__write_log(const rd_kafka_t *client, int syslog_level, const char *facility, const char *text);

/* --- kafka_producer.c ------------------------------------------------------------------------------------ */

struct kafka_producer {
    rd_kafka_t *client;
    void (*delivered)(void *context, void *token);
    void *context;
    struct unsent unsent;
    const void *alone; /* token of the record that was sent again last, if no other went with it */
    size_t failed, errors;
    bool closing, fatal;
    char fatal_text[KAFKA_ERROR_TEXT];
};

/* --- kafka_consumer.c ------------------------------------------------------------------------------------ */

/* What is known of a partition, whether it is ours or was. */
struct kafka_partition {
    bool ours;
    int64_t offset, timestamp; /* of the message handed over last, since it became ours; offset -1: none yet */
};

struct kafka_consumer {
    rd_kafka_t *client;
    rd_kafka_queue_t *events, *messages; /* events of the client; messages of the partitions that are ours */
    struct kafka_events told;
    char *topic;
    struct kafka_partition *partitions; /* by number */
    int32_t n_partitions;
    rd_kafka_topic_partition_list_t *stored; /* of the partitions that are ours */
    struct kafka_consumer_figures figures;
    size_t errors;
    bool transactional, paused, connected, committed;
    bool fatal;
    char fatal_text[KAFKA_ERROR_TEXT], trouble[KAFKA_ERROR_TEXT];
};

#endif
