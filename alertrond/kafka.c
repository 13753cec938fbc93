/* kafka.c: the one room that knows librdkafka. */
#include "kafka.h"

#include <librdkafka/rdkafka.h>
/* needs rdkafka.h before it */
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "config.h"
#include "log.h"

enum { ERROR_TEXT = 512, RETRY_SECONDS = 1, ADMIN_MS = 15000 };

/* A record that was refused and waits to be sent again. */
struct retry {
    struct retry *next;
    double due; /* seconds */
    char *topic;
    void *key, *value;
    size_t key_size, value_size;
    int64_t timestamp;
    rd_kafka_headers_t *headers;
    void *token;
};

struct kafka_producer {
    rd_kafka_t *client;
    void (*delivered)(void *context, void *token);
    void *context;
    struct retry *retries;
    size_t failed, errors;
    bool closing;
    char trouble[ERROR_TEXT];
};

struct kafka_consumer {
    rd_kafka_t *client;
    struct kafka_events events;
    char *topic;
    size_t errors;
    bool paused, connected;
    bool fatal;
    char fatal_text[ERROR_TEXT];
};

struct kafka_broker {
    rd_kafka_t *client;
    rd_kafka_mock_cluster_t *cluster;
};

/* --- configuration ----------------------------------------------------------------------------------- */

const char *kafka_version(void)
{
    return rd_kafka_version_str();
}

bool kafka_property_check(const char *name, const char *value, char *why, size_t why_size)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool good = rd_kafka_conf_set(conf, name, value, why, why_size) == RD_KAFKA_CONF_OK;
    rd_kafka_conf_destroy(conf);
    return good;
}

/* librdkafka's own lines: what is about settings that only the other kind of client uses is of no interest. */
static void write_log(const rd_kafka_t *client, int syslog_level, const char *facility, const char *text)
{
    (void)client;
    const bool about_settings = strcmp(facility, "CONFWARN") == 0;
    const enum log_level level = syslog_level <= 3   ? LOG_ERROR_LEVEL
                                 : syslog_level <= 4 ? LOG_WARNING_LEVEL
                                                     : LOG_INFO_LEVEL;
    log_line(about_settings || syslog_level > 5 ? LOG_DEBUG_LEVEL : level, "kafka client: %s: %s", facility, text);
}

static bool set_all(rd_kafka_conf_t *conf, const struct kafka_property *properties, size_t n, char *why,
                    size_t why_size)
{
    for (size_t i = 0; i < n; i++)
        if (rd_kafka_conf_set(conf, properties[i].name, properties[i].value, why, why_size) != RD_KAFKA_CONF_OK)
            return false;
    return true;
}

/* Our own settings first, so that the user's win. NULL, and why, on failure. */
static rd_kafka_conf_t *make_conf(const struct kafka_cluster *cluster, const struct kafka_property *own, size_t n_own,
                                  char *why, size_t why_size)
{
    char bootstrap_name[] = "bootstrap.servers", client_name[] = "client.id", client_id[] = "alertrond";
    const struct kafka_property common[] = {{.name = bootstrap_name, .value = (char *)cluster->bootstrap},
                                            {.name = client_name, .value = client_id}};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, write_log);
    if (set_all(conf, common, 2, why, why_size) && set_all(conf, own, n_own, why, why_size) &&
        set_all(conf, cluster->properties, cluster->n_properties, why, why_size))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

/* --- producer ------------------------------------------------------------------------------------------ */

static void free_retry(struct retry *retry)
{
    if (retry->headers)
        rd_kafka_headers_destroy(retry->headers);
    free(retry->topic);
    free(retry->key);
    free(retry->value);
    free(retry);
}

static void *copy_bytes(const void *bytes, size_t n)
{
    void *copy = bytes ? malloc(n ? n : 1) : NULL;
    if (copy && n)
        memcpy(copy, bytes, n);
    return copy;
}

