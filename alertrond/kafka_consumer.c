/* kafka_consumer.c: a member of a consumer group.
 *
 * Messages and events come through two queues. rd_kafka_consume_callback_queue is the fastest way to messages, but it
 * takes whatever it finds for one: an event among them (a rebalance, statistics, a commit's answer) would end the
 * process at an assertion. So the queue of each partition that is ours is forwarded to `messages`, and what remains in
 * `events` is served by rd_kafka_consumer_poll.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "kafka_private.h"
#include "log.h"

enum { SEEK_MS = 1000 * 1000, QUEUED_MESSAGES = 20000 };

#define QUEUED_TEXT "20000"

/* A member that was killed is missed so late. Brokers miss one of their own after nine seconds,
 * broker.session.timeout.ms: a session that is to outlive the change of its coordinator takes twice that. The client's
 * own thread keeps it alive, whatever a worker waits for. */
#define SESSION_MS "20000"

/* But for fatal errors, which a member of a group is handed among the messages. */
static void note_consumer_error(rd_kafka_t *client, int error, const char *reason, void *opaque)
{
    (void)client;
    struct kafka_consumer *consumer = opaque;
    consumer->errors++;
    kafka_access_note(&consumer->access, error, reason);
    if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        kafka_consumer_disconnected(consumer, reason);
    else
        log_debug("kafka consumer: %s", reason);
}

/* Called from librdkafka's threads. */
static void end_wait(rd_kafka_t *client, void *messages)
{
    (void)client;
    rd_kafka_queue_yield(messages);
}

static void make_queues(struct kafka_consumer *consumer)
{
    rd_kafka_poll_set_consumer(consumer->client);
    consumer->events = rd_kafka_queue_get_consumer(consumer->client);
    consumer->messages = rd_kafka_queue_new(consumer->client);
    rd_kafka_queue_cb_event_enable(consumer->events, end_wait, consumer->messages);
}

static bool subscribe(struct kafka_consumer *consumer, char *why, size_t why_size)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, consumer->topic, RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t error = rd_kafka_subscribe(consumer->client, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        snprintf(why, why_size, "%s", rd_kafka_err2str(error));
    return error == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_conf_t *make_conf(const struct kafka_cluster *cluster, const struct kafka_consumer_options *options,
                                  char *why, size_t why_size)
{
    const struct kafka_property own[] = {
        {.name = "group.id", .value = (char *)(uintptr_t)options->group},
        {.name = "client.id", .value = (char *)(uintptr_t)(options->client_id ? options->client_id : "alertrond")},
        {.name = "auto.offset.reset", .value = "earliest"}, /* see kafka_place.c */
        /* of what was stored, and only that */
        {.name = "enable.auto.commit", .value = options->transactional ? "false" : "true"},
        {.name = "enable.auto.offset.store", .value = "false"},
        {.name = "auto.commit.interval.ms", .value = "1000"},
        {.name = "partition.assignment.strategy", .value = "cooperative-sticky"},
        {.name = "session.timeout.ms", .value = SESSION_MS},
        {.name = "topic.metadata.refresh.interval.ms", .value = "10000"},
        {.name = "fetch.wait.max.ms", .value = "100"},
        {.name = "socket.nagle.disable", .value = "true"},
        {.name = "allow.auto.create.topics", .value = "true"},
        {.name = "enable.partition.eof", .value = "true"}, /* see kafka_consumer_lag */
        {.name = "statistics.interval.ms", .value = "1000"},
        /* What is fetched ahead takes half a kilobyte a message beside its own. */
        {.name = "fetch.message.max.bytes", .value = "262144"},
        {.name = "queued.min.messages", .value = QUEUED_TEXT},
        {.name = "queued.max.messages.kbytes", .value = "32768"},
    };
    rd_kafka_conf_t *conf = kafka__conf_new(cluster, own, sizeof own / sizeof *own, why, why_size);
    if (conf) {
        rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", "1", NULL, 0); /* not known before 2.2 */
        if (!options->alone)
            rd_kafka_conf_set_rebalance_cb(conf, kafka__rebalance);
        rd_kafka_conf_set_error_cb(conf, note_consumer_error);
        rd_kafka_conf_set_stats_cb(conf, kafka__note_statistics);
    }
    return conf;
}

static void free_consumer(struct kafka_consumer *consumer)
{
    if (consumer->events) {
        rd_kafka_queue_cb_event_enable(consumer->events, NULL, NULL);
        rd_kafka_queue_destroy(consumer->events);
        rd_kafka_queue_destroy(consumer->messages);
    }
    if (consumer->client && (consumer->dies || !kafka__destroy(consumer->client)))
        return;
    kafka_access_end(&consumer->access);
    if (consumer->stored)
        rd_kafka_topic_partition_list_destroy(consumer->stored);
    free(consumer->partitions);
    free(consumer->revoked);
    free(consumer->topic);
    free(consumer->member);
    free(consumer);
}

struct kafka_consumer *kafka_consumer_new(const struct kafka_cluster *cluster,
                                          const struct kafka_consumer_options *options,
                                          const struct kafka_events *events, char *why, size_t why_size)
{
    struct kafka_consumer *consumer = calloc(1, sizeof *consumer);
    char *topic = strdup(options->topic);
    if (!consumer || !topic) {
        snprintf(why, why_size, "out of memory");
        free(topic);
        free(consumer);
        return NULL;
    }
    consumer->topic = topic;
    consumer->stored = rd_kafka_topic_partition_list_new(16);
    if (events)
        consumer->told = *events;
    consumer->alone = options->alone;
    consumer->from_latest = options->from_latest;
    consumer->transactional = options->transactional;
    consumer->connected = true;
    rd_kafka_conf_t *conf = make_conf(cluster, options, why, why_size);
    if (conf) {
        rd_kafka_conf_set_opaque(conf, consumer);
        kafka_access_begin(&consumer->access, conf, cluster);
        consumer->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, why_size);
        if (consumer->client)
            kafka_access_ready(&consumer->access, consumer->client);
        if (!consumer->client)
            rd_kafka_conf_destroy(conf);
        else if (make_queues(consumer), options->alone || subscribe(consumer, why, why_size))
            return consumer;
    }
    free_consumer(consumer);
    return NULL;
}

