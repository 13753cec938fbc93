/* delivery.c: how what a worker has done becomes final. */
#include "delivery.h"

#include <stdlib.h>

#include "clock.h"
#include "log.h"

/* A commit asks brokers for three things in turn, and begins anew where the time of a call was too little for them. */
enum { CALL_MS = 6000, LEAST_MS = 20, ABANDON_MS = 500, IDLE_COMMIT_MS = 1000, POLL_MS = 20, TOO_LARGE_MAX = 1024 };

enum phase {
    STORING,    /* at least once: no transactions */
    BEGINNING,  /* the broker has not made the producer's id known to it yet */
    IDLE,       /* no transaction is open */
    OPEN,       /* outputs have been sent in one */
    COMMITTING, /* its commit was begun */
    ABORTING,
    REWINDING /* it was aborted, and the partitions are to be read anew */
};

struct delivery {
    const struct config *config;
    struct metrics *metrics;
    struct kafka_producer *producer;
    struct kafka_consumer *consumer;
    struct offsets *offsets;
    enum phase phase;
    double committed, commit_began, waits_since;
    struct kafka_offset *to_commit;
    size_t n_to_commit, to_commit_max;
    struct kafka_offset too_large[TOO_LARGE_MAX]; /* messages whose outputs were refused since the last commit */
    size_t n_too_large;
    bool timestamps_refused; /* since the last commit */
    bool rewound;            /* and nobody has been told */
};

/* A message more than there is room for is told again, once others have been committed. */
static void note_refused(void *context, void *token, enum kafka_refusal why)
{
    struct delivery *delivery = context;
    delivery->timestamps_refused = delivery->timestamps_refused || why == KAFKA_TIMESTAMP;
    if (why != KAFKA_TOO_LARGE || delivery->n_too_large == TOO_LARGE_MAX)
        return;
    struct kafka_offset *place = &delivery->too_large[delivery->n_too_large++];
    offsets_place(token, &place->partition, &place->offset);
}

bool delivery_was_too_large(const struct delivery *delivery, int32_t partition, int64_t offset)
{
    for (size_t i = 0; i < delivery->n_too_large; i++)
        if (delivery->too_large[i].partition == partition && delivery->too_large[i].offset == offset)
            return true;
    return false;
}

bool delivery_refuses_timestamps(const struct delivery *delivery)
{
    return delivery->timestamps_refused;
}

struct delivery *delivery_new(const struct config *config, struct metrics *metrics, struct kafka_producer *producer,
                              struct offsets *offsets)
{
    struct delivery *delivery = calloc(1, sizeof *delivery);
    if (!delivery)
        return NULL;
    *delivery = (struct delivery){.config = config,
                                  .metrics = metrics,
                                  .producer = producer,
                                  .offsets = offsets,
                                  .phase = config->kafka.delivery == DELIVERY_EXACTLY_ONCE ? BEGINNING : STORING};
    kafka_producer_on_refusal(producer, note_refused, delivery);
    return delivery;
}

void delivery_free(struct delivery *delivery)
{
    if (!delivery)
        return;
    free(delivery->to_commit);
    free(delivery);
}

void delivery_join(struct delivery *delivery, struct kafka_consumer *consumer)
{
    delivery->consumer = consumer;
}

double delivery_waits_since(const struct delivery *delivery)
{
    return delivery->waits_since;
}

/* --- at least once ----------------------------------------------------------------------------------------- */

static void store_offset(void *context, int32_t partition, int64_t offset)
{
    struct delivery *delivery = context;
    kafka_consumer_store(delivery->consumer, partition, offset);
}

static void store_offsets(struct delivery *delivery)
{
    kafka_producer_poll(delivery->producer, 0);
    offsets_each_risen(delivery->offsets, store_offset, delivery);
}

/* --- exactly once: transactions ------------------------------------------------------------------------------ */

bool delivery_open(struct delivery *delivery)
{
    if (delivery->phase == IDLE && kafka_transaction_begin(delivery->producer))
        delivery->phase = OPEN;
    return delivery->phase == OPEN || delivery->phase == STORING;
}

/* Makes room for n offsets: one left out would be its readings' outputs twice. */
static bool reserve(struct delivery *delivery, size_t n)
{
    if (n <= delivery->to_commit_max)
        return true;
    struct kafka_offset *grown = realloc(delivery->to_commit, n * sizeof *grown);
    if (!grown)
        return false;
    delivery->to_commit = grown;
    delivery->to_commit_max = n;
    return true;
}

static void add_offset(void *context, int32_t partition, int64_t offset)
{
    struct delivery *delivery = context;
    delivery->to_commit[delivery->n_to_commit++] = (struct kafka_offset){.partition = partition, .offset = offset};
}

/* A transaction without outputs only moves offsets on, which is not urgent. */
static bool is_due(const struct delivery *delivery, double now)
{
    const double ms = (now - delivery->committed) * 1e3;
    if (delivery->phase == OPEN)
        return ms >= (double)delivery->config->kafka.transaction_ms || offsets_room(delivery->offsets) == 0;
    return ms >= IDLE_COMMIT_MS;
}

