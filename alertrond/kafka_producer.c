/* kafka_producer.c: a producer that keeps what a broker refuses and sends it again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "kafka_private.h"
#include "log.h"

#define UNSENT_BYTES_MAX ((size_t)64 << 20)

enum { FLUSH_MS = 100, ABORT_MS = 2000 };

/* Once an instance has died, readers of what is committed wait for so long. */
#define TRANSACTION_MS "15000"

/* What librdkafka keeps for a record with a token: it does not tell the timestamp of one that was refused. */
struct ticket {
    void *token;
    int64_t timestamp;
};

/* NULL: none. */
static const rd_kafka_headers_t *headers_of(const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    return rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR ? headers : NULL;
}

static size_t count_bytes(size_t key_size, size_t value_size, const rd_kafka_headers_t *headers)
{
    return key_size + value_size + kafka_headers_bytes((const struct kafka_headers *)headers);
}

static bool is_ours(const char *header)
{
    return strncmp(header, "__connect.errors.", 17) == 0 || strncmp(header, "alertrond.", 10) == 0;
}

/* Without those behind the message's own, which say why it is a dead letter. */
static size_t count_own_headers(const rd_kafka_headers_t *headers)
{
    const char *name;
    const void *value;
    size_t n = rd_kafka_header_cnt(headers), size;
    while (n > 0 && rd_kafka_header_get_all(headers, n - 1, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR &&
           is_ours(name))
        n--;
    return n;
}

/* What a record that was refused is sent with again. A message as large as its topic allowed is too large for the dead
 * letters' with the reason beside it: it goes without. A timestamp that is not to be goes beside the reason. */
static rd_kafka_headers_t *mend_headers(const rd_kafka_message_t *message, bool too_large, int64_t timestamp)
{
    char text[24];
    const rd_kafka_headers_t *headers = headers_of(message);
    if (!headers)
        return NULL;
    const size_t n_own = count_own_headers(headers);
    if (too_large)
        return (rd_kafka_headers_t *)kafka_headers_first((const struct kafka_headers *)headers, n_own);
    rd_kafka_headers_t *copy = rd_kafka_headers_copy(headers);
    snprintf(text, sizeof text, "%lld", (long long)timestamp);
    if (timestamp > 0 && n_own < rd_kafka_header_cnt(headers))
        rd_kafka_header_add(copy, KAFKA_TIMESTAMP_HEADER, -1, text, -1);
    return copy;
}

/* Keeps what was refused, so that its offset is not passed before it has been written. Where memory has run out its
 * token is never acknowledged: the offset stays, and the reading comes again after a restart. */
static void keep_unsent(struct kafka_producer *producer, const rd_kafka_message_t *message, const struct ticket *ticket)
{
    const bool too_large = message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && ticket->token == producer->alone;
    const bool untimely = message->err == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP;
    rd_kafka_headers_t *headers = mend_headers(message, too_large, untimely ? ticket->timestamp : 0);
    const struct unsent_record record = {.topic = (char *)(uintptr_t)rd_kafka_topic_name(message->rkt),
                                         .key = message->key,
                                         .key_size = message->key_len,
                                         .value = message->payload,
                                         .value_size = message->len,
                                         .timestamp = untimely ? 0 : ticket->timestamp,
                                         .headers = headers,
                                         .headers_size = kafka_headers_bytes((const struct kafka_headers *)headers),
                                         .token = ticket->token};
    if (!unsent_keep(&producer->unsent, &record) && headers)
        rd_kafka_headers_destroy(headers);
}

static size_t read_limit(const struct kafka_producer *producer, const char *name)
{
    char text[32] = "";
    size_t size = sizeof text;
    rd_kafka_conf_get(rd_kafka_conf(producer->client), name, text, &size);
    return (size_t)strtoull(text, NULL, 10);
}

/* `here`: by the client itself, before a broker saw it; which has the same code. */
static void note_refusal(struct kafka_producer *producer, const char *topic, rd_kafka_resp_err_t error, bool here)
{
    char why[KAFKA_ERROR_TEXT];
    if (here && error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        snprintf(why, sizeof why,
                 "writing to topic %s: the record is larger than this client's message.max.bytes, %zu; raise that: "
                 "-X message.max.bytes=BYTES",
                 topic, read_limit(producer, "message.max.bytes"));
    else
        snprintf(why, sizeof why, "writing to topic %s: %s%s", topic, rd_kafka_err2str(error),
                 kafka_access_remedy(error));
    producer->errors++;
    unsent_refused(&producer->unsent, why, clock_seconds());
}

/* Of a transaction, where nothing is kept: it fails, and all of it is made anew. A batch may be too large where each of
 * its records is not, so next time they go one by one. */
static void refuse(struct kafka_producer *producer, const char *topic, const struct ticket *ticket,
                   rd_kafka_resp_err_t error, bool here)
{
    const bool too_large = error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    producer->doomed = true;
    if (error == RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER)
        return; /* librdkafka counts on after what was refused before; the abort sets that right */
    note_refusal(producer, topic, error, here);
    const bool untimely = error == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP && ticket && ticket->timestamp > 0;
    if (ticket && ticket->token && producer->refused)
        producer->refused(producer->refused_context, ticket->token,
                          untimely                            ? KAFKA_TIMESTAMP
                          : too_large && producer->one_by_one ? KAFKA_TOO_LARGE
                                                              : KAFKA_NOT_NOW);
    if (too_large && !producer->one_by_one)
        producer->batch_too_large = true;
}

/* Whether the record was given up since its transaction had failed, for which it is not to blame. */
static bool was_purged(const rd_kafka_message_t *message)
{
    return message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

static void note_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    struct kafka_producer *producer = opaque;
    struct ticket *ticket = message->_private;
    producer->queued_bytes -= count_bytes(message->key_len, message->len, headers_of(message));
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (ticket && producer->delivered)
            producer->delivered(producer->context, ticket->token);
    } else if (producer->transactional) {
        if (!producer->closing && !was_purged(message))
            refuse(producer, rd_kafka_topic_name(message->rkt), ticket, message->err, false);
    } else if (!ticket) {
        producer->errors++;
        producer->failed++;
    } else if (!producer->closing) {
        note_refusal(producer, rd_kafka_topic_name(message->rkt), message->err, false);
        keep_unsent(producer, message, ticket);
    }
    free(ticket);
}

void kafka__note_fatal(struct kafka_producer *producer)
{
    char text[KAFKA_ERROR_TEXT / 2];
    const rd_kafka_resp_err_t error = rd_kafka_fatal_error(producer->client, text, sizeof text);
    if (error == RD_KAFKA_RESP_ERR_INVALID_TXN_STATE && producer->stage == KAFKA__ABORTING)
        return;
    const bool fenced = error == RD_KAFKA_RESP_ERR__FENCED || error == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
                        error == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
    producer->fatal = true;
    snprintf(producer->fatal_text, sizeof producer->fatal_text, "%s%s", text,
             fenced ? "; another process writes under the same kafka.instance (give each its own), or this one stood "
                      "still for longer than transaction.timeout.ms (start it anew)"
                    : kafka_access_remedy(error));
}

static void note_producer_error(rd_kafka_t *client, int error, const char *reason, void *opaque)
{
    (void)client;
    struct kafka_producer *producer = opaque;
    producer->errors++;
    kafka_access_note(&producer->access, error, reason);
    log_debug("kafka producer: %s", reason);
    if (error == RD_KAFKA_RESP_ERR__FATAL)
        kafka__note_fatal(producer);
}

static rd_kafka_conf_t *make_conf(const struct kafka_cluster *cluster, const struct kafka_producer_options *options,
                                  char *why, size_t why_size)
{
    const struct kafka_property own[] = {
        {.name = "client.id", .value = (char *)(uintptr_t)(options->client_id ? options->client_id : "alertrond")},
        {.name = "enable.idempotence", .value = "true"},
        /* With a second request under way librdkafka takes its success for that of a first one that was lost, as it is
         * where its leader had stood still and another, which never heard of this producer, took its place. */
        {.name = "max.in.flight.requests.per.connection", .value = "1"},
        {.name = "compression.codec", .value = "lz4"},
        {.name = "linger.ms", .value = "1"},
        {.name = "socket.nagle.disable", .value = "true"},
        /* What is too large for the topic the broker says. The limit of what is received is lower, but counts bytes
         * as they are compressed: see kafka_producer_record_max. */
        {.name = "message.max.bytes", .value = "134217728"},
        {.name = "queue.buffering.max.kbytes", .value = "131072"},
        {.name = "topic.metadata.propagation.max.ms", .value = "5000"},
        {.name = "topic.metadata.refresh.interval.ms", .value = "5000"}, /* a topic that was made again is found */
        {.name = "partitioner", .value = "murmur2_random"},              /* keys lie where Java clients put them */
        /* Never give up: what is not written is not skipped. A transaction's records live as long as it may. */
        {.name = options->transactional_id ? "transaction.timeout.ms" : "message.timeout.ms",
         .value = options->transactional_id ? TRANSACTION_MS : "0"},
        {.name = "transactional.id", .value = (char *)(uintptr_t)options->transactional_id},
        {.name = "socket.timeout.ms", .value = "6000"}, /* a commit's requests can't be given up before their answer */
    };
    const size_t n = sizeof own / sizeof *own - (options->transactional_id == NULL ? 2 : 0);
    rd_kafka_conf_t *conf = kafka__conf_new(cluster, own, n, why, why_size);
    if (conf) {
        rd_kafka_conf_set_dr_msg_cb(conf, note_delivery);
        rd_kafka_conf_set_error_cb(conf, note_producer_error);
    }
    return conf;
}

struct kafka_producer *kafka_producer_new(const struct kafka_cluster *cluster,
                                          const struct kafka_producer_options *options, char *why, size_t why_size)
{
    static const struct kafka_producer_options defaults = {0};
    if (!options)
        options = &defaults;
    struct kafka_producer *producer = calloc(1, sizeof *producer);
    rd_kafka_conf_t *conf = make_conf(cluster, options, why, why_size);
    if (producer && conf) {
        producer->transactional = options->transactional_id != NULL;
        rd_kafka_conf_set_opaque(conf, producer);
        kafka_access_begin(&producer->access, conf, cluster);
        if ((producer->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, why_size))) {
            kafka_access_ready(&producer->access, producer->client);
            producer->queue_max = read_limit(producer, "queue.buffering.max.kbytes") * 1024;
            return producer;
        }
        kafka_access_end(&producer->access);
    }
    if (conf)
        rd_kafka_conf_destroy(conf);
    free(producer);
    return NULL;
}

