/* test_kafka.c: what a member of a group is handed, and when; against librdkafka's mock cluster. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "capture.h"
#include "kafka_support.h"
#include "log.h"

enum {
    PARTITIONS = CLUSTER_PARTITIONS,
    MESSAGES = 2000,
    FETCH = 1,               /* key of the request, from Kafka's protocol */
    RECEIVED_MAX = 100000000 /* receive.message.max.bytes */
};

static void messages_come_whole_and_in_their_order(void **state)
{
    struct cluster *cluster = *state;
    write_numbers(cluster, "readings", 0, MESSAGES);
    struct reader *reader = reader_new(cluster, &(struct kafka_consumer_options){.group = "g", .topic = "readings"});
    while (reader->n < MESSAGES)
        assert_true(reader_serve(reader, 100) <= 100);
    assert_true(reader->whole);
    assert_int_equal(reader->gaps, 0);
    for (int i = 0; i < MESSAGES; i++)
        assert_int_equal(reader->seen[i], 1);
    reader_free(reader);
}

static void one_call_hands_over_no_more_than_it_was_asked_for(void **state)
{
    struct cluster *cluster = *state;
    write_numbers(cluster, "readings", 0, MESSAGES);
    struct reader *reader = reader_new(cluster, &(struct kafka_consumer_options){.group = "g", .topic = "readings"});
    while (reader->n < MESSAGES)
        assert_true(reader_serve(reader, 7) <= 7);
    assert_int_equal(reader->gaps, 0);
    assert_int_equal(reader->n, MESSAGES);
    reader_free(reader);
}

static void headers_outlive_their_message_and_come_first(void **state)
{
    struct cluster *cluster = *state;
    const struct kafka_header given[] = {{"traceparent", "00-1-2-01"}, {"note", "kept"}};
    const struct kafka_header added[] = {{"alertron.reason", "not_json"}};
    struct kafka_record record = {.topic = "readings", .value = "0", .value_size = 1, .headers = given, .n_headers = 2};
    assert_int_equal(kafka_producer_try(cluster->producer, &record), KAFKA_SENT);
    struct reader *reader = reader_new(cluster, &(struct kafka_consumer_options){.group = "g", .topic = "readings"});
    while (!reader->headers)
        reader_serve(reader, 1);
    record = (struct kafka_record){.topic = "letters",
                                   .value = "1",
                                   .value_size = 1,
                                   .first_headers = reader->headers,
                                   .headers = added,
                                   .n_headers = 1};
    assert_int_equal(kafka_producer_try(cluster->producer, &record), KAFKA_SENT);
    reader_free(reader);
    reader = reader_new(cluster, &(struct kafka_consumer_options){.group = "h", .topic = "letters"});
    while (!reader->headers)
        reader_serve(reader, 1);
    assert_header(reader->headers, 0, "traceparent", "00-1-2-01");
    assert_header(reader->headers, 1, "note", "kept");
    assert_header(reader->headers, 2, "alertron.reason", "not_json");
    assert_header(reader->headers, 3, NULL, NULL);
    reader_free(reader);
}

/* What the client itself refused could never be written; how much is too much is for the broker to say. */
static void all_that_can_be_read_may_be_sent(void **state)
{
    struct cluster *cluster = *state;
    char *value = calloc(1, RECEIVED_MAX);
    assert_non_null(value);
    const struct kafka_record record = {.topic = "letters", .value = value, .value_size = RECEIVED_MAX};
    assert_int_equal(kafka_producer_try(cluster->producer, &record), KAFKA_SENT);
    free(value);
}