static void note_read_error(struct kafka_consumer *consumer, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (message->partition < consumer->n_partitions)
            kafka__note_end(&consumer->partitions[message->partition], message->offset);
        return;
    }
    consumer->errors++;
    if (message->err == RD_KAFKA_RESP_ERR__FATAL) {
        consumer->fatal = true;
        rd_kafka_fatal_error(consumer->client, consumer->fatal_text, sizeof consumer->fatal_text);
        return;
    }
    char text[KAFKA_ERROR_TEXT];
    snprintf(text, sizeof text, "reading topic %s: %s%s", consumer->topic, rd_kafka_message_errstr(message),
             kafka_access_remedy(message->err));
    if (strcmp(text, consumer->trouble) != 0)
        log_warning("%s", text);
    memcpy(consumer->trouble, text, sizeof text);
}

/* One call of kafka_consumer_serve. */
struct serving {
    struct kafka_consumer *consumer;
    bool (*take)(void *context, const struct kafka_message *message);
    void *context;
    size_t n, most;
    bool full;
};

static void hand_over(rd_kafka_message_t *source, void *opaque)
{
    struct serving *serving = opaque;
    struct kafka_consumer *consumer = serving->consumer;
    if (source->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        note_read_error(consumer, source);
        return;
    }
    if (serving->most == 0)
        return; /* messages come by their own queue, which is not looked at then */
    rd_kafka_timestamp_type_t kind;
    const int64_t timestamp = rd_kafka_message_timestamp(source, &kind);
    if (source->partition >= consumer->n_partitions || !consumer->partitions[source->partition].ours ||
        !kafka__is_next(consumer, source->partition, source->offset, timestamp))
        return;
    consumer->connected = true;
    consumer->trouble[0] = 0;
    const struct kafka_message message = {.partition = source->partition,
                                          .offset = source->offset,
                                          .timestamp = timestamp > 0 ? timestamp : 0,
                                          .key = source->key,
                                          .key_size = source->key_len,
                                          .value = source->payload,
                                          .value_size = source->len,
                                          .handle = source};
    serving->full = !serving->take(serving->context, &message) || ++serving->n == serving->most;
    if (serving->full)
        rd_kafka_yield(consumer->client);
}

/* Events are served in there; what comes out are errors, and would be messages of a partition whose queue could not be
 * forwarded. */
static void serve_events(struct serving *serving)
{
    rd_kafka_message_t *source;
    while (!serving->full && (source = rd_kafka_consumer_poll(serving->consumer->client, 0))) {
        hand_over(source, serving);
        rd_kafka_message_destroy(source);
    }
}

