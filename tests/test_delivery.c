/* test_delivery.c: when what a worker has done becomes final, with a Kafka that does as it is told. */
#include "delivery.h"

#include <string.h>

#include "offsets.h"
#include "support.h"

/* --- a Kafka that does as it is told ------------------------------------------------------------------------ */

struct kafka_producer {
    bool begins; /* a transaction, when asked to */
    bool fatal;
    enum kafka_transaction init, commit, abort;
    size_t inits, begun, commits, aborts;
    struct kafka_offset committed[4]; /* what was handed to the last commit */
    size_t n_committed;
    void (*refused)(void *context, void *token, enum kafka_refusal why);
    void *context;
};

struct kafka_consumer {
    bool rewinds;
    size_t rewound;
    int64_t stored; /* of partition 0; -1: nothing */
};

const char *kafka_version(void)
{
    return "none"; /* metrics.c exports it */
}

void kafka_producer_on_refusal(struct kafka_producer *producer,
                               void (*refused)(void *context, void *token, enum kafka_refusal why), void *context)
{
    producer->refused = refused;
    producer->context = context;
}

void kafka_producer_poll(struct kafka_producer *producer, int timeout_ms)
{
    (void)producer;
    (void)timeout_ms;
}

const char *kafka_producer_fatal(const struct kafka_producer *producer)
{
    return producer->fatal ? "fenced" : NULL;
}

enum kafka_transaction kafka_transaction_init(struct kafka_producer *producer, int timeout_ms)
{
    (void)timeout_ms;
    producer->inits++;
    return producer->init;
}

bool kafka_transaction_begin(struct kafka_producer *producer)
{
    producer->begun += producer->begins;
    return producer->begins;
}

enum kafka_transaction kafka_transaction_commit(struct kafka_producer *producer, struct kafka_consumer *consumer,
                                                const struct kafka_offset *offsets, size_t n, int timeout_ms)
{
    (void)timeout_ms;
    assert_non_null(consumer);
    assert_in_range(n, 0, 4);
    producer->commits++;
    producer->n_committed = n;
    if (n > 0)
        memcpy(producer->committed, offsets, n * sizeof *offsets);
    return producer->commit;
}

bool kafka_transaction_may_abort(const struct kafka_producer *producer)
{
    (void)producer;
    return false;
}

enum kafka_transaction kafka_transaction_abort(struct kafka_producer *producer, int timeout_ms)
{
    (void)timeout_ms;
    producer->aborts++;
    return producer->abort;
}

void kafka_consumer_store(struct kafka_consumer *consumer, int32_t partition, int64_t offset)
{
    assert_int_equal(partition, 0);
    consumer->stored = offset;
}

bool kafka_consumer_rewind(struct kafka_consumer *consumer, int timeout_ms)
{
    (void)timeout_ms;
    consumer->rewound += consumer->rewinds;
    return consumer->rewinds;
}

/* --- what is tested --------------------------------------------------------------------------------------------- */

enum { OUTPUTS_MAX = 4 };

struct fixture {
    struct config config;
    struct metrics metrics;
    struct kafka_producer producer;
    struct kafka_consumer consumer;
    struct offsets *offsets;
    struct delivery *delivery;
};

/* Transactions last until all outputs wait, or for as long as `transaction_ms` says. */
static void open_fixture(struct fixture *fixture, int guarantee, int64_t transaction_ms)
{
    *fixture = (struct fixture){.producer = {.begins = true}, .consumer = {.rewinds = true, .stored = -1}};
    fixture->config.kafka.delivery = guarantee;
    fixture->config.kafka.transaction_ms = transaction_ms;
    alertron_error error;
    assert_true(metrics_open(&fixture->metrics, 10, "readings", &error));
    fixture->offsets = offsets_new(OUTPUTS_MAX);
    assert_non_null(fixture->offsets);
    assert_true(offsets_assign(fixture->offsets, 0));
    fixture->delivery = delivery_new(&fixture->config, &fixture->metrics, &fixture->producer, fixture->offsets);
    assert_non_null(fixture->delivery);
    delivery_join(fixture->delivery, &fixture->consumer);
}