bool kafka__renew(struct kafka_producer *producer)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(rd_kafka_conf(producer->client));
    kafka_access_again(&producer->access, conf);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why), *old = producer->client;
    if (!client) {
        rd_kafka_conf_destroy(conf);
        producer->fatal = true;
        snprintf(producer->fatal_text, sizeof producer->fatal_text, "%s", why);
        return false;
    }
    rd_kafka_purge(old, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(old, 1000);
    producer->queued_bytes = 0;
    producer->shared = !kafka__destroy(old) || producer->shared;
    producer->client = client;
    kafka_access_ready(&producer->access, client);
    return true;
}

/* The queue must hold the value, and the client wants some bytes for the record itself. */
size_t kafka_producer_record_max(const struct kafka_producer *producer)
{
    enum { OVERHEAD = 64 };
    const size_t most = read_limit(producer, "message.max.bytes");
    return (most < producer->queue_max ? most : producer->queue_max) - OVERHEAD;
}

void kafka_producer_on_delivery(struct kafka_producer *producer, void (*delivered)(void *context, void *token),
                                void *context)
{
    producer->delivered = delivered;
    producer->context = context;
}

void kafka_producer_on_refusal(struct kafka_producer *producer,
                               void (*refused)(void *context, void *token, enum kafka_refusal why), void *context)
{
    producer->refused = refused;
    producer->refused_context = context;
}