static rd_kafka_topic_partition_list_t *list_ours(const struct kafka_consumer *consumer)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    for (int32_t i = 0; i < consumer->n_partitions; i++)
        if (consumer->partitions[i].ours)
            rd_kafka_topic_partition_list_add(list, consumer->topic, i)->offset = RD_KAFKA_OFFSET_END;
    return list;
}

/* Once its queue is full, librdkafka before 2.2 looks at it again only a second later, when a fast reader has long been
 * waiting. A request to a partition's leader makes it look at once; nobody waits for the answer to this one. */
static void wake_fetchers(struct kafka_consumer *consumer)
{
    const size_t queued = rd_kafka_queue_length(consumer->messages);
    if (queued >= QUEUED_MESSAGES && rd_kafka_version() < 0x020200ff) {
        consumer->full = true;
    } else if (consumer->full && queued < QUEUED_MESSAGES / 2) {
        consumer->full = false;
        rd_kafka_topic_partition_list_t *list = list_ours(consumer);
        rd_kafka_offsets_for_times(consumer->client, list, 0);
        rd_kafka_topic_partition_list_destroy(list);
    }
}

size_t kafka_consumer_serve(struct kafka_consumer *consumer, int timeout_ms, size_t most,
                            bool (*take)(void *context, const struct kafka_message *message), void *context)
{
    struct serving serving = {.consumer = consumer, .take = take, .context = context, .most = most};
    kafka__ask_again(consumer);
    serve_events(&serving);
    wake_fetchers(consumer);
    if (!serving.full && most > 0 && !consumer->rewinding)
        rd_kafka_consume_callback_queue(consumer->messages, serving.n > 0 ? 0 : timeout_ms, hand_over, &serving);
    return serving.n;
}

/* Those that have been handed anything over; the others begin where they should. */
static rd_kafka_topic_partition_list_t *list_begun(const struct kafka_consumer *consumer)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    for (int32_t i = 0; i < consumer->n_partitions; i++)
        if (consumer->partitions[i].ours && consumer->partitions[i].offset >= 0)
            rd_kafka_topic_partition_list_add(list, consumer->topic, i);
    return list;
}

