/* kafka.h: the room that knows librdkafka: a member of a consumer group, a producer, transactions, topics, and an
 * embedded broker to try things with.
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

/* --- messages --------------------------------------------------------------------------------------- */

/* A message that was read. It lives for the call that it is handed to: what is needed for longer is copied. */
struct kafka_message {
    int32_t partition;
    int64_t offset;
    int64_t timestamp;       /* milliseconds since 1970; 0: none */
    const void *key, *value; /* NULL: none; a message without a value is a tombstone */
    size_t key_size, value_size;
    void *handle;
};

struct kafka_headers; /* of a message, in their order */

/* A copy of a message's headers, to be freed; NULL where it has none. */
struct kafka_headers *kafka_message_headers(const struct kafka_message *message);
void kafka_headers_free(struct kafka_headers *headers); /* NULL is fine */

/* Header i, from 0 on; its value is any bytes, or NULL. False where there are fewer. NULL are none. */
bool kafka_headers_at(const struct kafka_headers *headers, size_t i, const char **name, const void **value,
                      size_t *value_size);

/* A copy of the first n, to be freed; NULL for none. */
struct kafka_headers *kafka_headers_first(const struct kafka_headers *headers, size_t n);

/* Bytes of memory that headers take, about; more than they take in a record. 0 for NULL. */
size_t kafka_headers_bytes(const struct kafka_headers *headers);

/* The timestamp that a record would have had if its topic had not refused it: digits. */
#define KAFKA_TIMESTAMP_HEADER "alertrond.timestamp"

/* --- producer ------------------------------------------------------------------------------------- */

struct kafka_producer;

struct kafka_header {
    const char *name, *value;
};

struct kafka_record {
    const char *topic;
    const void *key, *value; /* NULL: none */
    size_t key_size, value_size;
    int64_t timestamp;                         /* milliseconds since 1970; 0: now */
    const struct kafka_headers *first_headers; /* these come first, untouched; NULL: none */
    const struct kafka_header *headers;
    size_t n_headers;
    void *token; /* handed to the delivery function; NULL: nobody waits for it */
};

enum kafka_outcome {
    KAFKA_SENT,   /* queued; its delivery will be told */
    KAFKA_FULL,   /* too much waits to be sent: poll, and try again */
    KAFKA_REFUSED /* will never be sent as it is; kafka_producer_trouble says why. The transaction will be ABORTED */
};

struct kafka_producer_options {
    const char *client_id;        /* e.g. "alertrond-1"; NULL: "alertrond" */
    const char *transactional_id; /* NULL: without transactions */
};

/* `options` NULL: the defaults. With a transactional_id nothing may be sent before kafka_transaction_begin. */
struct kafka_producer *kafka_producer_new(const struct kafka_cluster *cluster,
                                          const struct kafka_producer_options *options, char *why, size_t why_size);

/* Calls delivered(context, token) for each record with a token once the broker has it, on every in-sync replica. A
 * record with a token that the broker refuses is kept and sent again, from a second later on, for ever; where it is too
 * large alone, without `headers`; where it has a timestamp and its batch was refused for one, with the time of now, and
 * its own as KAFKA_TIMESTAMP_HEADER behind `headers`. With transactions none is kept: see kafka_producer_on_refusal. */
void kafka_producer_on_delivery(struct kafka_producer *producer, void (*delivered)(void *context, void *token),
                                void *context);

/* Bytes of key, value and headers that a record may have: more the client refuses, or can't queue. */
size_t kafka_producer_record_max(const struct kafka_producer *producer);

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

/* Waits up to timeout_ms for what is queued, and frees; aborts a transaction that is open. False where some of it was
 * not acknowledged. */
bool kafka_producer_close(struct kafka_producer *producer, int timeout_ms);

/* --- transactions ---------------------------------------------------------------------------------- */

struct kafka_consumer;

/* Outputs and the offsets of what they came from count together, or not at all:
 *
 *     init, then again and again: begin, serve and try, commit; where that was ABORTED, kafka_consumer_rewind.
 *
 * Each call waits up to its timeout_ms, and serves deliveries meanwhile. */
enum kafka_transaction {
    KAFKA_TRANSACTION_DONE,
    KAFKA_TRANSACTION_ABORTED, /* nothing of it counts: read anew from what is committed */
    KAFKA_TRANSACTION_RETRY,   /* the broker did not answer in time: call the same again, and nothing else */
    KAFKA_TRANSACTION_FATAL    /* kafka_producer_fatal says why: end the process */
};

