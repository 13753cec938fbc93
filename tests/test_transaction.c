/* test_transaction.c: how transactions end, whatever the broker says; against librdkafka's mock cluster, which knows
 * their requests but not their effect: what readers see is tried against a real broker. */
#include <stdlib.h>
#include <string.h>

#include "kafka_support.h"

/* Keys of requests, from Kafka's protocol. */
enum { PRODUCE = 0, INIT_PRODUCER_ID = 22, ADD_OFFSETS = 25, END_TXN = 26, TXN_OFFSET_COMMIT = 28 };

struct writer {
    struct kafka_producer *producer;
    struct reader *reader;
    int delivered, refused, too_large, untimely;
};

static void note_delivered(void *context, void *token)
{
    struct writer *writer = context;
    assert_ptr_equal(token, writer);
    writer->delivered++;
}

static void note_refused(void *context, void *token, enum kafka_refusal why)
{
    struct writer *writer = context;
    assert_ptr_equal(token, writer);
    writer->refused++;
    writer->too_large += why == KAFKA_TOO_LARGE;
    writer->untimely += why == KAFKA_TIMESTAMP;
}

static struct writer *writer_new(struct cluster *cluster)
{
    char why[256] = "";
    struct writer *writer = calloc(1, sizeof *writer);
    const struct kafka_producer_options options = {.transactional_id = "alertrond-1"};
    writer->producer = kafka_producer_new(&cluster->address, &options, why, sizeof why);
    if (!writer->producer)
        fail_msg("%s", why);
    kafka_producer_on_delivery(writer->producer, note_delivered, writer);
    kafka_producer_on_refusal(writer->producer, note_refused, writer);
    writer->reader =
        reader_new(cluster, &(struct kafka_consumer_options){.group = "g", .topic = "readings", .transactional = true});
    while (writer->reader->n_owned == 0)
        reader_serve(writer->reader, 1);
    return writer;
}

static void writer_free(struct writer *writer)
{
    kafka_producer_close(writer->producer, 1000);
    reader_free(writer->reader);
    free(writer);
}

static void init(struct writer *writer)
{
    enum kafka_transaction outcome;
    while ((outcome = kafka_transaction_init(writer->producer, 1000)) == KAFKA_TRANSACTION_RETRY)
        ;
    assert_int_equal(outcome, KAFKA_TRANSACTION_DONE);
}

static void begin(struct writer *writer)
{
    while (!kafka_transaction_begin(writer->producer)) {
        assert_null(kafka_producer_fatal(writer->producer));
        kafka_producer_poll(writer->producer, 10);
    }
}

static enum kafka_outcome write_at(struct writer *writer, int64_t timestamp)
{
    const struct kafka_record record = {
        .topic = "anomalies", .value = "{}", .value_size = 2, .timestamp = timestamp, .token = writer};
    enum kafka_outcome outcome;
    while ((outcome = kafka_producer_try(writer->producer, &record)) == KAFKA_FULL)
        kafka_producer_poll(writer->producer, 10);
    return outcome;
}

static enum kafka_outcome write_one(struct writer *writer)
{
    return write_at(writer, 0);
}

static enum kafka_transaction try_commit(struct writer *writer, int timeout_ms)
{
    const struct kafka_offset offsets[] = {{0, 5}, {1, 7}};
    return kafka_transaction_commit(writer->producer, writer->reader->consumer, offsets, 2, timeout_ms);
}

static enum kafka_transaction commit(struct writer *writer)
{
    enum kafka_transaction outcome;
    while ((outcome = try_commit(writer, 1000)) == KAFKA_TRANSACTION_RETRY)
        ;
    if (outcome == KAFKA_TRANSACTION_FATAL)
        print_message("%s\n", kafka_producer_fatal(writer->producer));
    return outcome;
}

/* A transaction with one record, to be ended. */
static void write_open(struct writer *writer)
{
    begin(writer);
    assert_int_equal(write_one(writer), KAFKA_SENT);
}

static void write_whole(struct writer *writer)
{
    write_open(writer);
    assert_int_equal(commit(writer), KAFKA_TRANSACTION_DONE);
}