/* Whatever the user has set; what the client refuses is not the topic's fault. */
static void a_record_may_have_as_many_bytes_as_it_says(void **state)
{
    static struct kafka_property limits[][2] = {
        {{.name = "message.max.bytes", .value = "100000"}, {.name = "queue.buffering.max.kbytes", .value = "1000"}},
        {{.name = "message.max.bytes", .value = "1000000"}, {.name = "queue.buffering.max.kbytes", .value = "100"}}};
    static const char value[200000];
    char why[256];
    struct cluster *cluster = *state;
    for (int i = 0; i < 2; i++) {
        const struct kafka_cluster address = {
            .bootstrap = cluster->address.bootstrap, .properties = limits[i], .n_properties = 2};
        struct kafka_producer *producer = kafka_producer_new(&address, NULL, why, sizeof why);
        assert_non_null(producer);
        struct kafka_record record = {
            .topic = "letters", .value = value, .value_size = kafka_producer_record_max(producer)};
        assert_in_range(record.value_size, 99000, 102400);
        assert_int_equal(kafka_producer_try(producer, &record), KAFKA_SENT);
        record.value_size = sizeof value;
        assert_int_equal(kafka_producer_try(producer, &record), i == 0 ? KAFKA_REFUSED : KAFKA_FULL);
        assert_string_equal(kafka_producer_trouble(producer),
                            i == 0 ? "writing to topic letters: the record is larger than this client's "
                                     "message.max.bytes, 100000; raise that: -X message.max.bytes=BYTES"
                                   : "");
        kafka_producer_close(producer, 1000);
    }
}

/* librdkafka bounds values alone. */
static void the_queue_is_full_of_keys_and_headers_too(void **state)
{
    static struct kafka_property limit[] = {{.name = "queue.buffering.max.kbytes", .value = "1000"}};
    static char text[100000];
    char why[256];
    struct cluster *cluster = *state;
    const struct kafka_cluster address = {
        .bootstrap = cluster->address.bootstrap, .properties = limit, .n_properties = 1};
    memset(text, 'x', sizeof text - 1);
    const struct kafka_header header = {"note", text};
    const struct kafka_record records[] = {{.topic = "letters", .headers = &header, .n_headers = 1},
                                           {.topic = "letters", .key = text, .key_size = sizeof text}};
    for (size_t i = 0; i < 2; i++) {
        struct kafka_producer *producer = kafka_producer_new(&address, NULL, why, sizeof why);
        assert_non_null(producer);
        for (int round = 0; round < 2; round++) {
            for (int n = 0; n < 11; n++) /* what was written is known when it is polled for */
                assert_int_equal(kafka_producer_try(producer, &records[i]), KAFKA_SENT);
            assert_int_equal(kafka_producer_try(producer, &records[i]), KAFKA_FULL);
            assert_int_equal(rd_kafka_flush(producer->client, 30000), RD_KAFKA_RESP_ERR_NO_ERROR);
            assert_int_equal(producer->queued_bytes, 0);
        }
        kafka_producer_close(producer, 1000);
    }
}

static void headers_take_what_they_have_and_more(void **state)
{
    (void)state;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
    assert_int_equal(kafka_headers_bytes(NULL), 0);
    rd_kafka_header_add(headers, "note", -1, "0123456789", -1);
    rd_kafka_header_add(headers, "", -1, NULL, -1);
    assert_in_range(kafka_headers_bytes((struct kafka_headers *)headers), 4 + 10 + 2 * 40, 4 + 10 + 2 * 100);
    rd_kafka_headers_destroy(headers);
}

static void a_paused_member_is_handed_nothing_and_misses_nothing(void **state)
{
    struct cluster *cluster = *state;
    write_numbers(cluster, "readings", 0, MESSAGES);
    struct reader *reader = reader_new(cluster, &(struct kafka_consumer_options){.group = "g", .topic = "readings"});
    for (int round = 0; reader->n < MESSAGES; round++) {
        reader_serve(reader, 50);
        if (round % 5)
            continue;
        kafka_consumer_pause(reader->consumer, true);
        for (int i = 0; i < 3; i++)
            assert_int_equal(reader_serve(reader, 50), 0);
        kafka_consumer_pause(reader->consumer, false);
    }
    assert_int_equal(reader->gaps, 0);
    for (int i = 0; i < MESSAGES; i++)
        assert_int_equal(reader->seen[i], 1);
    reader_free(reader);
}

/* Until all partitions are this reader's, something has come, and much more lies in its queue. */
static void fill_queue(struct reader *reader)
{
    struct kafka_consumer_figures figures = {0};
    while (reader->n_owned < PARTITIONS || reader_serve(reader, 1) == 0)
        reader_serve(reader, 1);
    while (figures.queued_messages < MESSAGES / 4) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        kafka_consumer_figures(reader->consumer, &figures);
    }
    assert_int_equal(figures.partitions, PARTITIONS);
    assert_true(figures.rebalances > 0);
}

