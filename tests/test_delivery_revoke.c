/* test_delivery_revoke.c: how what a worker has done becomes final with transactions. The Kafka room is a stand-in
 * whose answers each test says beforehand.
 */
#include "delivery.h"

#include "support.h"

static struct {
    enum kafka_transaction commit, abort;
    bool may_abort, rewinds;
    int commits, aborts, rewound;
} kafka;

enum kafka_transaction kafka_transaction_init(struct kafka_producer *producer, int timeout_ms)
{
    (void)producer;
    (void)timeout_ms;
    return KAFKA_TRANSACTION_DONE;
}

bool kafka_transaction_begin(struct kafka_producer *producer)
{
    (void)producer;
    return true;
}

enum kafka_transaction kafka_transaction_commit(struct kafka_producer *producer, struct kafka_consumer *consumer,
                                                const struct kafka_offset *offsets, size_t n, int timeout_ms)
{
    (void)producer;
    (void)consumer;
    (void)offsets;
    (void)n;
    (void)timeout_ms;
    kafka.commits++;
    return kafka.commit;
}

enum kafka_transaction kafka_transaction_abort(struct kafka_producer *producer, int timeout_ms)
{
    (void)producer;
    (void)timeout_ms;
    kafka.aborts++;
    return kafka.abort;
}

bool kafka_transaction_may_abort(const struct kafka_producer *producer)
{
    (void)producer;
    return kafka.may_abort;
}

bool kafka_consumer_rewind(struct kafka_consumer *consumer, int timeout_ms)
{
    (void)consumer;
    (void)timeout_ms;
    kafka.rewound += kafka.rewinds;
    return kafka.rewinds;
}

void kafka_consumer_store(struct kafka_consumer *consumer, int32_t partition, int64_t offset)
{
    (void)consumer;
    (void)partition;
    (void)offset;
}

void kafka_producer_on_refusal(struct kafka_producer *producer,
                               void (*refused)(void *context, void *token, enum kafka_refusal why), void *context)
{
    (void)producer;
    (void)refused;
    (void)context;
}

void kafka_producer_poll(struct kafka_producer *producer, int timeout_ms)
{
    (void)producer;
    (void)timeout_ms;
}

const char *kafka_producer_fatal(const struct kafka_producer *producer)
{
    (void)producer;
    return NULL;
}

struct desk {
    struct config config;
    struct metrics metrics;
    struct offsets *offsets;
    struct delivery *delivery;
};

/* A reading of partition 0 has had an output in a transaction that is open. */
static int setup(void **state)
{
    static struct desk desk;
    static const double bound = 1;
    desk = (struct desk){.config.kafka = {.delivery = DELIVERY_EXACTLY_ONCE, .transaction_ms = 1000000}};
    struct metrics *metrics = &desk.metrics;
    metrics->registry = alertron_registry_new(NULL, NULL, NULL);
    metrics->transactions_committed = metrics->transactions_aborted =
        alertron_counter_with(alertron_registry_counter(metrics->registry, "a_total", "a", NULL, 0, NULL), NULL);
    metrics->transaction_seconds = alertron_histogram_with(
        alertron_registry_histogram(metrics->registry, "b", "b", NULL, 0, &bound, 1, NULL), NULL);
    desk.offsets = offsets_new(4);
    desk.delivery = delivery_new(&desk.config, metrics, NULL, desk.offsets);
    kafka.commit = KAFKA_TRANSACTION_DONE;
    kafka.abort = KAFKA_TRANSACTION_DONE;
    kafka.may_abort = kafka.rewinds = true;
    assert_int_equal(delivery_step(desk.delivery), DELIVERY_FLOWS);
    assert_true(offsets_assign(desk.offsets, 0));
    assert_true(delivery_open(desk.delivery));
    assert_non_null(offsets_begin(desk.offsets, 0, 7));
    offsets_pass(desk.offsets, 0, 7);
    kafka.commits = kafka.aborts = kafka.rewound = 0;
    *state = &desk;
    return 0;
}

static int teardown(void **state)
{
    struct desk *desk = *state;
    delivery_free(desk->delivery);
    offsets_free(desk->offsets);
    alertron_registry_free(desk->metrics.registry);
    return 0;
}

static void what_is_committed_counts(void **state)
{
    struct desk *desk = *state;
    assert_true(delivery_finish(desk->delivery, 1));
    assert_int_equal(kafka.commits, 1);
    assert_int_equal(kafka.aborts, 0);
    assert_false(delivery_take_rewound(desk->delivery));
    assert_int_equal(delivery_step(desk->delivery), DELIVERY_FLOWS);
}

/* Else what is at hand of partitions that stay would be sent, and then again when it is read anew. */
static void a_commit_that_is_aborted_at_the_end_is_told(void **state)
{
    struct desk *desk = *state;
    kafka.commit = KAFKA_TRANSACTION_ABORTED;
    assert_false(delivery_finish(desk->delivery, 1));
    assert_int_equal(kafka.rewound, 1);
    assert_int_equal(offsets_waiting(desk->offsets), 0);
    assert_true(delivery_take_rewound(desk->delivery));
    assert_false(delivery_take_rewound(desk->delivery));
    assert_int_equal(delivery_step(desk->delivery), DELIVERY_FLOWS);
}

/* The broker is slow to say where the partitions are to begin, and answers when they are about to go. */
static void what_was_aborted_before_the_end_is_told(void **state)
{
    struct desk *desk = *state;
    kafka.rewinds = false;
    delivery_abandon(desk->delivery);
    assert_int_equal(delivery_step(desk->delivery), DELIVERY_WAITS);
    assert_int_equal(delivery_step(desk->delivery), DELIVERY_WAITS);
    assert_int_equal(kafka.aborts, 1);
    kafka.rewinds = true;
    assert_false(delivery_finish(desk->delivery, 1));
    assert_true(delivery_take_rewound(desk->delivery));
}

static void a_step_that_rewinds_tells_so_once(void **state)
{
    struct desk *desk = *state;
    delivery_abandon(desk->delivery);
    assert_int_equal(delivery_step(desk->delivery), DELIVERY_WAITS);
    assert_int_equal(delivery_step(desk->delivery), DELIVERY_REWOUND);
    assert_false(delivery_take_rewound(desk->delivery));
    assert_int_equal(delivery_step(desk->delivery), DELIVERY_FLOWS);
}

/* The offsets would be sent later, by a member that does not have the partition any more. */
static void a_commit_that_can_be_given_up_is(void **state)
{
    struct desk *desk = *state;
    kafka.commit = KAFKA_TRANSACTION_RETRY;
    assert_false(delivery_finish(desk->delivery, 0.01));
    assert_int_equal(kafka.aborts, 1);
    const int commits = kafka.commits;
    assert_int_equal(delivery_step(desk->delivery), DELIVERY_REWOUND);
    assert_int_equal(kafka.commits, commits);
}

static void a_commit_that_may_have_come_in_time_goes_on(void **state)
{
    struct desk *desk = *state;
    kafka.commit = KAFKA_TRANSACTION_RETRY;
    kafka.may_abort = false;
    assert_false(delivery_finish(desk->delivery, 0.01));
    kafka.commit = KAFKA_TRANSACTION_DONE;
    assert_int_equal(delivery_step(desk->delivery), DELIVERY_FLOWS);
    assert_int_equal(kafka.aborts, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_committed_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_commit_that_is_aborted_at_the_end_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_aborted_before_the_end_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_step_that_rewinds_tells_so_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_commit_that_can_be_given_up_is, setup, teardown),
        cmocka_unit_test_setup_teardown(a_commit_that_may_have_come_in_time_goes_on, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