/* The offset of the next message to be read in a partition. */
struct kafka_offset {
    int32_t partition;
    int64_t offset;
};

enum kafka_refusal {
    KAFKA_NOT_NOW,   /* the same may be taken later */
    KAFKA_TOO_LARGE, /* alone: send it without what it can do without */
    KAFKA_TIMESTAMP  /* its own, or that of another in its batch: send it with the time of now */
};

/* Calls refused(context, token, why) for each record of a transaction that could not be written, before the commit that
 * fails for it has returned ABORTED. One transaction may hold several, which are found one after another, so all are to
 * be remembered until a commit. */
void kafka_producer_on_refusal(struct kafka_producer *producer,
                               void (*refused)(void *context, void *token, enum kafka_refusal why), void *context);

/* Fences earlier producers of the same id: what they did not commit is aborted. DONE, RETRY or FATAL. */
enum kafka_transaction kafka_transaction_init(struct kafka_producer *producer, int timeout_ms);

/* False for a second after a record was refused (kafka_producer_trouble), and where the client can't go on
 * (kafka_producer_fatal): nothing may be sent then; try again later. */
bool kafka_transaction_begin(struct kafka_producer *producer);

/* Sends what is queued, adds the offsets, of the consumer's topic and group, and commits all of it together; where that
 * fails, aborts. To be called with the same offsets until it is no longer RETRY, with no abort in
 * between but where kafka_transaction_may_abort. */
enum kafka_transaction kafka_transaction_commit(struct kafka_producer *producer, struct kafka_consumer *consumer,
                                                const struct kafka_offset *offsets, size_t n, int timeout_ms);

/* Whether a commit that was begun may be given up with kafka_transaction_abort: its offsets have not been sent, or not
 * been taken. Afterwards the broker alone knows whether it came in time. */
bool kafka_transaction_may_abort(const struct kafka_producer *producer);

/* DONE, RETRY or FATAL. */
enum kafka_transaction kafka_transaction_abort(struct kafka_producer *producer, int timeout_ms);

/* --- consumer ------------------------------------------------------------------------------------- */

/* What a member of a group is told, inside kafka_consumer_serve and kafka_consumer_close. */
struct kafka_events {
    void (*assigned)(void *context, int32_t partition);
    /* The partitions are about to go: the last chance to finish, and to store or commit offsets, unless they are lost.
     */
    void (*revoke)(void *context, const int32_t *partitions, size_t n_partitions, bool lost);
    void *context;
};

struct kafka_consumer_options {
    const char *group, *topic;
    const char *client_id; /* e.g. "alertrond-1"; NULL: "alertrond" */
    bool from_latest;      /* where a new group begins; else at the earliest */
    bool transactional;    /* offsets are committed by a transaction, never by the consumer */
    bool alone;            /* is no member of the group: reads what kafka_ranges_begin says */
};

/* Joins the group, unless it is to be alone: then `events` may be NULL. */
struct kafka_consumer *kafka_consumer_new(const struct kafka_cluster *cluster,
                                          const struct kafka_consumer_options *options,
                                          const struct kafka_events *events, char *why, size_t why_size);

/* Hands up to `most` messages that are at hand to take(context, message), in the order of each partition; waits up to
 * timeout_ms where there is none. Events come inside it too, before the messages; one that comes while it waits ends
 * the wait; with `most` 0 there are events alone. Where take() says false there are no more in this call. Returns how
 * many messages were handed over. take() may not call the consumer. */
size_t kafka_consumer_serve(struct kafka_consumer *consumer, int timeout_ms, size_t most,
                            bool (*take)(void *context, const struct kafka_message *message), void *context);

/* The offset from which the group goes on in a partition; committed about once a second. One that is lower than before
 * says that the partition has begun anew. Not for transactions. */
void kafka_consumer_store(struct kafka_consumer *consumer, int32_t partition, int64_t offset);

/* Commits what is stored now; waits some seconds for the answer. With transactions it does nothing. */
void kafka_consumer_commit(struct kafka_consumer *consumer);

/* While paused no messages come, but the membership is kept alive by kafka_consumer_serve. What was fetched and not
 * handed over is dropped, and fetched again afterwards. */
