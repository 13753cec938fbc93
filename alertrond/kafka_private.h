/* kafka_private.h: what the files of the Kafka room share. It alone includes librdkafka's header; that
 * of the mock cluster comes behind it, in kafka_broker.c. */
#ifndef ALERTROND_KAFKA_PRIVATE_H
#define ALERTROND_KAFKA_PRIVATE_H

#include <librdkafka/rdkafka.h>

#include "config.h"
#include "kafka.h"
#include "kafka_access.h"
#include "unsent.h"

enum { KAFKA_ERROR_TEXT = 512 };

/* --- kafka_client.c: what every client needs ----------------------------------------------------------- */

/* Our own settings first, so that the user's win. NULL, and why, on failure. */
rd_kafka_conf_t *kafka__conf_new(const struct kafka_cluster *cluster, const struct kafka_property *own, size_t n_own,
                                 char *why, size_t why_size);

/* Hands librdkafka's own lines on to our log. */
void kafka__write_log(const rd_kafka_t *client, int syslog_level, const char *facility, const char *text);

/* Frees a client. False where that does not end in time, as it sometimes does not when a topic was deleted: then what
 * the client may still use stays until the process ends. */
bool kafka__destroy(rd_kafka_t *client);

/* --- kafka_producer.c ------------------------------------------------------------------------------------ */

/* Where a transaction is. */
enum kafka_stage { KAFKA__IDLE, KAFKA__WRITING, KAFKA__COMMITTING, KAFKA__ABORTING };

struct kafka_producer {
    struct kafka_access access; /* first: see there */
    rd_kafka_t *client;
    void (*delivered)(void *context, void *token);
    void *context;
    struct unsent unsent;
    size_t queued_bytes, queue_max; /* of keys, values and headers whose delivery was not told yet */
    const void *alone;              /* token of the record that was sent again last, if no other went with it */
    size_t failed, errors;
    bool closing, fatal;
    bool shared; /* with a client that is gone and has not ended */
    /* with transactions */
    void (*refused)(void *context, void *token, enum kafka_refusal why);
    void *refused_context;
    enum kafka_stage stage;
    bool transactional;
    bool doomed;          /* a record was refused, so the transaction will be aborted */
    bool batch_too_large; /* it was with others, so the next transaction sends one by one */
    bool one_by_one;
    int astray;      /* calls in a row that librdkafka found to come at the wrong time: kafka__came_too_early */
    bool unanswered; /* offsets were sent to the transaction, and the client does not know what became of them */
    bool anew;       /* the client took the place of another, and the broker has not made its id known to it yet */
    char fatal_text[KAFKA_ERROR_TEXT];
};

/* Notes why the client can't go on; but where a transaction is to be aborted of which the broker knows nothing, another
 * client can: kafka__renew. */
void kafka__note_fatal(struct kafka_producer *producer);

/* Lets another client take the place of the producer's, with nothing of what was queued. False: there is no other. */
bool kafka__renew(struct kafka_producer *producer);

/* --- kafka_transaction.c ------------------------------------------------------------------------------------ */

/* Whether the call is to be made again since it went wrong inside of librdkafka 2.0: each of its calls has steps, and
 * one that takes the answer to another for its own lets the next come too early, seen as "Operation not valid in state
 * BeginAbort". Once the answers are used up it is well again: more than a few times in a row mean something else. */
bool kafka__came_too_early(struct kafka_producer *producer, rd_kafka_resp_err_t error);

/* --- kafka_consumer.c ------------------------------------------------------------------------------------ */

/* What is known of a partition, whether it is ours or was. */
struct kafka_partition {
    bool ours;
    bool at_end;   /* the end was met since then */
    bool silent;   /* no broker that it could be read from has answered for a while: where it ends is not known */
    int64_t end;   /* where it was met last: behind the markers and the aborted messages that nobody is handed */
    int64_t first; /* offset that it was to be read from, or was handed over first; negative: not known yet */
    int64_t offset, timestamp; /* of what was handed over last; -1: none yet */
    int asks;                  /* times that its place was asked for in vain */
    double again_at;           /* when it is to be asked for again; 0: it has been */
};

struct kafka_consumer {
    struct kafka_access access; /* first: see there */
    rd_kafka_t *client;
    rd_kafka_queue_t *events, *messages; /* events of the client; messages of the partitions that are ours */
    struct kafka_events told;
    char *topic;
    char *member; /* the id under which it was told which partitions it has, if any; NULL: not yet */
    struct kafka_partition *partitions; /* by number */
    int32_t *revoked;                   /* room for as many numbers */
    int32_t n_partitions;
    rd_kafka_topic_partition_list_t *stored; /* of the partitions that are ours */
    struct kafka_consumer_figures figures;
    size_t errors;
    bool assigned; /* at least once */
    bool dies;     /* of being destroyed: see kafka_consumer_close */
    bool given_up; /* all partitions, at the end */
    bool alone, from_latest, transactional, rewinding, misplaced, full, paused, connected, committed;
    bool fatal;
    char fatal_text[KAFKA_ERROR_TEXT], trouble[KAFKA_ERROR_TEXT];
};

/* Reads the partitions of the list, which are ours, from its offsets on; what was fetched before does not come. */
bool kafka__seek(struct kafka_consumer *consumer, rd_kafka_topic_partition_list_t *list);

/* --- kafka_lag.c ----------------------------------------------------------------------------------------- */

/* librdkafka's statistics callback; `opaque` is the consumer. */
int kafka__note_statistics(rd_kafka_t *client, char *json, size_t size, void *opaque);

/* --- kafka_place.c --------------------------------------------------------------------------------------- */

/* Where the group has come to in each of these partitions, which is to be destroyed; negative: nowhere yet, or not
 * known. Those that begin at their end are told so. */
rd_kafka_topic_partition_list_t *kafka__find_places(struct kafka_consumer *consumer,
                                                    rd_kafka_topic_partition_list_t *partitions);

/* Whether this message of a partition that is ours is to be handed over: then it counts as the last one that was. */
bool kafka__is_next(struct kafka_consumer *consumer, int32_t partition, int64_t offset, int64_t timestamp);

/* The end was met. */
void kafka__note_end(struct kafka_partition *partition, int64_t end);

/* Asks for the place of partitions that have lost it, when it is time; not to be called by what librdkafka calls. */
void kafka__ask_again(struct kafka_consumer *consumer);

/* --- kafka_rebalance.c ----------------------------------------------------------------------------------- */

/* librdkafka's rebalance callback; `opaque` is the consumer. */
void kafka__rebalance(rd_kafka_t *client, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t *partitions,
                      void *opaque);

/* Messages of the partition, which is to be read from that offset (negative: not known), come to consumer->messages
 * from now on. False where memory has run out. */
bool kafka__take_partition(struct kafka_consumer *consumer, int32_t partition, int64_t offset);

/* Pauses or resumes all partitions that are ours. */
void kafka__pause_all(struct kafka_consumer *consumer, bool paused);

#endif