/* Keeps what was refused, so that its offset is not passed before it has been written. */
static void keep_for_retry(struct kafka_producer *producer, const rd_kafka_message_t *message)
{
    struct retry *retry = calloc(1, sizeof *retry);
    if (!retry)
        return; /* its token is never acknowledged: the offset stays, and the reading comes again after a restart */
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_timestamp_type_t kind;
    *retry = (struct retry){.next = producer->retries,
                            .due = clock_seconds() + RETRY_SECONDS,
                            .topic = strdup(rd_kafka_topic_name(message->rkt)),
                            .key = copy_bytes(message->key, message->key_len),
                            .key_size = message->key_len,
                            .value = copy_bytes(message->payload, message->len),
                            .value_size = message->len,
                            .timestamp = rd_kafka_message_timestamp(message, &kind),
                            .token = message->_private};
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
        retry->headers = rd_kafka_headers_copy(headers);
    if (!retry->topic || (message->key && !retry->key) || (message->payload && !retry->value)) {
        free_retry(retry);
        return;
    }
    producer->retries = retry;
}

static void note_trouble(struct kafka_producer *producer, const char *topic, rd_kafka_resp_err_t error)
{
    char text[ERROR_TEXT];
    snprintf(text, sizeof text, "writing to topic %s: %s", topic, rd_kafka_err2str(error));
    if (strcmp(text, producer->trouble) != 0)
        log_warning("%s; trying again every second", text);
    memcpy(producer->trouble, text, sizeof text);
}

static void note_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct kafka_producer *producer = opaque;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (message->_private)
            producer->delivered(producer->context, message->_private);
        if (!producer->retries)
            producer->trouble[0] = 0;
        return;
    }
    producer->errors++;
    if (!message->_private) {
        producer->failed++;
        return;
    }
    if (producer->closing)
        return;
    note_trouble(producer, rd_kafka_topic_name(message->rkt), message->err);
    keep_for_retry(producer, message);
}

static void note_producer_error(rd_kafka_t *client, int error, const char *reason, void *opaque)
{
    (void)client;
    (void)error;
    struct kafka_producer *producer = opaque;
    producer->errors++;
    log_debug("kafka producer: %s", reason);
}

struct kafka_producer *kafka_producer_new(const struct kafka_cluster *cluster, char *why, size_t why_size)
{
    static const struct kafka_property own[] = {
        {.name = "enable.idempotence", .value = "true"},
        {.name = "compression.codec", .value = "lz4"},
        {.name = "linger.ms", .value = "5"},
        {.name = "socket.nagle.disable", .value = "true"},
        {.name = "message.timeout.ms", .value = "0"}, /* never give up: what is not written is not skipped */
        {.name = "message.max.bytes", .value = "16777216"},
        {.name = "queue.buffering.max.kbytes", .value = "65536"},
        {.name = "topic.metadata.propagation.max.ms", .value = "5000"},
        {.name = "partitioner", .value = "murmur2_random"}, /* keys lie where Java clients put them */
    };
    struct kafka_producer *producer = calloc(1, sizeof *producer);
    rd_kafka_conf_t *conf = make_conf(cluster, own, sizeof own / sizeof *own, why, why_size);
    if (producer && conf) {
        rd_kafka_conf_set_opaque(conf, producer);
        rd_kafka_conf_set_dr_msg_cb(conf, note_delivery);
        rd_kafka_conf_set_error_cb(conf, note_producer_error);
        if ((producer->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, why_size)))
            return producer;
    }
    if (conf)
        rd_kafka_conf_destroy(conf);
    free(producer);
    return NULL;
}

void kafka_producer_on_delivery(struct kafka_producer *producer, void (*delivered)(void *context, void *token),
                                void *context)
{
    producer->delivered = delivered;
    producer->context = context;
}

static rd_kafka_headers_t *make_headers(const struct kafka_record *record)
{
    rd_kafka_headers_t *headers = NULL, *theirs;
    if (record->headers_of &&
        rd_kafka_message_headers(record->headers_of->handle, &theirs) == RD_KAFKA_RESP_ERR_NO_ERROR)
        headers = rd_kafka_headers_copy(theirs);
    if (!headers && record->n_headers > 0)
        headers = rd_kafka_headers_new(record->n_headers);
    for (size_t i = 0; i < record->n_headers; i++)
        rd_kafka_header_add(headers, record->headers[i].name, -1, record->headers[i].value, -1);
    return headers;
}