static void rewound_without_a_commit_all_comes_anew(void **state)
{
    struct cluster *cluster = *state;
    write_numbers(cluster, "readings", 0, MESSAGES);
    struct reader *reader =
        reader_new(cluster, &(struct kafka_consumer_options){.group = "g", .topic = "readings", .transactional = true});
    for (int round = 0; round < 5; round++) {
        fill_queue(reader);
        reader_serve(reader, 300);
        while (!kafka_consumer_rewind(reader->consumer, 1000))
            ;
        reader_forget(reader); /* from here on each partition must begin at 0 */
    }
    while (reader->n < MESSAGES)
        reader_serve(reader, 100);
    assert_int_equal(reader->gaps, 0);
    reader_free(reader);
}

static void rewound_it_goes_on_from_what_is_committed(void **state)
{
    struct cluster *cluster = *state;
    write_numbers(cluster, "readings", 0, MESSAGES);
    struct reader *reader =
        reader_new(cluster, &(struct kafka_consumer_options){.group = "g", .topic = "readings", .transactional = true});
    fill_queue(reader);
    reader_serve(reader, 500);
    commit_place(reader);
    const size_t committed = reader->n;
    struct reader place = *reader;
    fill_queue(reader);
    reader_serve(reader, 500);
    assert_true(reader->n > committed);
    while (!kafka_consumer_rewind(reader->consumer, 1000))
        ;
    reader_go_back(reader, &place);
    while (reader->n < MESSAGES)
        reader_serve(reader, 100);
    assert_int_equal(reader->gaps, 0);
    reader_free(reader);
}

static bool saw_all(const struct reader *reader)
{
    for (int i = 0; i < MESSAGES; i++)
        if (!reader->seen[i])
            return false;
    return true;
}

/* While its queue is full partitions go to another member, and come back. */
static void nothing_comes_of_a_partition_that_went(void **state)
{
    struct cluster *cluster = *state;
    write_numbers(cluster, "readings", 0, MESSAGES);
    const struct kafka_consumer_options options = {.group = "g", .topic = "readings"};
    struct reader *first = reader_new(cluster, &options);
    fill_queue(first);
    struct reader *second = reader_new(cluster, &options);
    while (second->n_owned < PARTITIONS / 2) {
        reader_serve(first, 1);
        reader_serve(second, 1);
    }
    assert_int_equal(first->n_owned, PARTITIONS - second->n_owned);
    assert_int_equal(second->strangers, 0);
    reader_free(second);
    while (first->n_owned < PARTITIONS || !saw_all(first))
        reader_serve(first, 1);
    assert_int_equal(first->strangers, 0);
    reader_free(first);
}

/* As where its block is full and waits for outputs: it stays a member, and holds up no other. */
static void a_member_that_wants_no_messages_gives_partitions_up_all_the_same(void **state)
{
    struct cluster *cluster = *state;
    write_numbers(cluster, "readings", 0, MESSAGES);
    const struct kafka_consumer_options options = {.group = "g", .topic = "readings"};
    struct reader *first = reader_new(cluster, &options);
    fill_queue(first);
    const size_t n = first->n;
    struct reader *second = reader_new(cluster, &options);
    while (second->n_owned < PARTITIONS / 2) {
        reader_serve(first, 0);
        reader_serve(second, 1);
    }
    assert_int_equal(first->n, n);
    reader_free(second);
    reader_free(first);
}

static void expect_property(const struct reader *reader, const char *name, const char *value)
{
    char is[64] = "";
    size_t size = sizeof is;
    assert_int_equal(rd_kafka_conf_get(rd_kafka_conf(reader->consumer->client), name, is, &size), RD_KAFKA_CONF_OK);
    assert_string_equal(is, value);
}

static void a_killed_member_is_missed_after_twenty_seconds_or_when_the_user_says(void **state)
{
    struct cluster *cluster = *state;
    const struct kafka_consumer_options options = {.group = "g", .topic = "readings"};
    struct reader *reader = reader_new(cluster, &options);
    expect_property(reader, "session.timeout.ms", "6000");
    reader_free(reader);
    cluster->address.n_properties = 0;
    reader = reader_new(cluster, &options);
    expect_property(reader, "session.timeout.ms", "20000");
    reader_free(reader);
}

