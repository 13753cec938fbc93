/* kafka.h: the one room that knows librdkafka: a member of a consumer group, a producer, topics, and an embedded
 * broker to try things with.
 *
 * Consumer and producer belong to the thread that made them; their callbacks run inside their own calls.
 */
#ifndef ALERTROND_KAFKA_H
#define ALERTROND_KAFKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kafka_property;

/* Where a cluster is and how to talk to it. */
struct kafka_cluster {
    const char *bootstrap;
    const struct kafka_property *properties; /* as property.h has them; they outlive the clients */
    size_t n_properties;
};

/* Whether librdkafka takes a property and its value; otherwise why not. */
bool kafka_property_check(const char *name, const char *value, char *why, size_t why_size);

/* Whether librdkafka knows a property of this name. */
bool kafka_property_known(const char *name);

/* The version of librdkafka that is linked. */
const char *kafka_version(void);

/* --- producer ------------------------------------------------------------------------------------- */

struct kafka_producer;
struct kafka_message;

struct kafka_header {
    const char *name, *value;
};

struct kafka_record {
    const char *topic;
    const void *key, *value; /* NULL: none */
    size_t key_size, value_size;
    int64_t timestamp;                      /* milliseconds since 1970; 0: now */
    const struct kafka_message *headers_of; /* its headers come first, untouched; NULL: none */
    const struct kafka_header *headers;
    size_t n_headers;
    void *token; /* handed to the delivery function; NULL: nobody waits for it */
};

enum kafka_outcome {
    KAFKA_SENT,   /* queued; its delivery will be told */
    KAFKA_FULL,   /* too much waits to be sent: poll, and try again */
    KAFKA_REFUSED /* will never be sent as it is; kafka_producer_trouble says why */
};

struct kafka_producer *kafka_producer_new(const struct kafka_cluster *cluster, char *why, size_t why_size);

/* Calls delivered(context, token) for each record with a token once the broker has it, on every in-sync replica. A
 * record with a token that the broker refuses is kept and sent again, from a second later on, for ever; where it is too
 * large alone, without `headers`. */
void kafka_producer_on_delivery(struct kafka_producer *producer, void (*delivered)(void *context, void *token),
                                void *context);

/* Queues a copy of the record. */
enum kafka_outcome kafka_producer_try(struct kafka_producer *producer, const struct kafka_record *record);

/* The same for a plain record that nobody waits for: waits while the queue is full. False where it can't be sent. */
bool kafka_producer_send(struct kafka_producer *producer, const char *topic, const void *key, size_t key_size,
                         const void *value, size_t value_size);

/* Serves deliveries for up to timeout_ms. */
void kafka_producer_poll(struct kafka_producer *producer, int timeout_ms);

/* Errors of any kind so far. */
size_t kafka_producer_errors(const struct kafka_producer *producer);

/* Why records are refused, or "" once none has been for some seconds and all are written. */
const char *kafka_producer_trouble(const struct kafka_producer *producer);

/* Why the client can't go on, or NULL; then end the process and start it anew. */
const char *kafka_producer_fatal(const struct kafka_producer *producer);

/* Why the last connection that failed did so, and what to do; "" where none has. */
const char *kafka_producer_unreached(const struct kafka_producer *producer);

/* Whether a broker answers within timeout_ms. */
bool kafka_producer_reaches_broker(struct kafka_producer *producer, int timeout_ms);

/* Makes the topics that are missing, with `partitions` each; replication -1 is the broker's default. False, and why. */
bool kafka_producer_create_topics(struct kafka_producer *producer, const char *const *topics, size_t n_topics,
                                  int partitions, int replication, char *why, size_t why_size);

/* Waits up to timeout_ms for what is queued, and frees. False where some of it was not acknowledged. */
bool kafka_producer_close(struct kafka_producer *producer, int timeout_ms);

/* --- consumer ------------------------------------------------------------------------------------- */

struct kafka_consumer;

struct kafka_message {
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp;       /* milliseconds since 1970; 0: none */
    const void *key, *value; /* NULL: none; a message without a value is a tombstone */
    size_t key_size, value_size;
    void *handle;
};

/* What a member of a group is told, inside kafka_consumer_next and kafka_consumer_close. */
struct kafka_events {
    void (*assigned)(void *context, int32_t partition);
    /* The partitions are about to go: the last chance to finish, and to store offsets, unless they are lost. */
    void (*revoke)(void *context, const int32_t *partitions, size_t n_partitions, bool lost);
    void *context;
};

struct kafka_consumer_options {
    const char *group, *topic;
    bool from_latest; /* where a new group begins; else at the earliest */
};

/* Joins the group. */
struct kafka_consumer *kafka_consumer_new(const struct kafka_cluster *cluster,
                                          const struct kafka_consumer_options *options,
                                          const struct kafka_events *events, char *why, size_t why_size);

/* The next message, to be released; false where none came within timeout_ms. */
bool kafka_consumer_next(struct kafka_consumer *consumer, int timeout_ms, struct kafka_message *message);
void kafka_message_release(struct kafka_message *message);

/* The offset from which the group goes on in a partition; committed about once a second. One that is lower than before
 * says that the partition has begun anew. */
void kafka_consumer_store(struct kafka_consumer *consumer, int32_t partition, int64_t offset);

/* While paused no messages come, but the membership is kept alive by kafka_consumer_next. */
void kafka_consumer_pause(struct kafka_consumer *consumer, bool paused);

/* Messages in the partition at or behind `offset`; -1 where not known yet. */
int64_t kafka_consumer_lag(struct kafka_consumer *consumer, int32_t partition, int64_t offset);

size_t kafka_consumer_errors(const struct kafka_consumer *consumer);

/* False once all brokers are out of reach, until messages or partitions come, or somebody who knows says so. */
bool kafka_consumer_connected(const struct kafka_consumer *consumer);
void kafka_consumer_reconnected(struct kafka_consumer *consumer);

/* As kafka_producer_unreached. */
const char *kafka_consumer_unreached(const struct kafka_consumer *consumer);

/* Whether it is a member of the group, with partitions or, where there are more members than those, without. */
bool kafka_consumer_joined(const struct kafka_consumer *consumer);

/* Why nothing can be read, such as a topic that is missing, or "" once something can. */
const char *kafka_consumer_trouble(const struct kafka_consumer *consumer);

/* Why the client can't go on, or NULL; then end the process and start it anew. */
const char *kafka_consumer_fatal(const struct kafka_consumer *consumer);

/* Revokes, commits, leaves the group, frees. Without an answer within timeout_ms it goes without
 * taking leave, and what it held stays until the process ends. */
void kafka_consumer_close(struct kafka_consumer *consumer, int timeout_ms);

/* --- embedded broker -------------------------------------------------------------------------------- */

struct kafka_broker;

/* A broker in this process, on a free port of the loopback, in memory: 5 MiB a partition, then the oldest go. */
struct kafka_broker *kafka_broker_start(const char *const *topics, size_t n_topics, int partitions, char *why,
                                        size_t why_size);
/* "127.0.0.1:PORT" */
const char *kafka_broker_bootstrap(const struct kafka_broker *broker);
void kafka_broker_stop(struct kafka_broker *broker);

#endif