/* Queues a copy; headers are taken over if it was queued. */
static rd_kafka_resp_err_t produce(struct kafka_producer *producer, const struct kafka_record *record,
                                   rd_kafka_headers_t *headers)
{
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = record->topic},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)record->key, record->key_size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)record->value, record->value_size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = record->timestamp},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = record->token},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    const size_t n = sizeof parts / sizeof *parts - (headers == NULL);
    rd_kafka_error_t *error = rd_kafka_produceva(producer->client, parts, n);
    if (!error)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    return code;
}

enum kafka_outcome kafka_producer_try(struct kafka_producer *producer, const struct kafka_record *record)
{
    rd_kafka_headers_t *headers = make_headers(record);
    const rd_kafka_resp_err_t error = produce(producer, record, headers);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        return KAFKA_SENT;
    if (headers)
        rd_kafka_headers_destroy(headers);
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return KAFKA_FULL;
    producer->errors++;
    note_trouble(producer, record->topic, error);
    return KAFKA_REFUSED;
}

bool kafka_producer_send(struct kafka_producer *producer, const char *topic, const void *key, size_t key_size,
                         const void *value, size_t value_size)
{
    const struct kafka_record record = {
        .topic = topic, .key = key, .key_size = key_size, .value = value, .value_size = value_size};
    enum kafka_outcome outcome;
    while ((outcome = kafka_producer_try(producer, &record)) == KAFKA_FULL)
        rd_kafka_poll(producer->client, 100);
    return outcome == KAFKA_SENT;
}

/* Sends again what is due; what can't even be queued stays for the next time. */
static void send_retries(struct kafka_producer *producer)
{
    const double now = clock_seconds();
    for (struct retry **at = &producer->retries; *at;) {
        struct retry *retry = *at;
        const struct kafka_record record = {.topic = retry->topic,
                                            .key = retry->key,
                                            .key_size = retry->key_size,
                                            .value = retry->value,
                                            .value_size = retry->value_size,
                                            .timestamp = retry->timestamp > 0 ? retry->timestamp : 0,
                                            .token = retry->token};
        if (now < retry->due || produce(producer, &record, retry->headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
            at = &retry->next;
            continue;
        }
        retry->headers = NULL;
        *at = retry->next;
        free_retry(retry);
    }
}

void kafka_producer_poll(struct kafka_producer *producer, int timeout_ms)
{
    rd_kafka_poll(producer->client, timeout_ms);
    if (producer->retries)
        send_retries(producer);
}

size_t kafka_producer_failed(const struct kafka_producer *producer)
{
    return producer->failed;
}

size_t kafka_producer_errors(const struct kafka_producer *producer)
{
    return producer->errors;
}

const char *kafka_producer_trouble(const struct kafka_producer *producer)
{
    return producer->trouble;
}

bool kafka_producer_reaches_broker(struct kafka_producer *producer, int timeout_ms)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_poll(producer->client, 0);
    if (rd_kafka_metadata(producer->client, 0, NULL, &metadata, timeout_ms) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    rd_kafka_metadata_destroy(metadata);
    return true;
}

bool kafka_producer_close(struct kafka_producer *producer, int timeout_ms)
{
    const double deadline = clock_seconds() + timeout_ms * 1e-3;
    while ((rd_kafka_outq_len(producer->client) > 0 || producer->retries) && clock_seconds() < deadline)
        kafka_producer_poll(producer, 50);
    const bool all = rd_kafka_outq_len(producer->client) == 0 && !producer->retries && producer->failed == 0;
    producer->closing = true;
    rd_kafka_purge(producer->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(producer->client, 1000);
    rd_kafka_destroy(producer->client);
    while (producer->retries) {
        struct retry *next = producer->retries->next;
        free_retry(producer->retries);
        producer->retries = next;
    }
    free(producer);
    return all;
}

/* --- topics -------------------------------------------------------------------------------------------- */

/* A topic that is there already is as good as one that was made. */
static bool read_created(rd_kafka_event_t *event, char *why, size_t why_size)
{
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(why, why_size, "%s", rd_kafka_event_error_string(event));
        return false;
    }
    size_t n;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    for (size_t i = 0; i < n; i++) {
        const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
            log_info("made topic %s", rd_kafka_topic_result_name(results[i]));
        else if (error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            snprintf(why, why_size, "topic %s: %s", rd_kafka_topic_result_name(results[i]),
                     rd_kafka_topic_result_error_string(results[i]));
            return false;
        }
    }
    return true;
}

static bool request_topics(rd_kafka_t *client, rd_kafka_NewTopic_t **topics, size_t n, char *why, size_t why_size)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_operation_timeout(options, ADMIN_MS, NULL, 0);
    rd_kafka_CreateTopics(client, topics, n, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 2 * ADMIN_MS);
    bool made = false;
    if (event && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE) {
        log_info("the broker makes topics by itself only; they appear when they are first used");
        made = true;
    } else if (event) {
        made = read_created(event, why, why_size);
    } else {
        snprintf(why, why_size, "no answer from the broker within %d s", 2 * ADMIN_MS / 1000);
    }
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return made;
}

