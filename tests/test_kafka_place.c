/* test_kafka_place.c: where a partition is read on when what is to be read next is not there; against librdkafka's mock
 * cluster. */
#include "clock.h"
#include "kafka_support.h"

enum { FETCH = 1, /* key of the request, from Kafka's protocol */ MESSAGES = 2000 };

/* As one that had stood still while another led: it does not know what was written meanwhile. */
static void a_broker_that_lacks_the_next_message_is_asked_again(void **state)
{
    struct cluster *cluster = *state;
    write_numbers(cluster, "readings", 0, MESSAGES);
    struct reader *reader = reader_new(cluster, &(struct kafka_consumer_options){.group = "g", .topic = "readings"});
    while (reader->n < MESSAGES)
        reader_serve(reader, 100);
    rd_kafka_mock_push_request_errors(cluster->mock, FETCH, 2, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
                                      RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
    const double until = clock_seconds() + 2;
    while (clock_seconds() < until)
        reader_serve(reader, 100);
    write_numbers(cluster, "readings", MESSAGES, 2 * MESSAGES);
    while (reader->n < 2 * MESSAGES)
        reader_serve(reader, 100);
    assert_int_equal(reader->gaps, 0);
    assert_true(reader->whole);
    reader_free(reader);
}

/* As where the topic was made anew and has grown past the place: there is something in it, but not what was there. */
static void another_log_at_the_place_is_read_from_its_beginning(void **state)
{
    struct cluster *cluster = *state;
    write_numbers(cluster, "readings", 0, MESSAGES);
    struct reader *reader = reader_new(cluster, &(struct kafka_consumer_options){.group = "g", .topic = "readings"});
    while (reader->n < MESSAGES)
        reader_serve(reader, 100);
    for (int32_t partition = 0; partition < CLUSTER_PARTITIONS; partition++)
        reader->consumer->partitions[partition].timestamp--;
    rd_kafka_mock_push_request_errors(cluster->mock, FETCH, 1, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
    const double until = clock_seconds() + 2;
    while (clock_seconds() < until)
        reader_serve(reader, 100);
    write_numbers(cluster, "readings", MESSAGES, MESSAGES + 400);
    const size_t again = reader->n - MESSAGES; /* of those partitions that were in the request */
    while (reader->n < MESSAGES + again + 400)
        reader_serve(reader, 100);
    assert_true(again > 0);
    assert_int_equal(again % (MESSAGES / CLUSTER_PARTITIONS), 0);
    assert_int_equal(reader->gaps, again / (MESSAGES / CLUSTER_PARTITIONS));
    for (int i = MESSAGES; i < MESSAGES + 400; i++)
        assert_int_equal(reader->seen[i], 1);
    reader_free(reader);
}

/* Where nothing is committed. What was written before is not read, what is written later is. */
static void a_new_group_may_begin_at_the_end(void **state)
{
    struct cluster *cluster = *state;
    write_numbers(cluster, "readings", 0, MESSAGES);
    struct reader *reader =
        reader_new(cluster, &(struct kafka_consumer_options){.group = "g", .topic = "readings", .from_latest = true});
    while (reader->n_owned < CLUSTER_PARTITIONS)
        reader_serve(reader, 100);
    for (int32_t partition = 0; partition < CLUSTER_PARTITIONS; partition++)
        while (!reader->consumer->partitions[partition].at_end)
            reader_serve(reader, 100);
    write_numbers(cluster, "readings", MESSAGES, MESSAGES + 400);
    while (reader->n < 400)
        reader_serve(reader, 100);
    for (int i = 0; i < MESSAGES + 400; i++)
        assert_int_equal(reader->seen[i], i >= MESSAGES);
    reader_free(reader);
}

/* As where the topic was made anew, and is shorter now than it was. */
static void what_is_never_there_is_given_up_for_the_beginning(void **state)
{
    struct cluster *cluster = *state;
    const struct kafka_consumer_options options = {.group = "g", .topic = "readings"};
    write_numbers(cluster, "readings", 0, MESSAGES);
    struct reader *reader = reader_new(cluster, &options);
    while (reader->n < MESSAGES)
        reader_serve(reader, 100);
    for (int32_t partition = 0; partition < CLUSTER_PARTITIONS; partition++)
        kafka_consumer_store(reader->consumer, partition, 2 * MESSAGES);
    kafka_consumer_commit(reader->consumer);
    reader_free(reader);
    reader = reader_new(cluster, &options);
    while (reader->n < MESSAGES)
        reader_serve(reader, 100);
    assert_int_equal(reader->gaps, 0);
    for (int i = 0; i < MESSAGES; i++)
        assert_int_equal(reader->seen[i], 1);
    reader_free(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLUSTER_TEST(a_broker_that_lacks_the_next_message_is_asked_again),
        CLUSTER_TEST(another_log_at_the_place_is_read_from_its_beginning),
        CLUSTER_TEST(a_new_group_may_begin_at_the_end),
        CLUSTER_TEST(what_is_never_there_is_given_up_for_the_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
