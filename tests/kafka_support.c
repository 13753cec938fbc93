/* kafka_support.c: a mock cluster, and a member of a group that notes what it is handed. */
#include "kafka_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

int cluster_setup(void **state)
{
    log_setup(LOG_ERROR_LEVEL, LOG_TEXT, 0);
    char why[256];
    struct cluster *cluster = calloc(1, sizeof *cluster);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, kafka__write_log);
    cluster->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    assert_non_null(cluster->host);
    cluster->mock = rd_kafka_mock_cluster_new(cluster->host, 1);
    assert_non_null(cluster->mock);
    const char *const topics[] = {"readings", "anomalies", "letters"};
    for (size_t i = 0; i < 3; i++)
        rd_kafka_mock_topic_create(cluster->mock, topics[i], CLUSTER_PARTITIONS, 1);
    cluster->address.bootstrap = rd_kafka_mock_cluster_bootstraps(cluster->mock);
    static struct kafka_property quick[] = {
        {.name = "heartbeat.interval.ms", .value = "100"}, /* a rebalance is noticed so soon */
        {.name = "session.timeout.ms", .value = "6000"},
    };
    cluster->address.properties = quick;
    cluster->address.n_properties = sizeof quick / sizeof *quick;
    cluster->producer = kafka_producer_new(&cluster->address, NULL, why, sizeof why);
    assert_non_null(cluster->producer);
    *state = cluster;
    return 0;
}

int cluster_teardown(void **state)
{
    struct cluster *cluster = *state;
    kafka_producer_close(cluster->producer, 1000);
    rd_kafka_mock_cluster_destroy(cluster->mock);
    rd_kafka_destroy(cluster->host);
    free(cluster);
    return 0;
}

void write_numbers(struct cluster *cluster, const char *topic, int first, int end)
{
    for (int number = first; number < end; number++) {
        char text[16];
        const int size = snprintf(text, sizeof text, "%d", number);
        const rd_kafka_vu_t parts[] = {
            {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
            {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = number % CLUSTER_PARTITIONS},
            {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
            {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {"key", 3}},
            {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {text, (size_t)size}},
        };
        assert_null(rd_kafka_produceva(cluster->producer->client, parts, sizeof parts / sizeof *parts));
    }
    assert_int_equal(rd_kafka_flush(cluster->producer->client, 30000), RD_KAFKA_RESP_ERR_NO_ERROR);
    cluster->producer->queued_bytes = 0; /* it was not asked when they were queued */
}

/* --- the reader ------------------------------------------------------------------------------------------- */

static void note_assigned(void *context, int32_t partition)
{
    struct reader *reader = context;
    reader->owned[partition] = true;
    reader->n_owned++;
    reader->next[partition] = -1;
}

static void note_revoke(void *context, const int32_t *partitions, size_t n_partitions, bool lost)
{
    (void)lost;
    struct reader *reader = context;
    for (size_t i = 0; i < n_partitions; i++)
        reader->owned[partitions[i]] = false;
    reader->n_owned -= n_partitions;
}

static bool is_whole(const struct kafka_message *message)
{
    char text[16];
    const long number = (long)message->offset * CLUSTER_PARTITIONS + message->partition;
    const int size = snprintf(text, sizeof text, "%ld", number);
    return message->key_size == 3 && memcmp(message->key, "key", 3) == 0 && message->value_size == (size_t)size &&
           memcmp(message->value, text, (size_t)size) == 0 && message->timestamp > 0;
}

static bool take(void *context, const struct kafka_message *message)
{
    struct reader *reader = context;
    const int32_t partition = message->partition;
    reader->n++;
    reader->strangers += !reader->owned[partition];
    reader->gaps += reader->next[partition] >= 0 && message->offset != reader->next[partition];
    reader->next[partition] = message->offset + 1;
    reader->whole = reader->whole && is_whole(message);
    const int64_t number = message->offset * CLUSTER_PARTITIONS + partition;
    if (number < NUMBERS_MAX)
        reader->seen[number]++;
    struct kafka_headers *headers = kafka_message_headers(message);
    if (headers) {
        kafka_headers_free(reader->headers);
        reader->headers = headers;
    }
    return true;
}

struct reader *reader_new(struct cluster *cluster, const struct kafka_consumer_options *options)
{
    char why[256] = "";
    struct reader *reader = calloc(1, sizeof *reader);
    reader->whole = true;
    const struct kafka_events events = {note_assigned, note_revoke, reader};
    reader->consumer = kafka_consumer_new(&cluster->address, options, &events, why, sizeof why);
    if (!reader->consumer)
        fail_msg("%s", why);
    return reader;
}

void reader_free(struct reader *reader)
{
    kafka_consumer_close(reader->consumer, 10000);
    kafka_headers_free(reader->headers);
    free(reader);
}

size_t reader_serve(struct reader *reader, size_t most)
{
    const size_t before = reader->n, n = kafka_consumer_serve(reader->consumer, 10, most, take, reader);
    assert_int_equal(n, reader->n - before);
    return n;
}

void reader_forget(struct reader *reader)
{
    reader->n = 0;
    memset(reader->seen, 0, sizeof reader->seen);
    for (int i = 0; i < CLUSTER_PARTITIONS; i++)
        reader->next[i] = 0;
}

void reader_go_back(struct reader *reader, const struct reader *copy)
{
    reader->n = copy->n;
    memcpy(reader->next, copy->next, sizeof reader->next);
    memcpy(reader->seen, copy->seen, sizeof reader->seen);
}

void commit_place(struct reader *reader)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(CLUSTER_PARTITIONS);
    for (int32_t i = 0; i < CLUSTER_PARTITIONS; i++)
        if (reader->next[i] > 0)
            rd_kafka_topic_partition_list_add(list, reader->consumer->topic, i)->offset = reader->next[i];
    assert_int_equal(rd_kafka_commit(reader->consumer->client, list, 0), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(list);
}

void assert_header(const struct kafka_headers *headers, size_t index, const char *name, const char *value)
{
    const char *found;
    const void *bytes;
    size_t size;
    const rd_kafka_resp_err_t error =
        rd_kafka_header_get_all((const rd_kafka_headers_t *)headers, index, &found, &bytes, &size);
    assert_int_equal(error, name ? RD_KAFKA_RESP_ERR_NO_ERROR : RD_KAFKA_RESP_ERR__NOENT);
    if (!name)
        return;
    assert_string_equal(found, name);
    assert_int_equal(size, strlen(value));
    assert_memory_equal(bytes, value, size);
}