static bool create_topic(rd_kafka_t *client, const char *name, int partitions, int replication, char *why,
                         size_t why_size)
{
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, partitions, replication, why, why_size);
    if (!topic)
        return false;
    const bool made = request_topics(client, &topic, 1, why, why_size);
    rd_kafka_NewTopic_destroy(topic);
    return made;
}

static bool is_listed(const struct rd_kafka_metadata *metadata, const char *topic)
{
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (strcmp(metadata->topics[i].topic, topic) == 0)
            return true;
    return false;
}

bool kafka_producer_create_topics(struct kafka_producer *producer, const char *const *topics, size_t n_topics,
                                  int partitions, int replication, char *why, size_t why_size)
{
    const struct rd_kafka_metadata *metadata;
    const rd_kafka_resp_err_t error = rd_kafka_metadata(producer->client, 1, NULL, &metadata, ADMIN_MS);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(why, why_size, "%s", rd_kafka_err2str(error));
        return false;
    }
    bool good = true;
    for (size_t i = 0; good && i < n_topics; i++)
        good = is_listed(metadata, topics[i]) ||
               create_topic(producer->client, topics[i], partitions, replication, why, why_size);
    rd_kafka_metadata_destroy(metadata);
    return good;
}

/* --- consumer ------------------------------------------------------------------------------------------- */