/* A transaction that is aborted, and begun again, comes at level 3, LOG_ERR; what ends the client comes above. */
static void lines_of_the_client_are_errors_where_it_can_not_go_on(void **state)
{
    (void)state;
    static const struct {
        int syslog_level;
        const char *facility, *level;
    } lines[] = {{0, "FATAL", " error "},    {1, "TXNERR", " error "},   {2, "THREAD", " error "},
                 {3, "FAIL", " debug "},     {3, "TXNERR", " warning "}, {4, "SESSTMOUT", " warning "},
                 {4, "CONFWARN", " debug "}, {5, "FENCED", " info "},    {6, "BROKER", " debug "},
                 {7, "BROKER", " debug "}};
    log_setup(LOG_DEBUG_LEVEL, LOG_TEXT, 0);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct capture capture = capture_begin(stderr);
        kafka__write_log(NULL, lines[i].syslog_level, lines[i].facility, "node 1: Disconnected");
        char *line = capture_end(&capture);
        if (!strstr(line, lines[i].level))
            fail_msg("%s of level %d: %s", lines[i].facility, lines[i].syslog_level, line);
        free(line);
    }
}

/* As where another member has the same group.instance.id. */
static void a_member_that_can_not_go_on_says_why(void **state)
{
    struct reader *reader = reader_new(*state, &(struct kafka_consumer_options){.group = "g", .topic = "readings"});
    assert_null(kafka_consumer_fatal(reader->consumer));
    rd_kafka_test_fatal_error(reader->consumer->client, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, "fenced");
    reader_serve(reader, 1);
    assert_non_null(kafka_consumer_fatal(reader->consumer));
    assert_non_null(strstr(kafka_consumer_fatal(reader->consumer), "fenced"));
    reader_free(reader);
}

/* The client has what it was given in its queue, and nobody looked. A request that meets the end of the group is never
 * answered by librdkafka, so nothing may be asked of it once it has been told that all is given up. */
static void a_member_that_ends_before_it_is_told_what_it_has_ends(void **state)
{
    enum { MEMBERS = 16 };
    struct kafka_property quiet[] = {{.name = "statistics.interval.ms", .value = "0"}};
    struct cluster cluster = *(struct cluster *)*state;
    struct reader *readers[MEMBERS];
    cluster.address.properties = quiet;
    cluster.address.n_properties = 1;
    for (int i = 0; i < MEMBERS; i++) {
        char group[16];
        snprintf(group, sizeof group, "g%d", i);
        readers[i] = reader_new(&cluster, &(struct kafka_consumer_options){.group = group, .topic = "readings"});
    }
    for (int i = 0; i < MEMBERS; i++) {
        while (rd_kafka_queue_length(readers[i]->consumer->events) == 0)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        kafka_consumer_close(readers[i]->consumer, 10000);
        for (int partition = 0; partition < PARTITIONS; partition++)
            assert_int_equal(readers[i]->next[partition], 0); /* as before it was told */
        free(readers[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLUSTER_TEST(a_killed_member_is_missed_after_twenty_seconds_or_when_the_user_says),
        cmocka_unit_test(lines_of_the_client_are_errors_where_it_can_not_go_on),
        CLUSTER_TEST(messages_come_whole_and_in_their_order),
        CLUSTER_TEST(one_call_hands_over_no_more_than_it_was_asked_for),
        CLUSTER_TEST(headers_outlive_their_message_and_come_first),
        CLUSTER_TEST(all_that_can_be_read_may_be_sent),
        CLUSTER_TEST(a_record_may_have_as_many_bytes_as_it_says),
        CLUSTER_TEST(the_queue_is_full_of_keys_and_headers_too),
        cmocka_unit_test(headers_take_what_they_have_and_more),
        CLUSTER_TEST(a_paused_member_is_handed_nothing_and_misses_nothing),
        CLUSTER_TEST(rewound_without_a_commit_all_comes_anew),
        CLUSTER_TEST(rewound_it_goes_on_from_what_is_committed),
        CLUSTER_TEST(nothing_comes_of_a_partition_that_went),
        CLUSTER_TEST(a_member_that_wants_no_messages_gives_partitions_up_all_the_same),
        CLUSTER_TEST(a_member_that_can_not_go_on_says_why),
        CLUSTER_TEST(a_member_that_ends_before_it_is_told_what_it_has_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