static void close_fixture(struct fixture *fixture)
{
    delivery_free(fixture->delivery);
    offsets_free(fixture->offsets);
    metrics_close(&fixture->metrics);
}

/* One that has made itself known to the broker. */
static void open_transactional(struct fixture *fixture, int64_t transaction_ms)
{
    open_fixture(fixture, DELIVERY_EXACTLY_ONCE, transaction_ms);
    assert_int_equal(delivery_step(fixture->delivery), DELIVERY_FLOWS);
}

/* An output of the message at `offset` of partition 0, sent in a transaction. */
static struct output *send(struct fixture *fixture, int64_t offset)
{
    assert_true(delivery_open(fixture->delivery));
    struct output *output = offsets_begin(fixture->offsets, 0, offset);
    assert_non_null(output);
    offsets_pass(fixture->offsets, 0, offset);
    return output;
}

static double transactions(struct fixture *fixture, const char *outcome)
{
    return alertron_counter_value(alertron_counter_with(fixture->metrics.transactions, &outcome));
}

static void at_least_once_stores_what_is_acknowledged_and_no_more(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, DELIVERY_AT_LEAST_ONCE, 100);
    struct output *output = send(&fixture, 7);
    offsets_pass(fixture.offsets, 0, 8);
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_FLOWS);
    assert_int_not_equal(fixture.consumer.stored, 9);
    assert_false(delivery_finish(fixture.delivery, 0));
    offsets_acknowledge(fixture.offsets, output);
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_FLOWS);
    assert_int_equal(fixture.consumer.stored, 9);
    offsets_pass(fixture.offsets, 0, 9);
    assert_true(delivery_finish(fixture.delivery, 0));
    assert_int_equal(fixture.consumer.stored, 10);
    assert_int_equal(fixture.producer.inits + fixture.producer.begun + fixture.producer.commits, 0);
    close_fixture(&fixture);
}

static void nothing_is_sent_before_the_broker_knows_the_producer(void **state)
{
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, DELIVERY_EXACTLY_ONCE, 100);
    fixture.producer.init = KAFKA_TRANSACTION_RETRY;
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_WAITS);
    assert_false(delivery_open(fixture.delivery));
    assert_true(delivery_waits_since(fixture.delivery) > 0);
    fixture.producer.init = KAFKA_TRANSACTION_DONE;
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_FLOWS);
    assert_true(delivery_waits_since(fixture.delivery) <= 0);
    assert_true(delivery_open(fixture.delivery));
    assert_int_equal(fixture.producer.begun, 1);
    assert_true(delivery_open(fixture.delivery));
    assert_int_equal(fixture.producer.begun, 1); /* it is open */
    close_fixture(&fixture);
}

static void a_transaction_stays_open_until_its_time_has_come(void **state)
{
    (void)state;
    struct fixture fixture;
    open_transactional(&fixture, 3600000);
    send(&fixture, 6);
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_FLOWS); /* nothing has been committed for long */
    assert_int_equal(fixture.producer.commits, 1);
    offsets_restart(fixture.offsets); /* what was committed is acknowledged */
    send(&fixture, 7);
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_FLOWS);
    assert_int_equal(fixture.producer.commits, 1);
    for (int64_t offset = 8; offsets_room(fixture.offsets) > 0; offset++)
        send(&fixture, offset);
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_FLOWS); /* no more outputs would fit */
    assert_int_equal(fixture.producer.commits, 2);
    assert_int_equal(fixture.producer.n_committed, 1);
    assert_int_equal(fixture.producer.committed[0].offset, 7 + OUTPUTS_MAX);
    assert_true(transactions(&fixture, "committed") == 2);
    close_fixture(&fixture);
}

static void a_commit_is_asked_for_again_with_the_same_offsets(void **state)
{
    (void)state;
    struct fixture fixture;
    open_transactional(&fixture, 0);
    send(&fixture, 7);
    fixture.producer.commit = KAFKA_TRANSACTION_RETRY;
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_WAITS);
    assert_false(delivery_open(fixture.delivery));
    const double since = delivery_waits_since(fixture.delivery);
    assert_true(since > 0);
    offsets_pass(fixture.offsets, 0, 8);
    delivery_abandon(fixture.delivery); /* the broker alone knows whether it came in time */
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_WAITS);
    assert_true(delivery_waits_since(fixture.delivery) - since == 0);
    fixture.producer.commit = KAFKA_TRANSACTION_DONE;
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_FLOWS);
    assert_int_equal(fixture.producer.commits, 3);
    assert_int_equal(fixture.producer.committed[0].offset, 8);
    assert_int_equal(fixture.producer.aborts, 0);
    assert_true(transactions(&fixture, "committed") == 1);
    close_fixture(&fixture);
}