static void records_and_offsets_are_committed(void **state)
{
    struct writer *writer = writer_new(*state);
    init(writer);
    for (int round = 1; round <= 3; round++) {
        begin(writer);
        if (write_one(writer) != KAFKA_SENT)
            fail_msg("round %d: %s", round, kafka_producer_trouble(writer->producer));
        assert_int_equal(commit(writer), KAFKA_TRANSACTION_DONE);
        assert_int_equal(writer->delivered, round);
    }
    assert_string_equal(kafka_producer_trouble(writer->producer), "");
    writer_free(writer);
}

static void an_abort_is_followed_by_a_new_transaction(void **state)
{
    struct writer *writer = writer_new(*state);
    init(writer);
    write_open(writer);
    enum kafka_transaction outcome;
    while ((outcome = kafka_transaction_abort(writer->producer, 1000)) == KAFKA_TRANSACTION_RETRY)
        ;
    assert_int_equal(outcome, KAFKA_TRANSACTION_DONE);
    write_whole(writer);
    assert_int_equal(writer->refused, 0);
    writer_free(writer);
}

/* The first time another record may be to blame, the second time it is alone, the third time it goes through. */
static void a_record_too_large_is_found(void **state)
{
    struct cluster *cluster = *state;
    struct writer *writer = writer_new(cluster);
    init(writer);
    for (int round = 1; round <= 2; round++) {
        begin(writer);
        rd_kafka_mock_push_request_errors(cluster->mock, PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
        assert_int_equal(write_one(writer), KAFKA_SENT);
        assert_int_equal(commit(writer), KAFKA_TRANSACTION_ABORTED);
        assert_int_equal(writer->refused, round);
        assert_int_equal(writer->too_large, round - 1);
        assert_non_null(strstr(kafka_producer_trouble(writer->producer), "max.message.bytes"));
    }
    /* A partition that has refused records misses their numbers first, for which a transaction may be aborted. */
    do {
        write_open(writer);
    } while (commit(writer) == KAFKA_TRANSACTION_ABORTED);
    assert_int_equal(writer->delivered, 1);
    assert_int_equal(writer->refused, 2);
    writer_free(writer);
}

/* A record without a timestamp has the time of now already. */
static void a_timestamp_that_is_refused_is_told(void **state)
{
    struct cluster *cluster = *state;
    struct writer *writer = writer_new(cluster);
    init(writer);
    for (int round = 1; round <= 2; round++) {
        begin(writer);
        rd_kafka_mock_push_request_errors(cluster->mock, PRODUCE, 1, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP);
        assert_int_equal(write_at(writer, round == 1 ? 1798000000123 : 0), KAFKA_SENT);
        assert_int_equal(commit(writer), KAFKA_TRANSACTION_ABORTED);
        assert_int_equal(writer->refused, round);
        assert_int_equal(writer->untimely, 1);
        assert_non_null(strstr(kafka_producer_trouble(writer->producer), "message.timestamp.after.max.ms"));
    }
    writer_free(writer);
}

/* What is sent at the wrong time is not forgotten: the offsets of what it came from must not be committed. */
static void a_record_outside_of_a_transaction_fails_the_next(void **state)
{
    struct writer *writer = writer_new(*state);
    init(writer);
    assert_int_equal(write_one(writer), KAFKA_REFUSED);
    begin(writer);
    assert_int_equal(commit(writer), KAFKA_TRANSACTION_ABORTED);
    write_whole(writer);
    writer_free(writer);
}

/* Once one is refused, no more are taken. */
static void a_failed_transaction_takes_no_more(void **state)
{
    struct cluster *cluster = *state;
    struct writer *writer = writer_new(cluster);
    init(writer);
    begin(writer);
    rd_kafka_mock_push_request_errors(cluster->mock, PRODUCE, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    assert_int_equal(write_one(writer), KAFKA_SENT);
    while (writer->refused == 0)
        kafka_producer_poll(writer->producer, 10);
    assert_int_equal(writer->too_large, 0);
    assert_int_equal(write_one(writer), KAFKA_REFUSED);
    assert_int_equal(commit(writer), KAFKA_TRANSACTION_ABORTED);
    assert_int_equal(writer->refused, 1);
    assert_non_null(strstr(kafka_producer_trouble(writer->producer), "allow this user"));
    writer_free(writer);
}

static void a_member_that_was_put_out_can_not_commit(void **state)
{
    struct cluster *cluster = *state;
    struct writer *writer = writer_new(cluster);
    init(writer);
    write_open(writer);
    rd_kafka_mock_push_request_errors(cluster->mock, TXN_OFFSET_COMMIT, 1, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    assert_int_equal(commit(writer), KAFKA_TRANSACTION_ABORTED);
    write_whole(writer);
    writer_free(writer);
}

/* As where a topic was deleted: librdkafka asks to abort what the broker never took, and can't go on from the answer.
 */
static void a_transaction_that_the_broker_knows_nothing_of_is_aborted(void **state)
{
    struct cluster *cluster = *state;
    struct writer *writer = writer_new(cluster);
    init(writer);
    for (int round = 1; round <= 2; round++) {
        write_open(writer);
        rd_kafka_mock_push_request_errors(cluster->mock, TXN_OFFSET_COMMIT, 1, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
        rd_kafka_mock_push_request_errors(cluster->mock, END_TXN, 1, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE);
        assert_int_equal(commit(writer), KAFKA_TRANSACTION_ABORTED);
        assert_null(kafka_producer_fatal(writer->producer));
        write_whole(writer);
    }
    writer_free(writer);
}

static void a_broker_that_is_away_is_waited_for(void **state)
{
    struct cluster *cluster = *state;
    struct writer *writer = writer_new(cluster);
    rd_kafka_mock_broker_set_down(cluster->mock, 1);
    assert_int_equal(kafka_transaction_init(writer->producer, 300), KAFKA_TRANSACTION_RETRY);
    rd_kafka_mock_broker_set_up(cluster->mock, 1);
    init(writer);
    begin(writer);
    rd_kafka_mock_broker_set_down(cluster->mock, 1);
    assert_int_equal(write_one(writer), KAFKA_SENT);
    assert_int_equal(try_commit(writer, 300), KAFKA_TRANSACTION_RETRY);
    rd_kafka_mock_broker_set_up(cluster->mock, 1);
    assert_int_equal(commit(writer), KAFKA_TRANSACTION_DONE);
    assert_int_equal(writer->delivered, 1);
    writer_free(writer);
}

/* As where the partitions have gone to another member meanwhile. */
static void a_commit_is_given_up_while_offsets_are_not_sent(void **state)
{
    struct cluster *cluster = *state;
    struct writer *writer = writer_new(cluster);
    init(writer);
    begin(writer);
    rd_kafka_mock_broker_set_down(cluster->mock, 1);
    assert_int_equal(write_one(writer), KAFKA_SENT);
    assert_int_equal(try_commit(writer, 300), KAFKA_TRANSACTION_RETRY);
    assert_true(kafka_transaction_may_abort(writer->producer));
    enum kafka_transaction outcome = kafka_transaction_abort(writer->producer, 300);
    rd_kafka_mock_broker_set_up(cluster->mock, 1);
    while (outcome == KAFKA_TRANSACTION_RETRY)
        outcome = kafka_transaction_abort(writer->producer, 1000);
    assert_int_equal(outcome, KAFKA_TRANSACTION_DONE);
    assert_int_equal(writer->delivered, 0);
    write_whole(writer);
    writer_free(writer);
}

static void a_coordinator_that_is_loading_is_waited_for(void **state)
{
    struct cluster *cluster = *state;
    struct writer *writer = writer_new(cluster);
    rd_kafka_mock_push_request_errors(cluster->mock, INIT_PRODUCER_ID, 2,
                                      RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
                                      RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
    init(writer);
    write_open(writer);
    rd_kafka_mock_push_request_errors(cluster->mock, END_TXN, 2, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
                                      RD_KAFKA_RESP_ERR_NOT_COORDINATOR);
    assert_int_equal(commit(writer), KAFKA_TRANSACTION_DONE);
    writer_free(writer);
}

static void who_was_fenced_is_told_what_to_do(void **state)
{
    struct cluster *cluster = *state;
    struct writer *writer = writer_new(cluster);
    init(writer);
    write_open(writer);
    rd_kafka_mock_push_request_errors(cluster->mock, END_TXN, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED);
    assert_int_equal(commit(writer), KAFKA_TRANSACTION_FATAL);
    assert_non_null(strstr(kafka_producer_fatal(writer->producer), "kafka.instance"));
    assert_false(kafka_transaction_begin(writer->producer));
    writer_free(writer);
}

/* Behind our client's back. It may have to be said more than once: see kafka__came_too_early. */
static void abort_unseen(struct writer *writer)
{
    rd_kafka_error_t *error;
    for (int i = 0; i < 10 && (error = rd_kafka_abort_transaction(writer->producer->client, 10000)); i++)
        rd_kafka_error_destroy(error);
}

/* As where librdkafka took the answer to one step for that to the next: its state is not what its answers said. */
static void a_state_that_is_not_what_was_said_is_gone_on_from(void **state)
{
    struct writer *writer = writer_new(*state);
    init(writer);
    for (int round = 1; round <= 2; round++) {
        assert_null(rd_kafka_begin_transaction(writer->producer->client));
        write_open(writer);
        abort_unseen(writer);
        enum kafka_transaction outcome;
        while ((outcome = kafka_transaction_abort(writer->producer, 1000)) == KAFKA_TRANSACTION_RETRY)
            ;
        assert_int_equal(outcome, KAFKA_TRANSACTION_DONE);
        write_whole(writer);
    }
    assert_null(kafka_producer_fatal(writer->producer));
    writer_free(writer);
}

/* What became of its records is not known; but an abort by another client makes sure. */
static void a_transaction_that_is_open_no_more_is_aborted(void **state)
{
    struct writer *writer = writer_new(*state);
    init(writer);
    write_open(writer);
    abort_unseen(writer);
    assert_int_equal(commit(writer), KAFKA_TRANSACTION_ABORTED);
    write_whole(writer);
    writer_free(writer);
}

/* Sent again they would have two answers, and the second could be taken for that to the next transaction's. */
static void offsets_without_an_answer_are_not_sent_again(void **state)
{
    struct cluster *cluster = *state;
    struct writer *writer = writer_new(cluster);
    init(writer);
    write_open(writer);
    rd_kafka_mock_broker_push_request_error_rtts(cluster->mock, 1, ADD_OFFSETS, 1, RD_KAFKA_RESP_ERR_NO_ERROR, 3000);
    assert_int_equal(commit(writer), KAFKA_TRANSACTION_ABORTED);
    assert_null(kafka_producer_fatal(writer->producer));
    for (int round = 1; round <= 3; round++) {
        write_whole(writer);
    }
    writer_free(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLUSTER_TEST(records_and_offsets_are_committed),
        CLUSTER_TEST(an_abort_is_followed_by_a_new_transaction),
        CLUSTER_TEST(a_record_too_large_is_found),
        CLUSTER_TEST(a_timestamp_that_is_refused_is_told),
        CLUSTER_TEST(a_record_outside_of_a_transaction_fails_the_next),
        CLUSTER_TEST(a_failed_transaction_takes_no_more),
        CLUSTER_TEST(a_member_that_was_put_out_can_not_commit),
        CLUSTER_TEST(a_transaction_that_the_broker_knows_nothing_of_is_aborted),
        CLUSTER_TEST(a_broker_that_is_away_is_waited_for),
        CLUSTER_TEST(a_commit_is_given_up_while_offsets_are_not_sent),
        CLUSTER_TEST(a_coordinator_that_is_loading_is_waited_for),
        CLUSTER_TEST(who_was_fenced_is_told_what_to_do),
        CLUSTER_TEST(a_state_that_is_not_what_was_said_is_gone_on_from),
        CLUSTER_TEST(a_transaction_that_is_open_no_more_is_aborted),
        CLUSTER_TEST(offsets_without_an_answer_are_not_sent_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