void kafka_consumer_pause(struct kafka_consumer *consumer, bool paused);

/* The partitions that are ours are read anew from what the group has committed, or from the first message that was
 * handed over where it has nothing committed. Messages that were fetched before do not come any more. False where the
 * broker does not answer within timeout_ms: then no messages come until it has been called again. */
bool kafka_consumer_rewind(struct kafka_consumer *consumer, int timeout_ms);

/* Messages in the partition at or behind `offset`; -1 where not known yet. */
int64_t kafka_consumer_lag(struct kafka_consumer *consumer, int32_t partition, int64_t offset);

size_t kafka_consumer_errors(const struct kafka_consumer *consumer);

/* False once all brokers are out of reach, until messages or partitions come, or somebody who knows says so. */
bool kafka_consumer_connected(const struct kafka_consumer *consumer);
void kafka_consumer_disconnected(struct kafka_consumer *consumer, const char *reason);
void kafka_consumer_reconnected(struct kafka_consumer *consumer);

/* As kafka_producer_unreached. */
const char *kafka_consumer_unreached(const struct kafka_consumer *consumer);

/* Whether it is a member of the group, with partitions or, where there are more members than those, without. */
bool kafka_consumer_joined(const struct kafka_consumer *consumer);

/* Why nothing can be read, such as a topic that is missing, or "" once something can. */
const char *kafka_consumer_trouble(const struct kafka_consumer *consumer);

/* Why the client can't go on, or NULL; then end the process and start it anew. */
const char *kafka_consumer_fatal(const struct kafka_consumer *consumer);

struct kafka_consumer_figures {
    uint64_t rebalances;      /* times that partitions came or went */
    uint64_t fetched_bytes;   /* received from brokers, as of the last second */
    uint64_t queued_messages; /* fetched and not handed over yet */
    uint64_t queued_bytes;    /* of their values, as of the last second */
    uint64_t partitions;      /* that are ours */
};

/* Cheap, any number of calls. */
void kafka_consumer_figures(const struct kafka_consumer *consumer, struct kafka_consumer_figures *figures);

/* Revokes, commits, leaves the group, frees. Without an answer within timeout_ms it goes without
 * taking leave, and what it held stays until the process ends. */
void kafka_consumer_close(struct kafka_consumer *consumer, int timeout_ms);

/* --- ranges of a topic ------------------------------------------------------------------------------ */

/* Of a consumer that is alone: it reads the partitions that it names, from offsets that it names, to an end. */
struct kafka_range {
    int32_t partition;
    int64_t first, end; /* of what the partition holds and is committed, now; `end` is behind the last */
    int64_t committed;  /* where the group has come to; -1: nowhere */
};

/* One for each partition of the consumer's topic, malloced. NULL, and why, without an answer within timeout_ms. */
struct kafka_range *kafka_ranges_read(struct kafka_consumer *consumer, size_t *n, int timeout_ms, char *why,
                                      size_t why_size);

/* Reads each range from its `first` on. Called again with the same partitions it goes back: what was fetched before
 * does not come any more. */
bool kafka_ranges_begin(struct kafka_consumer *consumer, const struct kafka_range *ranges, size_t n, char *why,
                        size_t why_size);

/* Whether all that the partition holds has been handed over; more may be written to it later. */
bool kafka_ranges_at_end(const struct kafka_consumer *consumer, int32_t partition);

struct kafka_topics; /* names of topics */

/* Of all that the broker shows to this user, to be freed. NULL, and why, without an answer within timeout_ms. */
struct kafka_topics *kafka_topics_read(struct kafka_consumer *consumer, int timeout_ms, char *why, size_t why_size);
bool kafka_topics_have(const struct kafka_topics *topics, const char *name);
void kafka_topics_free(struct kafka_topics *topics); /* NULL is fine */

/* --- embedded broker -------------------------------------------------------------------------------- */

struct kafka_broker;

/* A broker in this process, on a free port of the loopback, in memory: 5 MiB a partition, then the oldest go. */
struct kafka_broker *kafka_broker_start(const char *const *topics, size_t n_topics, int partitions, char *why,
                                        size_t why_size);
/* "127.0.0.1:PORT" */
const char *kafka_broker_bootstrap(const struct kafka_broker *broker);
void kafka_broker_stop(struct kafka_broker *broker);

#endif