static void pause_all(struct kafka_consumer *consumer, bool paused)
{
    rd_kafka_topic_partition_list_t *assignment = NULL;
    if (rd_kafka_assignment(consumer->client, &assignment) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    if (paused)
        rd_kafka_pause_partitions(consumer->client, assignment);
    else
        rd_kafka_resume_partitions(consumer->client, assignment);
    rd_kafka_topic_partition_list_destroy(assignment);
}

static bool is_cooperative(rd_kafka_t *client)
{
    const char *protocol = rd_kafka_rebalance_protocol(client);
    return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

static void assign(struct kafka_consumer *consumer, rd_kafka_topic_partition_list_t *partitions)
{
    for (int i = 0; i < partitions->cnt; i++)
        consumer->events.assigned(consumer->events.context, partitions->elems[i].partition);
    if (is_cooperative(consumer->client)) {
        rd_kafka_error_t *error = rd_kafka_incremental_assign(consumer->client, partitions);
        if (error)
            rd_kafka_error_destroy(error);
    } else {
        rd_kafka_assign(consumer->client, partitions);
    }
    if (consumer->paused)
        pause_all(consumer, true);
    consumer->connected = true;
    log_info("reading %d more partition%s", partitions->cnt, partitions->cnt == 1 ? "" : "s");
}

static void unassign(struct kafka_consumer *consumer, rd_kafka_topic_partition_list_t *partitions)
{
    if (is_cooperative(consumer->client)) {
        rd_kafka_error_t *error = rd_kafka_incremental_unassign(consumer->client, partitions);
        if (error)
            rd_kafka_error_destroy(error);
    } else {
        rd_kafka_assign(consumer->client, NULL);
    }
}

static void revoke(struct kafka_consumer *consumer, rd_kafka_topic_partition_list_t *partitions)
{
    const bool lost = rd_kafka_assignment_lost(consumer->client);
    int32_t *numbers = calloc((size_t)partitions->cnt + 1, sizeof *numbers);
    if (numbers) {
        for (int i = 0; i < partitions->cnt; i++)
            numbers[i] = partitions->elems[i].partition;
        consumer->events.revoke(consumer->events.context, numbers, (size_t)partitions->cnt, lost);
        free(numbers);
    }
    if (!lost)
        rd_kafka_commit(consumer->client, NULL, 0);
    unassign(consumer, partitions);
    log_info("gave up %d partition%s%s", partitions->cnt, partitions->cnt == 1 ? "" : "s",
             lost ? ", which were lost" : "");
}

static void rebalance(rd_kafka_t *client, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t *partitions,
                      void *opaque)
{
    (void)client;
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        assign(opaque, partitions);
    else
        revoke(opaque, partitions);
}

static void note_consumer_error(rd_kafka_t *client, int error, const char *reason, void *opaque)
{
    struct kafka_consumer *consumer = opaque;
    consumer->errors++;
    if (error == RD_KAFKA_RESP_ERR__FATAL) {
        consumer->fatal = true;
        rd_kafka_fatal_error(client, consumer->fatal_text, sizeof consumer->fatal_text);
    } else if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        if (consumer->connected)
            log_warning("no broker can be reached (%s); trying on", reason);
        consumer->connected = false;
    } else {
        log_debug("kafka consumer: %s", reason);
    }
}

static bool subscribe(struct kafka_consumer *consumer, char *why, size_t why_size)
{
    rd_kafka_poll_set_consumer(consumer->client);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, consumer->topic, RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t error = rd_kafka_subscribe(consumer->client, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        snprintf(why, why_size, "%s", rd_kafka_err2str(error));
    return error == RD_KAFKA_RESP_ERR_NO_ERROR;
}

struct kafka_consumer *kafka_consumer_new(const struct kafka_cluster *cluster,
                                          const struct kafka_consumer_options *options,
                                          const struct kafka_events *events, char *why, size_t why_size)
{
    const struct kafka_property own[] = {
        {.name = "group.id", .value = (char *)(uintptr_t)options->group},
        {.name = "auto.offset.reset", .value = options->from_latest ? "latest" : "earliest"},
        {.name = "enable.auto.commit", .value = "true"}, /* of what was stored, and only that */
        {.name = "enable.auto.offset.store", .value = "false"},
        {.name = "auto.commit.interval.ms", .value = "1000"},
        {.name = "partition.assignment.strategy", .value = "cooperative-sticky"},
        {.name = "topic.metadata.refresh.interval.ms", .value = "10000"},
        {.name = "fetch.wait.max.ms", .value = "100"},
        {.name = "socket.nagle.disable", .value = "true"},
        {.name = "queued.max.messages.kbytes", .value = "16384"},
        {.name = "allow.auto.create.topics", .value = "true"},
    };
    struct kafka_consumer *consumer = calloc(1, sizeof *consumer);
    rd_kafka_conf_t *conf = make_conf(cluster, own, sizeof own / sizeof *own, why, why_size);
    if (consumer && conf && (consumer->topic = strdup(options->topic))) {
        consumer->events = *events;
        consumer->connected = true;
        rd_kafka_conf_set_opaque(conf, consumer);
        rd_kafka_conf_set_rebalance_cb(conf, rebalance);
        rd_kafka_conf_set_error_cb(conf, note_consumer_error);
        if ((consumer->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, why_size))) {
            if (subscribe(consumer, why, why_size))
                return consumer;
            rd_kafka_destroy(consumer->client);
            conf = NULL;
        }
    }
    if (conf)
        rd_kafka_conf_destroy(conf);
    if (consumer)
        free(consumer->topic);
    free(consumer);
    return NULL;
}

static bool take_message(struct kafka_consumer *consumer, rd_kafka_message_t *source, struct kafka_message *message)
{
    if (source->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (source->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            consumer->errors++;
            log_warning("reading %s: %s", consumer->topic, rd_kafka_message_errstr(source));
        }
        rd_kafka_message_destroy(source);
        return false;
    }
    rd_kafka_timestamp_type_t kind;
    const int64_t timestamp = rd_kafka_message_timestamp(source, &kind);
    *message = (struct kafka_message){.topic = consumer->topic,
                                      .partition = source->partition,
                                      .offset = source->offset,
                                      .timestamp = timestamp > 0 ? timestamp : 0,
                                      .key = source->key,
                                      .key_size = source->key_len,
                                      .value = source->payload,
                                      .value_size = source->len,
                                      .handle = source};
    consumer->connected = true;
    return true;
}

bool kafka_consumer_next(struct kafka_consumer *consumer, int timeout_ms, struct kafka_message *message)
{
    rd_kafka_message_t *source = rd_kafka_consumer_poll(consumer->client, timeout_ms);
    return source && take_message(consumer, source, message);
}

void kafka_message_release(struct kafka_message *message)
{
    rd_kafka_message_destroy(message->handle);
    message->handle = NULL;
}

void kafka_consumer_store(struct kafka_consumer *consumer, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, consumer->topic, partition)->offset = offset;
    const rd_kafka_resp_err_t error = rd_kafka_offsets_store(consumer->client, list);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        log_debug("offset %lld of partition %d was not stored: %s", (long long)offset, partition,
                  rd_kafka_err2str(error));
    rd_kafka_topic_partition_list_destroy(list);
}

