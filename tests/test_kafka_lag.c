/* test_kafka_lag.c: how much of a partition is still to be read, and when nobody can know; against librdkafka's mock
 * cluster. */
#include <string.h>
#include <time.h>

#include "kafka_support.h"

enum { MESSAGES = 400, EACH = MESSAGES / CLUSTER_PARTITIONS };

static const struct kafka_consumer_options options = {.group = "g", .topic = "readings"};

static bool is_lag(struct reader *reader, int64_t offset, int64_t lag)
{
    for (int32_t partition = 0; partition < CLUSTER_PARTITIONS; partition++)
        if (kafka_consumer_lag(reader->consumer, partition, offset) != lag)
            return false;
    return true;
}

/* Whether it is the lag of each partition, within much more time than it takes. */
static bool becomes_lag(struct reader *reader, size_t most, int64_t offset, int64_t lag)
{
    for (int round = 0; round < 3000 && !is_lag(reader, offset, lag); round++) {
        reader_serve(reader, most);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return is_lag(reader, offset, lag);
}

static void read_all(struct reader *reader, struct cluster *cluster)
{
    write_numbers(cluster, "readings", 0, MESSAGES);
    while (reader->n < MESSAGES)
        reader_serve(reader, 100);
}

static void before_the_first_message_it_counts_from_the_end_or_from_the_place_of_the_group(void **state)
{
    struct cluster *cluster = *state;
    struct reader *reader = reader_new(cluster, &options);
    assert_true(becomes_lag(reader, 1, -1, 0)); /* of empty partitions */
    read_all(reader, cluster);
    commit_place(reader);
    reader_free(reader);
    write_numbers(cluster, "readings", MESSAGES, 2 * MESSAGES);
    reader = reader_new(cluster, &options);
    assert_true(becomes_lag(reader, 0, -1, EACH));
    reader_free(reader);
}

static void note_statistics(struct reader *reader, const char *json)
{
    kafka__note_statistics(reader->consumer->client, (char *)(uintptr_t)json, strlen(json), reader->consumer);
}

/* The wire to one of two brokers carries nothing, but its connection stays. */
static void expect_of_a_silent_broker_nothing_known_unless_nobody_asks(struct reader *reader)
{
    static const char json[] =
        "{ \"name\": \"c\", \"brokers\":{ \"h:1/1\": { \"rxpartial\":0, \"rxidle\":10000001, \"toppars\":{ "
        "\"readings-0\": { \"topic\":\"readings\", \"partition\":0}, "
        "\"readings-2\": { \"topic\":\"readings\", \"partition\":2} } }, "
        "\"h:2/2\": { \"rxidle\":9000000, \"toppars\":{ \"readings-1\": { \"topic\":\"readings\", \"partition\":1} "
        "} } }, \"topics\":{ \"readings\": { \"partitions\":{ \"3\": { \"partition\":3, \"broker\":-1 } } } } }";
    note_statistics(reader, json);
    const int64_t expected[] = {-1, 0, -1, -1};
    for (int32_t partition = 0; partition < CLUSTER_PARTITIONS; partition++)
        assert_int_equal(kafka_consumer_lag(reader->consumer, partition, EACH), expected[partition]);
    kafka_consumer_pause(reader->consumer, true);
    note_statistics(reader, json);
    assert_true(is_lag(reader, EACH, 0));
    kafka_consumer_pause(reader->consumer, false);
}

static void while_its_broker_does_not_answer_it_is_not_known(void **state)
{
    struct cluster *cluster = *state;
    struct reader *reader = reader_new(cluster, &options);
    read_all(reader, cluster);
    assert_true(becomes_lag(reader, 1, EACH, 0));
    expect_of_a_silent_broker_nothing_known_unless_nobody_asks(reader);
    rd_kafka_mock_broker_set_down(cluster->mock, 1);
    assert_true(becomes_lag(reader, 1, EACH, -1));
    rd_kafka_mock_broker_set_up(cluster->mock, 1);
    assert_true(becomes_lag(reader, 1, EACH, 0));
    reader_free(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLUSTER_TEST(before_the_first_message_it_counts_from_the_end_or_from_the_place_of_the_group),
        CLUSTER_TEST(while_its_broker_does_not_answer_it_is_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