/* Whether each offset is known that the partitions are to begin with. */
static bool find_offsets(struct kafka_consumer *consumer, rd_kafka_topic_partition_list_t *list, int timeout_ms)
{
    if (rd_kafka_committed(consumer->client, list, timeout_ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
            return false;
        if (list->elems[i].offset < 0)
            list->elems[i].offset = consumer->partitions[list->elems[i].partition].first;
    }
    return true;
}

/* What was fetched before is out of date from the moment of the call on: librdkafka counts a partition's seeks, and
 * compares that count before it hands a message over. The client answers by itself, without a broker; librdkafka 2.0
 * waits for a thousandth of the time that it is given. */
bool kafka__seek(struct kafka_consumer *consumer, rd_kafka_topic_partition_list_t *list)
{
    bool all = true;
    rd_kafka_error_t *error = rd_kafka_seek_partitions(consumer->client, list, SEEK_MS);
    if (error) {
        rd_kafka_error_destroy(error);
        return false;
    }
    for (int i = 0; i < list->cnt; i++) {
        struct kafka_partition *partition = &consumer->partitions[list->elems[i].partition];
        if (list->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
            *partition = (struct kafka_partition){.ours = true, .first = list->elems[i].offset, .offset = -1};
        else
            all = false;
    }
    return all;
}

bool kafka_consumer_rewind(struct kafka_consumer *consumer, int timeout_ms)
{
    rd_kafka_topic_partition_list_t *list = list_begun(consumer);
    consumer->rewinding = list->cnt > 0 && !(find_offsets(consumer, list, timeout_ms) && kafka__seek(consumer, list));
    rd_kafka_topic_partition_list_destroy(list);
    return !consumer->rewinding;
}

/* librdkafka itself commits no offset below the one that it has committed before. */
static void commit_back(struct kafka_consumer *consumer, const rd_kafka_topic_partition_list_t *offsets)
{
    log_warning("partition %d of topic %s begins anew at offset %lld", offsets->elems[0].partition, consumer->topic,
                (long long)offsets->elems[0].offset);
    rd_kafka_commit(consumer->client, offsets, 1);
}

void kafka_consumer_store(struct kafka_consumer *consumer, int32_t partition, int64_t offset)
{
    if (consumer->transactional)
        return;
    rd_kafka_topic_partition_t *before =
        rd_kafka_topic_partition_list_find(consumer->stored, consumer->topic, partition);
    const bool back = before && before->offset > offset;
    if (!before)
        before = rd_kafka_topic_partition_list_add(consumer->stored, consumer->topic, partition);
    before->offset = offset;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, consumer->topic, partition)->offset = offset;
    const rd_kafka_resp_err_t error = rd_kafka_offsets_store(consumer->client, list);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_debug("offset %lld of partition %d was not stored: %s", (long long)offset, partition,
                  rd_kafka_err2str(error));
    if (back)
        commit_back(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
}

void kafka_consumer_pause(struct kafka_consumer *consumer, bool paused)
{
    if (paused == consumer->paused)
        return;
    consumer->paused = paused;
    kafka__pause_all(consumer, paused);
}

size_t kafka_consumer_errors(const struct kafka_consumer *consumer)
{
    return consumer->errors;
}

bool kafka_consumer_connected(const struct kafka_consumer *consumer)
{
    return consumer->connected;
}

bool kafka_consumer_joined(const struct kafka_consumer *consumer)
{
    char *member = rd_kafka_memberid(consumer->client);
    /* The broker gives an id to who wants to join, long before the group has let it in. */
    const bool joined = member && consumer->member && strcmp(member, consumer->member) == 0;
    rd_kafka_mem_free(consumer->client, member);
    return joined;
}

void kafka_consumer_disconnected(struct kafka_consumer *consumer, const char *reason)
{
    if (consumer->connected)
        log_warning("no broker can be reached (%s); trying on", reason);
    consumer->connected = false;
}

void kafka_consumer_reconnected(struct kafka_consumer *consumer)
{
    if (!consumer->connected)
        log_info("a broker can be reached again");
    consumer->connected = true;
}

const char *kafka_consumer_fatal(const struct kafka_consumer *consumer)
{
    return consumer->fatal ? consumer->fatal_text : kafka_access_fatal(&consumer->access);
}

const char *kafka_consumer_unreached(const struct kafka_consumer *consumer)
{
    return kafka_access_why(&consumer->access);
}

const char *kafka_consumer_trouble(const struct kafka_consumer *consumer)
{
    return consumer->trouble;
}

/* All partitions go with the first that do. librdkafka (2.0 and later) takes whatever a member that ends answers to a
 * rebalance for the giving up of all it has, and is free to end with that answer: it then drops the requests that have
 * come meanwhile, and who waits for one of them waits for ever. So one answer is given, behind which nothing is asked.
 * Partitions that were to come while it ends go before anybody is told of them. */
static void give_up(struct kafka_consumer *consumer)
{
    rd_kafka_topic_partition_list_t *list = list_ours(consumer);
    consumer->given_up = true;
    kafka__rebalance(consumer->client, RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS, list, consumer);
    rd_kafka_topic_partition_list_destroy(list);
}

/* Messages may still come, which rd_kafka_queue_poll_callback would not bear. */
static void serve_closing(struct kafka_consumer *consumer, rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 100);
    if (event && rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE && !consumer->given_up &&
        rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
        give_up(consumer);
    if (event)
        rd_kafka_event_destroy(event);
}

void kafka_consumer_close(struct kafka_consumer *consumer, int timeout_ms)
{
    const double deadline = clock_seconds() + timeout_ms * 1e-3;
    /* librdkafka 2.0 ends the process at an assertion where a member is destroyed that has joined, if only just now,
     * and was never told of its partitions. Such a client is left to the end of the process. */
    consumer->dies = !consumer->assigned;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->client);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(consumer->client, queue);
    if (error) { /* it can't go on, and does not leave the group either: the rest is left to the end of the process */
        rd_kafka_error_destroy(error);
        rd_kafka_queue_destroy(queue);
        return;
    }
    while (!rd_kafka_consumer_closed(consumer->client) && clock_seconds() < deadline)
        serve_closing(consumer, queue);
    if (!rd_kafka_consumer_closed(consumer->client)) {
        /* To destroy the client would wait for the broker without end, so the rest is left to the end of the process.
         */
        log_warning("the broker does not answer: it will give the partitions to others once the session has ended");
        return;
    }
    rd_kafka_queue_destroy(queue);
    free_consumer(consumer);
}
