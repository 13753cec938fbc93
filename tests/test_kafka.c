/* test_kafka.c: what a member of a group is handed, and when; against librdkafka's mock cluster. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kafka_support.h"

enum {
    PARTITIONS = CLUSTER_PARTITIONS,
    MESSAGES = 2000,
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_come_whole_and_in_their_order, cluster_setup, cluster_teardown),
        cmocka_unit_test_setup_teardown(one_call_hands_over_no_more_than_it_was_asked_for, cluster_setup,
                                        cluster_teardown),
        cmocka_unit_test_setup_teardown(headers_outlive_their_message_and_come_first, cluster_setup, cluster_teardown),
        cmocka_unit_test_setup_teardown(all_that_can_be_read_may_be_sent, cluster_setup, cluster_teardown),
        cmocka_unit_test_setup_teardown(a_paused_member_is_handed_nothing_and_misses_nothing, cluster_setup,
                                        cluster_teardown),
        cmocka_unit_test_setup_teardown(rewound_without_a_commit_all_comes_anew, cluster_setup, cluster_teardown),
        cmocka_unit_test_setup_teardown(rewound_it_goes_on_from_what_is_committed, cluster_setup, cluster_teardown),
        cmocka_unit_test_setup_teardown(nothing_comes_of_a_partition_that_went, cluster_setup, cluster_teardown),
        cmocka_unit_test_setup_teardown(a_member_that_wants_no_messages_gives_partitions_up_all_the_same, cluster_setup,
                                        cluster_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