static void after_an_abort_all_is_read_anew(void **state)
{
    (void)state;
    struct fixture fixture;
    open_transactional(&fixture, 0);
    send(&fixture, 7);
    fixture.producer.commit = KAFKA_TRANSACTION_ABORTED;
    fixture.consumer.rewinds = false;
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_WAITS);
    assert_true(transactions(&fixture, "aborted") == 1);
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_WAITS); /* no broker answers */
    assert_false(delivery_open(fixture.delivery));
    fixture.consumer.rewinds = true;
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_REWOUND);
    assert_int_equal(fixture.consumer.rewound, 1);
    assert_int_equal(offsets_waiting(fixture.offsets), 0);
    offsets_pass(fixture.offsets, 0, 7); /* without an output this time: that is not urgent */
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_FLOWS);
    assert_int_equal(fixture.producer.commits, 1);
    assert_true(transactions(&fixture, "aborted") == 1);
    close_fixture(&fixture);
}

static void what_was_too_large_is_remembered_until_a_commit(void **state)
{
    (void)state;
    struct fixture fixture;
    open_transactional(&fixture, 0);
    struct output *large = send(&fixture, 7), *other = send(&fixture, 8);
    fixture.producer.refused(fixture.producer.context, large, KAFKA_TOO_LARGE);
    fixture.producer.refused(fixture.producer.context, other, KAFKA_NOT_NOW);
    fixture.producer.commit = KAFKA_TRANSACTION_ABORTED;
    delivery_step(fixture.delivery);
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_REWOUND);
    assert_true(delivery_was_too_large(fixture.delivery, 0, 7));
    assert_false(delivery_was_too_large(fixture.delivery, 0, 8));
    assert_false(delivery_was_too_large(fixture.delivery, 1, 7));
    send(&fixture, 7);
    fixture.producer.commit = KAFKA_TRANSACTION_DONE;
    assert_true(delivery_finish(fixture.delivery, 0));
    assert_false(delivery_was_too_large(fixture.delivery, 0, 7));
    close_fixture(&fixture);
}

/* The broker refuses a batch, and does not tell for which of its records. */
static void timestamps_that_were_refused_are_left_out_until_a_commit(void **state)
{
    (void)state;
    struct fixture fixture;
    open_transactional(&fixture, 0);
    assert_false(delivery_refuses_timestamps(fixture.delivery));
    fixture.producer.refused(fixture.producer.context, send(&fixture, 7), KAFKA_NOT_NOW);
    assert_false(delivery_refuses_timestamps(fixture.delivery));
    fixture.producer.refused(fixture.producer.context, send(&fixture, 8), KAFKA_TIMESTAMP);
    assert_false(delivery_was_too_large(fixture.delivery, 0, 8));
    fixture.producer.commit = KAFKA_TRANSACTION_ABORTED;
    delivery_step(fixture.delivery);
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_REWOUND);
    assert_true(delivery_refuses_timestamps(fixture.delivery));
    send(&fixture, 7);
    fixture.producer.commit = KAFKA_TRANSACTION_DONE;
    assert_true(delivery_finish(fixture.delivery, 0));
    assert_false(delivery_refuses_timestamps(fixture.delivery));
    close_fixture(&fixture);
}