void kafka_consumer_pause(struct kafka_consumer *consumer, bool paused)
{
    if (paused == consumer->paused)
        return;
    consumer->paused = paused;
    pause_all(consumer, paused);
}

int64_t kafka_consumer_lag(struct kafka_consumer *consumer, int32_t partition, int64_t offset)
{
    int64_t low = RD_KAFKA_OFFSET_INVALID, high = RD_KAFKA_OFFSET_INVALID;
    rd_kafka_get_watermark_offsets(consumer->client, consumer->topic, partition, &low, &high);
    return high < 0 || offset < 0 ? -1 : high > offset ? high - offset : 0;
}

size_t kafka_consumer_errors(const struct kafka_consumer *consumer)
{
    return consumer->errors;
}

bool kafka_consumer_connected(const struct kafka_consumer *consumer)
{
    return consumer->connected;
}

void kafka_consumer_reconnected(struct kafka_consumer *consumer)
{
    if (!consumer->connected)
        log_info("a broker can be reached again");
    consumer->connected = true;
}

const char *kafka_consumer_fatal(const struct kafka_consumer *consumer)
{
    return consumer->fatal ? consumer->fatal_text : NULL;
}

void kafka_consumer_close(struct kafka_consumer *consumer)
{
    rd_kafka_consumer_close(consumer->client);
    rd_kafka_destroy(consumer->client);
    free(consumer->topic);
    free(consumer);
}

/* --- embedded broker --------------------------------------------------------------------------------------- */

struct kafka_broker *kafka_broker_start(const char *const *topics, size_t n_topics, int partitions, char *why,
                                        size_t why_size)
{
    struct kafka_broker *broker = calloc(1, sizeof *broker);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, write_log);
    if (!broker || !(broker->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, why_size))) {
        rd_kafka_conf_destroy(conf);
        free(broker);
        return NULL;
    }
    broker->cluster = rd_kafka_mock_cluster_new(broker->client, 1);
    if (!broker->cluster) {
        snprintf(why, why_size, "the embedded broker could not be started");
        rd_kafka_destroy(broker->client);
        free(broker);
        return NULL;
    }
    for (size_t i = 0; i < n_topics; i++)
        rd_kafka_mock_topic_create(broker->cluster, topics[i], partitions, 1);
    return broker;
}

const char *kafka_broker_bootstrap(const struct kafka_broker *broker)
{
    return rd_kafka_mock_cluster_bootstraps(broker->cluster);
}

void kafka_broker_stop(struct kafka_broker *broker)
{
    rd_kafka_mock_cluster_destroy(broker->cluster);
    rd_kafka_destroy(broker->client);
    free(broker);
}
