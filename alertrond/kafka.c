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
#include "kafka_access.h"
#include "log.h"
#include "unsent.h"

enum { ERROR_TEXT = 512, ADMIN_MS = 15000, COMMIT_MS = 5000 };

#define UNSENT_BYTES_MAX ((size_t)64 << 20)

struct kafka_producer {
    struct kafka_access access; /* first: see there */
    rd_kafka_t *client;
    void (*delivered)(void *context, void *token);
    void *context;
    struct unsent unsent;
    const void *alone; /* token of the record that was sent again last, if no other went with it */
    size_t failed, errors;
    bool closing, fatal;
    char fatal_text[ERROR_TEXT];
};

struct kafka_consumer {
    struct kafka_access access; /* first: see there */
    rd_kafka_t *client;
    struct kafka_events events;
    char *topic;
    rd_kafka_topic_partition_list_t *stored; /* of the partitions that are ours */
    size_t errors;
    bool paused, connected, committed;
    bool fatal;
    char fatal_text[ERROR_TEXT], trouble[ERROR_TEXT];
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

bool kafka_property_known(const char *name)
{
    char unused[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool known = rd_kafka_conf_set(conf, name, "", unused, sizeof unused) != RD_KAFKA_CONF_UNKNOWN;
    rd_kafka_conf_destroy(conf);
    return known;
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
        if (!kafka_access_set(conf, &properties[i], why, why_size))
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

static bool is_ours(const char *header)
{
    return strncmp(header, "__connect.errors.", 17) == 0 || strncmp(header, "alertrond.", 10) == 0;
}

/* A copy without the headers behind the message's own, which say why it is a dead letter. NULL: none is left. */
static rd_kafka_headers_t *copy_own_headers(const rd_kafka_headers_t *headers)
{
    const char *name;
    const void *value;
    size_t n = rd_kafka_header_cnt(headers), size;
    while (n > 0 && rd_kafka_header_get_all(headers, n - 1, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR &&
           is_ours(name))
        n--;
    rd_kafka_headers_t *copy = n > 0 ? rd_kafka_headers_new(n) : NULL;
    for (size_t i = 0; i < n; i++)
        if (rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR)
            rd_kafka_header_add(copy, name, -1, value, (ssize_t)size);
    return copy;
}

/* Keeps what was refused, so that its offset is not passed before it has been written. Where memory has run out its
 * token is never acknowledged: the offset stays, and the reading comes again after a restart. A message as large as its
 * topic allowed is too large for the dead letters' with the reason beside it: it is kept without. */
static void keep_unsent(struct kafka_producer *producer, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers = NULL, *copy = NULL;
    rd_kafka_timestamp_type_t kind;
    const int64_t timestamp = rd_kafka_message_timestamp(message, &kind);
    const bool too_large = message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && message->_private == producer->alone;
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
        copy = too_large ? copy_own_headers(headers) : rd_kafka_headers_copy(headers);
    const struct unsent_record record = {.topic = (char *)(uintptr_t)rd_kafka_topic_name(message->rkt),
                                         .key = message->key,
                                         .key_size = message->key_len,
                                         .value = message->payload,
                                         .value_size = message->len,
                                         .timestamp = timestamp > 0 ? timestamp : 0,
                                         .headers = copy,
                                         .token = message->_private};
    if (!unsent_keep(&producer->unsent, &record) && copy)
        rd_kafka_headers_destroy(copy);
}

static void note_refusal(struct kafka_producer *producer, const char *topic, rd_kafka_resp_err_t error)
{
    char why[ERROR_TEXT];
    snprintf(why, sizeof why, "writing to topic %s: %s%s", topic, rd_kafka_err2str(error), kafka_access_remedy(error));
    producer->errors++;
    unsent_refused(&producer->unsent, why, clock_seconds());
}

static void note_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct kafka_producer *producer = opaque;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (message->_private)
            producer->delivered(producer->context, message->_private);
    } else if (!message->_private) {
        producer->errors++;
        producer->failed++;
    } else if (!producer->closing) {
        note_refusal(producer, rd_kafka_topic_name(message->rkt), message->err);
        keep_unsent(producer, message);
    }
}

static void note_producer_error(rd_kafka_t *client, int error, const char *reason, void *opaque)
{
    struct kafka_producer *producer = opaque;
    producer->errors++;
    kafka_access_note(&producer->access, error, reason);
    log_debug("kafka producer: %s", reason);
    if (error == RD_KAFKA_RESP_ERR__FATAL) {
        producer->fatal = true;
        rd_kafka_fatal_error(client, producer->fatal_text, sizeof producer->fatal_text);
    }
}

struct kafka_producer *kafka_producer_new(const struct kafka_cluster *cluster, char *why, size_t why_size)
{
    static const struct kafka_property own[] = {
        {.name = "enable.idempotence", .value = "true"},
        {.name = "compression.codec", .value = "lz4"},
        {.name = "linger.ms", .value = "5"},
        {.name = "socket.nagle.disable", .value = "true"},
        {.name = "message.timeout.ms", .value = "0"},       /* never give up: what is not written is not skipped */
        {.name = "message.max.bytes", .value = "67108864"}, /* the broker says what is too large */
        {.name = "queue.buffering.max.kbytes", .value = "131072"},
        {.name = "topic.metadata.propagation.max.ms", .value = "5000"},
        {.name = "partitioner", .value = "murmur2_random"}, /* keys lie where Java clients put them */
    };
    struct kafka_producer *producer = calloc(1, sizeof *producer);
    rd_kafka_conf_t *conf = make_conf(cluster, own, sizeof own / sizeof *own, why, why_size);
    if (producer && conf) {
        rd_kafka_conf_set_opaque(conf, producer);
        kafka_access_begin(&producer->access, conf, cluster);
        rd_kafka_conf_set_dr_msg_cb(conf, note_delivery);
        rd_kafka_conf_set_error_cb(conf, note_producer_error);
        if ((producer->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, why_size))) {
            kafka_access_ready(&producer->access, producer->client);
            return producer;
        }
        kafka_access_end(&producer->access);
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
    if (producer->unsent.bytes > UNSENT_BYTES_MAX)
        return KAFKA_FULL;
    rd_kafka_headers_t *headers = make_headers(record);
    const rd_kafka_resp_err_t error = produce(producer, record, headers);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        return KAFKA_SENT;
    if (headers)
        rd_kafka_headers_destroy(headers);
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return KAFKA_FULL;
    note_refusal(producer, record->topic, error);
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

static bool send_again(struct kafka_producer *producer, struct unsent_record *unsent)
{
    const struct kafka_record record = {.topic = unsent->topic,
                                        .key = unsent->key,
                                        .key_size = unsent->key_size,
                                        .value = unsent->value,
                                        .value_size = unsent->value_size,
                                        .timestamp = unsent->timestamp,
                                        .token = unsent->token};
    if (produce(producer, &record, unsent->headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    unsent_free(unsent);
    return true;
}

static void send_some_again(struct kafka_producer *producer)
{
    const size_t due = unsent_due(&producer->unsent, clock_seconds());
    for (size_t n = due; n > 0; n--) {
        struct unsent_record *record = unsent_take(&producer->unsent);
        producer->alone = due == 1 ? record->token : NULL;
        if (!send_again(producer, record)) {
            unsent_put_back(&producer->unsent, record);
            return;
        }
    }
}

void kafka_producer_poll(struct kafka_producer *producer, int timeout_ms)
{
    rd_kafka_poll(producer->client, timeout_ms);
    if (*unsent_why(&producer->unsent))
        send_some_again(producer);
}

size_t kafka_producer_errors(const struct kafka_producer *producer)
{
    return producer->errors;
}

const char *kafka_producer_fatal(const struct kafka_producer *producer)
{
    return producer->fatal ? producer->fatal_text : kafka_access_fatal(&producer->access);
}

const char *kafka_producer_unreached(const struct kafka_producer *producer)
{
    return kafka_access_why(&producer->access);
}

const char *kafka_producer_trouble(const struct kafka_producer *producer)
{
    return unsent_why(&producer->unsent);
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
    while ((rd_kafka_outq_len(producer->client) > 0 || producer->unsent.first) && clock_seconds() < deadline)
        kafka_producer_poll(producer, 50);
    const bool all = rd_kafka_outq_len(producer->client) == 0 && !producer->unsent.first && producer->failed == 0;
    producer->closing = true;
    rd_kafka_purge(producer->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(producer->client, 1000);
    rd_kafka_destroy(producer->client);
    kafka_access_end(&producer->access);
    for (struct unsent_record *unsent; (unsent = unsent_take(&producer->unsent));) {
        if (unsent->headers)
            rd_kafka_headers_destroy(unsent->headers);
        unsent_free(unsent);
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
            snprintf(why, why_size, "topic %s: %s%s", rd_kafka_topic_result_name(results[i]),
                     rd_kafka_topic_result_error_string(results[i]), kafka_access_remedy(error));
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
    /* Also to go on: a partition that was taken away while paused would stay so. */
    pause_all(consumer, consumer->paused);
    consumer->connected = true;
    consumer->trouble[0] = 0;
    if (partitions->cnt > 0)
        log_info("reading %d more partition%s", partitions->cnt, partitions->cnt == 1 ? "" : "s");
}

static void note_commit(rd_kafka_t *client, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t *offsets,
                        void *opaque)
{
    (void)client;
    (void)offsets;
    struct kafka_consumer *consumer = opaque;
    consumer->committed = true;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR && error != RD_KAFKA_RESP_ERR__NO_OFFSET)
        log_warning("offsets were not committed: %s", rd_kafka_err2str(error));
}

/* Commits what is stored. rd_kafka_commit itself would wait for ever for a broker that is silent. */
static void commit(struct kafka_consumer *consumer)
{
    const double deadline = clock_seconds() + COMMIT_MS * 1e-3;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->client);
    consumer->committed = false;
    if (rd_kafka_commit_queue(consumer->client, NULL, queue, note_commit, consumer) == RD_KAFKA_RESP_ERR_NO_ERROR)
        while (!consumer->committed && clock_seconds() < deadline)
            rd_kafka_queue_poll_callback(queue, 100);
    rd_kafka_queue_destroy(queue);
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
        for (int i = 0; i < partitions->cnt; i++) {
            numbers[i] = partitions->elems[i].partition;
            rd_kafka_topic_partition_list_del(consumer->stored, consumer->topic, numbers[i]);
        }
        consumer->events.revoke(consumer->events.context, numbers, (size_t)partitions->cnt, lost);
        free(numbers);
    }
    if (!lost)
        commit(consumer);
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
    kafka_access_note(&consumer->access, error, reason);
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
        /* librdkafka 2.0 pauses for a second once either bound is reached; the one in bytes bounds the memory. */
        {.name = "queued.min.messages", .value = "1000000"},
        {.name = "queued.max.messages.kbytes", .value = "32768"},
        {.name = "allow.auto.create.topics", .value = "true"},
    };
    struct kafka_consumer *consumer = calloc(1, sizeof *consumer);
    rd_kafka_conf_t *conf = make_conf(cluster, own, sizeof own / sizeof *own, why, why_size);
    if (consumer && conf && (consumer->topic = strdup(options->topic))) {
        consumer->stored = rd_kafka_topic_partition_list_new(16);
        consumer->events = *events;
        consumer->connected = true;
        rd_kafka_conf_set_opaque(conf, consumer);
        kafka_access_begin(&consumer->access, conf, cluster);
        rd_kafka_conf_set_rebalance_cb(conf, rebalance);
        rd_kafka_conf_set_error_cb(conf, note_consumer_error);
        if ((consumer->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, why_size))) {
            kafka_access_ready(&consumer->access, consumer->client);
            if (subscribe(consumer, why, why_size))
                return consumer;
            rd_kafka_destroy(consumer->client);
            conf = NULL;
        }
        kafka_access_end(&consumer->access);
        rd_kafka_topic_partition_list_destroy(consumer->stored);
    }
    if (conf)
        rd_kafka_conf_destroy(conf);
    if (consumer)
        free(consumer->topic);
    free(consumer);
    return NULL;
}

static void note_read_error(struct kafka_consumer *consumer, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return;
    char text[ERROR_TEXT];
    snprintf(text, sizeof text, "reading topic %s: %s%s", consumer->topic, rd_kafka_message_errstr(message),
             kafka_access_remedy(message->err));
    if (strcmp(text, consumer->trouble) != 0)
        log_warning("%s", text);
    memcpy(consumer->trouble, text, sizeof text);
    consumer->errors++;
}

static bool take_message(struct kafka_consumer *consumer, rd_kafka_message_t *source, struct kafka_message *message)
{
    if (source->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        note_read_error(consumer, source);
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
    consumer->trouble[0] = 0;
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

/* librdkafka itself commits no offset below the one that it has committed before. */
static void commit_back(struct kafka_consumer *consumer, const rd_kafka_topic_partition_list_t *offsets)
{
    log_warning("partition %d of topic %s begins anew at offset %lld", offsets->elems[0].partition, consumer->topic,
                (long long)offsets->elems[0].offset);
    rd_kafka_commit(consumer->client, offsets, 1);
}

void kafka_consumer_store(struct kafka_consumer *consumer, int32_t partition, int64_t offset)
{
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

bool kafka_consumer_joined(const struct kafka_consumer *consumer)
{
    char *member = rd_kafka_memberid(consumer->client);
    const bool joined = member && *member;
    rd_kafka_mem_free(consumer->client, member);
    return joined;
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

/* Messages may still come, which rd_kafka_queue_poll_callback would not bear. */
static void serve_closing(struct kafka_consumer *consumer, rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 100);
    if (event && rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE)
        rebalance(consumer->client, rd_kafka_event_error(event), rd_kafka_event_topic_partition_list(event), consumer);
    if (event)
        rd_kafka_event_destroy(event);
}

void kafka_consumer_close(struct kafka_consumer *consumer, int timeout_ms)
{
    const double deadline = clock_seconds() + timeout_ms * 1e-3;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->client);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(consumer->client, queue);
    if (error)
        rd_kafka_error_destroy(error);
    while (!rd_kafka_consumer_closed(consumer->client) && clock_seconds() < deadline)
        serve_closing(consumer, queue);
    if (!rd_kafka_consumer_closed(consumer->client)) {
        /* To destroy the client would wait for the broker without end, so the rest is left to the end of the process.
         */
        log_warning("the broker does not answer: it will give the partitions to others once the session has ended");
        return;
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(consumer->client);
    kafka_access_end(&consumer->access);
    rd_kafka_topic_partition_list_destroy(consumer->stored);
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