static void partitions_that_were_lost_abort_the_transaction(void **state)
{
    (void)state;
    struct fixture fixture;
    open_transactional(&fixture, 3600000);
    offsets_pass(fixture.offsets, 0, 6);
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_FLOWS); /* nothing has been committed for long */
    assert_int_equal(fixture.producer.commits, 1);
    delivery_abandon(fixture.delivery); /* nothing is open, so there is nothing to abort */
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_FLOWS);
    assert_int_equal(fixture.producer.aborts, 0);
    send(&fixture, 7);
    delivery_abandon(fixture.delivery);
    assert_false(delivery_open(fixture.delivery));
    fixture.producer.abort = KAFKA_TRANSACTION_RETRY;
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_WAITS);
    fixture.producer.abort = KAFKA_TRANSACTION_DONE;
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_WAITS);
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_REWOUND);
    assert_int_equal(fixture.producer.aborts, 2);
    assert_int_equal(fixture.producer.commits, 1);
    assert_true(transactions(&fixture, "aborted") == 1);
    close_fixture(&fixture);
}

static void the_end_commits_what_was_done(void **state)
{
    (void)state;
    struct fixture fixture;
    open_transactional(&fixture, 3600000);
    assert_true(delivery_finish(fixture.delivery, 0)); /* nothing */
    assert_int_equal(fixture.producer.commits, 0);
    offsets_pass(fixture.offsets, 0, 7); /* without an output: the offset alone */
    assert_true(delivery_finish(fixture.delivery, 0));
    assert_int_equal(fixture.producer.committed[0].offset, 8);
    send(&fixture, 8);
    assert_true(delivery_finish(fixture.delivery, 0));
    assert_int_equal(fixture.producer.committed[0].offset, 9);
    assert_int_equal(fixture.producer.commits, 2);
    close_fixture(&fixture);
}

/* A second after a refusal none may be opened: what was passed before is not forgotten. */
static void offsets_wait_for_a_transaction_that_can_not_be_opened(void **state)
{
    (void)state;
    struct fixture fixture;
    open_transactional(&fixture, 3600000);
    fixture.producer.begins = false;
    offsets_pass(fixture.offsets, 0, 7);
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_FLOWS); /* nothing has been committed for long */
    assert_false(delivery_finish(fixture.delivery, 0.05));
    assert_int_equal(fixture.producer.commits, 0);
    fixture.producer.begins = true;
    assert_true(delivery_finish(fixture.delivery, 60));
    assert_int_equal(fixture.producer.commits, 1);
    assert_int_equal(fixture.producer.n_committed, 1);
    assert_int_equal(fixture.producer.committed[0].offset, 8);
    close_fixture(&fixture);
}

static void the_end_does_not_wait_for_ever(void **state)
{
    (void)state;
    struct fixture fixture;
    open_transactional(&fixture, 3600000);
    send(&fixture, 7);
    fixture.producer.commit = KAFKA_TRANSACTION_RETRY;
    assert_false(delivery_finish(fixture.delivery, 0.05));
    assert_int_equal(fixture.producer.aborts, 0);
    fixture.producer.commit = KAFKA_TRANSACTION_ABORTED;
    assert_false(delivery_finish(fixture.delivery, 60)); /* what was aborted comes again: nothing to wait for */
    close_fixture(&fixture);
}

static void a_producer_that_was_fenced_ends_the_worker(void **state)
{
    (void)state;
    struct fixture fixture;
    open_transactional(&fixture, 0);
    send(&fixture, 7);
    fixture.producer.commit = KAFKA_TRANSACTION_FATAL;
    fixture.producer.fatal = true;
    assert_int_equal(delivery_step(fixture.delivery), DELIVERY_FATAL);
    assert_false(delivery_finish(fixture.delivery, 60));
    close_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_least_once_stores_what_is_acknowledged_and_no_more),
        cmocka_unit_test(nothing_is_sent_before_the_broker_knows_the_producer),
        cmocka_unit_test(a_transaction_stays_open_until_its_time_has_come),
        cmocka_unit_test(a_commit_is_asked_for_again_with_the_same_offsets),
        cmocka_unit_test(after_an_abort_all_is_read_anew),
        cmocka_unit_test(what_was_too_large_is_remembered_until_a_commit),
        cmocka_unit_test(timestamps_that_were_refused_are_left_out_until_a_commit),
        cmocka_unit_test(partitions_that_were_lost_abort_the_transaction),
        cmocka_unit_test(the_end_commits_what_was_done),
        cmocka_unit_test(offsets_wait_for_a_transaction_that_can_not_be_opened),
        cmocka_unit_test(the_end_does_not_wait_for_ever),
        cmocka_unit_test(a_producer_that_was_fenced_ends_the_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