/* Where no transaction can be opened, or there is no memory, nothing has changed: it is tried again when it is due. */
static void begin_commit(struct delivery *delivery, double now)
{
    delivery->committed = delivery->commit_began = now;
    const size_t n = offsets_passed(delivery->offsets);
    if ((n == 0 && delivery->phase == IDLE) || !reserve(delivery, n) || !delivery_open(delivery))
        return;
    delivery->n_to_commit = 0;
    offsets_each_passed(delivery->offsets, add_offset, delivery);
    delivery->phase = COMMITTING;
}

static void note_abort(struct delivery *delivery)
{
    delivery->phase = REWINDING;
    alertron_counter_add(delivery->metrics->transactions_aborted, 1);
}

static void go_on_committing(struct delivery *delivery, int timeout_ms)
{
    switch (kafka_transaction_commit(delivery->producer, delivery->consumer, delivery->to_commit, delivery->n_to_commit,
                                     timeout_ms)) {
    case KAFKA_TRANSACTION_DONE:
        delivery->phase = IDLE;
        delivery->n_too_large = 0;
        delivery->timestamps_refused = false;
        alertron_counter_add(delivery->metrics->transactions_committed, 1);
        alertron_histogram_observe(delivery->metrics->transaction_seconds, clock_seconds() - delivery->commit_began, 1);
        break;
    case KAFKA_TRANSACTION_ABORTED:
        note_abort(delivery);
        break;
    case KAFKA_TRANSACTION_RETRY:
    case KAFKA_TRANSACTION_FATAL:
        break;
    }
}

static void go_on_aborting(struct delivery *delivery, int timeout_ms)
{
    if (kafka_transaction_abort(delivery->producer, timeout_ms) != KAFKA_TRANSACTION_DONE)
        return;
    note_abort(delivery);
}

static void go_on_rewinding(struct delivery *delivery, int timeout_ms)
{
    if (!kafka_consumer_rewind(delivery->consumer, timeout_ms))
        return;
    offsets_restart(delivery->offsets);
    delivery->phase = IDLE;
    delivery->rewound = true;
    delivery->committed = clock_seconds();
}

/* Where it waits for a broker, it waits up to timeout_ms. */
static void go_on(struct delivery *delivery, int timeout_ms)
{
    switch (delivery->phase) {
    case BEGINNING:
        if (kafka_transaction_init(delivery->producer, timeout_ms) == KAFKA_TRANSACTION_DONE)
            delivery->phase = IDLE;
        break;
    case IDLE:
    case OPEN:
        kafka_producer_poll(delivery->producer, 0);
        break;
    case COMMITTING:
        go_on_committing(delivery, timeout_ms);
        break;
    case ABORTING:
        go_on_aborting(delivery, timeout_ms);
        break;
    case REWINDING:
        go_on_rewinding(delivery, timeout_ms);
        break;
    case STORING:
        store_offsets(delivery);
        break;
    }
}

static bool waits(const struct delivery *delivery)
{
    return delivery->phase == BEGINNING || delivery->phase == COMMITTING || delivery->phase == ABORTING ||
           delivery->phase == REWINDING;
}

bool delivery_take_rewound(struct delivery *delivery)
{
    const bool rewound = delivery->rewound;
    delivery->rewound = false;
    return rewound;
}

enum delivery_state delivery_step(struct delivery *delivery)
{
    const double now = clock_seconds();
    if ((delivery->phase == IDLE || delivery->phase == OPEN) && is_due(delivery, now))
        begin_commit(delivery, now);
    go_on(delivery, CALL_MS);
    if (kafka_producer_fatal(delivery->producer))
        return DELIVERY_FATAL;
    if (!waits(delivery))
        delivery->waits_since = 0;
    else if (delivery->waits_since <= 0)
        delivery->waits_since = now;
    if (delivery_take_rewound(delivery))
        return DELIVERY_REWOUND;
    return waits(delivery) ? DELIVERY_WAITS : DELIVERY_FLOWS;
}

/* Whether all that was passed is final. */
static bool is_done(const struct delivery *delivery)
{
    return delivery->phase == STORING ? offsets_waiting(delivery->offsets) == 0
                                      : delivery->phase == IDLE && offsets_passed(delivery->offsets) == 0;
}

bool delivery_finish(struct delivery *delivery, double seconds)
{
    const double deadline = clock_seconds() + seconds;
    for (;;) {
        const double left = (deadline - clock_seconds()) * 1e3;
        if (delivery->phase == IDLE || delivery->phase == OPEN)
            begin_commit(delivery, clock_seconds());
        go_on(delivery, left < CALL_MS ? left > LEAST_MS ? (int)left : LEAST_MS : CALL_MS);
        if (is_done(delivery) || delivery->phase == REWINDING || kafka_producer_fatal(delivery->producer) ||
            clock_seconds() >= deadline)
            break;
        if (!waits(delivery))
            kafka_producer_poll(delivery->producer, POLL_MS);
    }
    if (delivery->phase == STORING)
        store_offsets(delivery);
    const bool finished = is_done(delivery) && !delivery->rewound;
    if (!finished) {
        delivery_abandon(delivery);
        go_on(delivery, ABANDON_MS);
    }
    return finished;
}

void delivery_abandon(struct delivery *delivery)
{
    /* Offsets that were not sent yet would be sent as those of a member that it is now, for partitions that are
     * another's; behind that, the broker alone knows whether the commit came in time. */
    if (delivery->phase == OPEN || (delivery->phase == COMMITTING && kafka_transaction_may_abort(delivery->producer)))
        delivery->phase = ABORTING;
}