static rd_kafka_headers_t *make_headers(const struct kafka_record *record)
{
    rd_kafka_headers_t *headers = NULL;
    if (record->first_headers)
        headers = rd_kafka_headers_copy((const rd_kafka_headers_t *)record->first_headers);
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
    struct ticket *ticket = record->token ? malloc(sizeof *ticket) : NULL;
    if (record->token && !ticket)
        return RD_KAFKA_RESP_ERR__QUEUE_FULL;
    if (ticket)
        *ticket = (struct ticket){.token = record->token, .timestamp = record->timestamp};
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = record->topic},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)record->key, record->key_size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)record->value, record->value_size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = record->timestamp},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = ticket},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    const size_t n = sizeof parts / sizeof *parts - (headers == NULL);
    const size_t bytes = count_bytes(record->key_size, record->value_size, headers);
    rd_kafka_error_t *error = rd_kafka_produceva(producer->client, parts, n);
    if (!error) {
        producer->queued_bytes += bytes;
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    free(ticket);
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    return code;
}

/* The client itself counts values alone. Where it is to tell errors alone (delivery.report.only.error), what was
 * written is not told, but seen once nothing is left. */
static bool is_full(struct kafka_producer *producer)
{
    if (producer->queued_bytes > producer->queue_max && rd_kafka_outq_len(producer->client) == 0)
        producer->queued_bytes = 0;
    return producer->unsent.bytes > UNSENT_BYTES_MAX || producer->queued_bytes > producer->queue_max;
}

enum kafka_outcome kafka_producer_try(struct kafka_producer *producer, const struct kafka_record *record)
{
    if (is_full(producer))
        return KAFKA_FULL;
    if (producer->one_by_one && rd_kafka_flush(producer->client, FLUSH_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return KAFKA_FULL;
    if (producer->doomed)
        return KAFKA_REFUSED;
    rd_kafka_headers_t *headers = make_headers(record);
    const rd_kafka_resp_err_t error = produce(producer, record, headers);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        return KAFKA_SENT;
    if (headers)
        rd_kafka_headers_destroy(headers);
    if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL ||
        (producer->stage == KAFKA__WRITING && kafka__came_too_early(producer, error)))
        return KAFKA_FULL;
    if (producer->transactional)
        refuse(producer, record->topic, &(struct ticket){record->token, record->timestamp}, error, true);
    else
        note_refusal(producer, record->topic, error, true);
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
    /* With transactions there is nothing to send again; but what was refused is over once none has been for a while and
     * none is under way. */
    if (*unsent_why(&producer->unsent) && producer->stage == KAFKA__IDLE)
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
    if (producer->stage == KAFKA__WRITING || producer->stage == KAFKA__ABORTING)
        kafka_transaction_abort(producer, ABORT_MS);
    rd_kafka_purge(producer->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(producer->client, 1000);
    if (!kafka__destroy(producer->client) || producer->shared)
        return all;
    kafka_access_end(&producer->access);
    for (struct unsent_record *unsent; (unsent = unsent_take(&producer->unsent));) {
        if (unsent->headers)
            rd_kafka_headers_destroy(unsent->headers);
        unsent_free(unsent);
    }
    free(producer);
    return all;
}
