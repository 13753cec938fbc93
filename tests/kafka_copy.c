/* kafka_copy.c: copies a topic to another in transactions until SIGTERM, for test_transactions.py to break.
 *
 *     kafka_copy BOOTSTRAP GROUP FROM TO TRANSACTIONAL_ID
 *
 * A copy says where it came from: "PARTITION OFFSET VALUE"; one that was too large says only "PARTITION OFFSET".
 * Prints what happens. Ends with status 3 where its client can't go on.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "kafka.h"

enum { PARTITIONS_MAX = 16, BLOCK = 200, TEXT = 8192 };

struct place {
    int32_t partition;
    int64_t offset;
};

struct copier {
    struct kafka_producer *producer;
    struct kafka_consumer *consumer;
    const char *to;
    int64_t next[PARTITIONS_MAX]; /* to be committed; -1: nothing was read */
    struct place read[BLOCK];     /* in this transaction: tokens point to them */
    size_t n_read;
    struct place too_large[BLOCK]; /* can't be written as they are; all of them, until a commit */
    size_t n_too_large;
    bool open, failed, rewinding;
};

static volatile sig_atomic_t asked_to_end;

static void ask_to_end(int signal_number)
{
    (void)signal_number;
    asked_to_end = 1;
}

static void give_up(const struct copier *copier)
{
    const char *why = kafka_producer_fatal(copier->producer);
    printf("fatal: %s\n", why ? why : kafka_consumer_fatal(copier->consumer));
    fflush(stdout);
    _Exit(3);
}

static void forget(struct copier *copier)
{
    copier->n_read = 0;
    copier->open = copier->failed = false;
    for (int i = 0; i < PARTITIONS_MAX; i++)
        copier->next[i] = -1;
}

static void note_refused(void *context, void *token, enum kafka_refusal why)
{
    struct copier *copier = context;
    const struct place *place = token;
    const bool too_large = why == KAFKA_TOO_LARGE;
    printf("refused %d:%" PRId64 "%s\n", (int)place->partition, place->offset, too_large ? " too large" : "");
    if (too_large && copier->n_too_large < BLOCK)
        copier->too_large[copier->n_too_large++] = *place;
}

static void end_transaction(struct copier *copier, bool lost)
{
    if (!copier->open)
        return;
    struct kafka_offset offsets[PARTITIONS_MAX];
    size_t n = 0;
    for (int32_t i = 0; i < PARTITIONS_MAX; i++)
        if (copier->next[i] >= 0)
            offsets[n++] = (struct kafka_offset){i, copier->next[i]};
    enum kafka_transaction outcome;
    do {
        outcome = lost ? kafka_transaction_abort(copier->producer, 1000)
                       : kafka_transaction_commit(copier->producer, copier->consumer, offsets, n, 1000);
    } while (outcome == KAFKA_TRANSACTION_RETRY && !kafka_producer_fatal(copier->producer));
    if (outcome == KAFKA_TRANSACTION_FATAL)
        give_up(copier);
    const bool committed = outcome == KAFKA_TRANSACTION_DONE && !lost;
    if (committed)
        copier->n_too_large = 0;
    else
        copier->rewinding = true;
    printf("%s %zu\n", committed ? "committed" : "aborted", copier->n_read);
    forget(copier);
}

static void take_partition(void *context, int32_t partition)
{
    (void)context;
    printf("took %d\n", (int)partition);
}

static void give_partitions(void *context, const int32_t *partitions, size_t n_partitions, bool lost)
{
    (void)partitions;
    printf("%s %zu\n", lost ? "lost" : "gave", n_partitions);
    end_transaction(context, lost);
}

static bool is_too_large(const struct copier *copier, const struct place *place)
{
    for (size_t i = 0; i < copier->n_too_large; i++)
        if (copier->too_large[i].partition == place->partition && copier->too_large[i].offset == place->offset)
            return true;
    return false;
}

static bool copy_message(void *context, const struct kafka_message *message)
{
    struct copier *copier = context;
    struct place *place = &copier->read[copier->n_read++];
    *place = (struct place){message->partition, message->offset};
    copier->next[message->partition] = message->offset + 1;
    if (copier->failed)
        return true;
    const bool too_large = is_too_large(copier, place);
    char text[TEXT];
    int size = snprintf(text, sizeof text, "%d %" PRId64, (int)place->partition, place->offset);
    if (!too_large)
        size += snprintf(text + size, sizeof text - (size_t)size, " %.*s", (int)message->value_size,
                         (const char *)message->value);
    const struct kafka_record record = {.topic = copier->to, .value = text, .value_size = (size_t)size, .token = place};
    enum kafka_outcome outcome;
    while ((outcome = kafka_producer_try(copier->producer, &record)) == KAFKA_FULL)
        kafka_producer_poll(copier->producer, 10);
    copier->failed = outcome == KAFKA_REFUSED;
    return true;
}

static void step(struct copier *copier)
{
    if (kafka_producer_fatal(copier->producer) || kafka_consumer_fatal(copier->consumer))
        give_up(copier);
    if (copier->rewinding) {
        copier->rewinding = !kafka_consumer_rewind(copier->consumer, 1000);
        if (copier->rewinding) /* no messages come yet, but events do */
            kafka_consumer_serve(copier->consumer, 0, 1, copy_message, copier);
        return;
    }
    if (!copier->open && !(copier->open = kafka_transaction_begin(copier->producer))) {
        kafka_producer_poll(copier->producer, 100);
        return;
    }
    kafka_consumer_serve(copier->consumer, 100, BLOCK, copy_message, copier);
    if (copier->n_read > 0)
        end_transaction(copier, false);
    kafka_producer_poll(copier->producer, 0);
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    signal(SIGTERM, ask_to_end);
    setvbuf(stdout, NULL, _IOLBF, 0); /* the test reads along */
    char why[512] = "";
    struct copier copier = {.to = argv[4]};
    struct kafka_property quick[] = {{.name = "session.timeout.ms", .value = "6000"}}; /* who was killed is missed */
    const struct kafka_cluster cluster = {.bootstrap = argv[1], .properties = quick, .n_properties = 1};
    const struct kafka_producer_options sending = {.transactional_id = argv[5]};
    const struct kafka_consumer_options reading = {.group = argv[2], .topic = argv[3], .transactional = true};
    const struct kafka_events events = {take_partition, give_partitions, &copier};
    forget(&copier);
    copier.producer = kafka_producer_new(&cluster, &sending, why, sizeof why);
    enum kafka_transaction outcome = KAFKA_TRANSACTION_FATAL;
    if (copier.producer) {
        kafka_producer_on_refusal(copier.producer, note_refused, &copier);
        while ((outcome = kafka_transaction_init(copier.producer, 1000)) == KAFKA_TRANSACTION_RETRY)
            ;
    }
    copier.consumer =
        outcome == KAFKA_TRANSACTION_DONE ? kafka_consumer_new(&cluster, &reading, &events, why, sizeof why) : NULL;
    if (!copier.consumer) {
        printf("not begun: %s\n", copier.producer ? kafka_producer_fatal(copier.producer) : why);
        return 1;
    }
    while (!asked_to_end)
        step(&copier);
    end_transaction(&copier, false);
    kafka_consumer_close(copier.consumer, 8000);
    kafka_producer_close(copier.producer, 1000);
    return 0;
}
