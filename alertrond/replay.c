/* replay.c: `alertrond replay`: puts dead letters back, a batch a transaction: what it writes and how far the group has
 * come count together, or not at all. */
#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "command.h"
#include "progress.h"
#include "stop.h"
#include "why.h"

#define WHY_BYTES 512
#define BATCH_LETTERS 1000u
#define BATCH_BYTES ((size_t)4 << 20) /* of values; one that is larger is a batch of its own */
#define BATCH_SECONDS 3.0             /* far below transaction.timeout.ms */
#define ANSWER_MS 15000               /* for what the broker is asked at the beginning */
#define SERVE_MS 100
#define COMMIT_MS 5000        /* at a time */
#define PATIENCE_SECONDS 60.0 /* without an answer, or a letter */
#define ATTEMPTS 5u           /* for a batch that was refused */
#define CLOSE_MS 5000

/* How far it has come; a batch that does not count goes back to what was before. */
struct place {
    struct kafka_offset *next; /* of each of the places */
    struct replay_tally tally;
};

struct replay {
    const struct replay_flags *flags;
    struct kafka_consumer *consumer;
    struct kafka_producer *producer; /* NULL: a dry run */
    struct kafka_topics *topics;
    struct kafka_range *ranges; /* those that have something to be read, n; then others whose place is renewed */
    size_t n, n_places;
    struct place now, before; /* before: the batch */
    size_t batch_letters, batch_bytes;
    double batch_begun; /* when */
    double heard;       /* when a letter came last, or a batch was committed */
    bool ended;         /* the limit is reached, or `why` says what is wrong */
    bool batch_full;
    struct progress progress;
    char why[WHY_BYTES];
};

static bool is_over(double since)
{
    return clock_seconds() - since > PATIENCE_SECONDS;
}

/* Always false. */
static bool fail(struct replay *replay, const char *what, const char *why)
{
    replay->ended = true;
    return why_say(replay->why, sizeof replay->why, "%s%s%s", what, *what ? ": " : "", why);
}

/* ---- one letter ---- */

static bool send(struct replay *replay, const struct kafka_record *record)
{
    const double start = clock_seconds();
    enum kafka_outcome outcome;
    while ((outcome = kafka_producer_try(replay->producer, record)) == KAFKA_FULL && !is_over(start))
        kafka_producer_poll(replay->producer, SERVE_MS);
    replay->batch_full = replay->batch_full || outcome != KAFKA_SENT; /* its commit will say why */
    return outcome == KAFKA_SENT;
}

static bool put_back(struct replay *replay, const struct kafka_message *message, const struct letter *letter,
                     const struct kafka_headers *headers, const char *target)
{
    if (!replay->producer) {
        replay_report_example(&replay->now.tally, letter, target, message);
        return true;
    }
    struct kafka_headers *own = kafka_headers_first(headers, letter->n_own);
    const struct kafka_record record = {.topic = target,
                                        .key = message->key,
                                        .key_size = message->key_size,
                                        .value = message->value,
                                        .value_size = message->value_size,
                                        .timestamp = letter->timestamp,
                                        .first_headers = own};
    const bool sent = send(replay, &record);
    kafka_headers_free(own);
    replay->batch_letters++;
    replay->batch_bytes += message->value_size;
    return sent;
}

/* A topic that is not there is not to be made by writing to it, as brokers do. */
static bool check_target(struct replay *replay, const struct kafka_message *message, const char *target)
{
    if (kafka_topics_have(replay->topics, target))
        return true;
    replay->ended = true;
    return why_say(replay->why, sizeof replay->why,
                   "topic %s is not there, which the letter at offset %lld of partition %d is to go to; make it, or "
                   "name another with --topic",
                   target, (long long)message->offset, (int)message->partition);
}

/* False where the letter was not dealt with. */
static bool deal(struct replay *replay, const struct kafka_message *message, const struct kafka_headers *headers)
{
    const struct replay_flags *flags = replay->flags;
    struct replay_tally *tally = &replay->now.tally;
    struct letter letter;
    letter_read(&letter, headers);
    if (letter.timestamp == 0)
        letter.timestamp = message->timestamp;
    const size_t reason = letters_reason(letter.reason);
    const char *target = flags->topic ? flags->topic : letter.topic;
    if (!letters_chosen(&flags->choice, reason, message->offset, letter.timestamp)) {
        tally->left[reason]++;
    } else if (letter.cut) {
        tally->cut++;
    } else if (!*target) {
        tally->homeless++;
    } else {
        if (!check_target(replay, message, target) || !put_back(replay, message, &letter, headers, target))
            return false;
        tally->put[reason]++;
    }
    return true;
}

static size_t find_range(const struct replay *replay, int32_t partition)
{
    size_t i = 0;
    while (i < replay->n && replay->ranges[i].partition != partition)
        i++;
    return i;
}

static bool take(void *context, const struct kafka_message *message)
{
    struct replay *replay = context;
    const size_t i = find_range(replay, message->partition);
    replay->heard = clock_seconds();
    if (i == replay->n)
        return true;
    struct kafka_offset *next = &replay->now.next[i];
    if (message->offset >= replay->ranges[i].end) {
        next->offset = replay->ranges[i].end; /* written since the beginning */
        return true;
    }
    struct kafka_headers *headers = kafka_message_headers(message);
    const bool done = deal(replay, message, headers);
    kafka_headers_free(headers);
    if (!done)
        return false;
    next->offset = message->offset + 1;
    replay->ended = replay->flags->limit > 0 && replay_put(&replay->now.tally) >= (uint64_t)replay->flags->limit;
    replay->batch_full =
        replay->batch_full || replay->batch_letters >= BATCH_LETTERS || replay->batch_bytes >= BATCH_BYTES;
    return !replay->ended && !replay->batch_full;
}

/* ---- one batch ---- */

static bool all_read(struct replay *replay)
{
    bool all = true;
    for (size_t i = 0; i < replay->n; i++) {
        struct kafka_offset *next = &replay->now.next[i];
        /* What lies behind the last letter are marks of transactions, or what was compacted. */
        if (kafka_ranges_at_end(replay->consumer, next->partition))
            next->offset = replay->ranges[i].end;
        all = all && next->offset >= replay->ranges[i].end;
    }
    return all;
}

static void copy_place(const struct replay *replay, struct place *to, const struct place *from)
{
    memcpy(to->next, from->next, replay->n_places * sizeof *to->next);
    to->tally = from->tally;
}

/* Reads until the batch is full, or there is nothing more. */
static void read_batch(struct replay *replay)
{
    replay->batch_letters = replay->batch_bytes = 0;
    replay->batch_full = false;
    replay->batch_begun = clock_seconds();
    while (!replay->ended && !replay->batch_full && !stop_asked() && !all_read(replay)) {
        kafka_consumer_serve(replay->consumer, SERVE_MS, BATCH_LETTERS, take, replay);
        progress_at(&replay->progress, (size_t)replay_put(&replay->now.tally));
        if (replay->producer)
            kafka_producer_poll(replay->producer, 0);
        if (is_over(replay->heard))
            fail(replay, replay->flags->letters,
                 *kafka_consumer_trouble(replay->consumer) ? kafka_consumer_trouble(replay->consumer)
                                                           : "no letter came for a minute, though there are some");
        if (clock_seconds() - replay->batch_begun > BATCH_SECONDS)
            return;
    }
}

/* Waits while the client wants no new transaction: a second after one was refused. */
static bool begin_batch(struct replay *replay)
{
    const double start = clock_seconds();
    while (!kafka_transaction_begin(replay->producer)) {
        if (kafka_producer_fatal(replay->producer))
            return fail(replay, "", kafka_producer_fatal(replay->producer));
        if (is_over(start))
            return fail(replay, "no transaction could be begun", kafka_producer_trouble(replay->producer));
        kafka_producer_poll(replay->producer, SERVE_MS);
    }
    return true;
}

static enum kafka_transaction commit_batch(struct replay *replay)
{
    const double start = clock_seconds();
    enum kafka_transaction outcome;
    do
        outcome =
            kafka_transaction_commit(replay->producer, replay->consumer, replay->now.next, replay->n_places, COMMIT_MS);
    while (outcome == KAFKA_TRANSACTION_RETRY && !is_over(start));
    if (outcome == KAFKA_TRANSACTION_FATAL)
        fail(replay, "", kafka_producer_fatal(replay->producer));
    else if (outcome == KAFKA_TRANSACTION_RETRY)
        fail(replay, "the broker did not answer for a minute",
             "the last batch counts wholly, or not at all; begin again");
    return outcome;
}

/* Nothing of the batch counts: reads it anew. */
static bool go_back(struct replay *replay)
{
    copy_place(replay, &replay->now, &replay->before);
    for (size_t i = 0; i < replay->n; i++)
        replay->ranges[i].first = replay->now.next[i].offset;
    replay->ended = false;
    return kafka_ranges_begin(replay->consumer, replay->ranges, replay->n, replay->why, sizeof replay->why);
}

/* Returns whether to go on. */
static bool run_batch(struct replay *replay, unsigned *refusals)
{
    copy_place(replay, &replay->before, &replay->now);
    if (replay->producer && !begin_batch(replay))
        return false;
    read_batch(replay);
    if (!replay->producer)
        return !replay->ended;
    if (*replay->why) { /* closing the producer aborts the batch */
        copy_place(replay, &replay->now, &replay->before);
        return false;
    }
    switch (commit_batch(replay)) {
    case KAFKA_TRANSACTION_DONE:
        *refusals = 0;
        replay->heard = replay->batch_letters > 0 ? clock_seconds() : replay->heard;
        return !replay->ended;
    case KAFKA_TRANSACTION_ABORTED:
        if (++*refusals < ATTEMPTS && !stop_asked())
            return go_back(replay);
        fail(replay, "nothing of the last batch was put back",
             *kafka_producer_trouble(replay->producer) ? kafka_producer_trouble(replay->producer)
                                                       : "its transaction was aborted; begin again");
        /* fall through */
    default:
        copy_place(replay, &replay->now, &replay->before);
        return false;
    }
}

/* ---- beginning and end ---- */

/* What of a partition is to be read, as `first` and `end`. */
static bool choose_range(struct replay *replay, struct kafka_range *range)
{
    const struct replay_flags *flags = replay->flags;
    const struct letters_bound *until = &flags->choice.until;
    if (flags->partition >= 0 && range->partition != flags->partition)
        range->end = range->first;
    if (range->committed > range->end && range->end > range->first) {
        char text[160];
        snprintf(text, sizeof text,
                 "group %s has come to offset %lld of partition %d, which ends at %lld: it was made anew; give "
                 "another --group",
                 flags->group, (long long)range->committed, (int)range->partition, (long long)range->end);
        return fail(replay, flags->letters, text);
    }
    if (range->committed > range->first)
        range->first = range->committed;
    if (until->kind == LETTERS_OFFSET && until->value < range->end)
        range->end = until->value;
    return true;
}

/* Kafka forgets each place some days after it was committed last, as the group has no members: so all of them are
 * committed each time. But a partition that is not chosen, and holds letters, gets none, which would hide that it was
 * forgotten. */
static bool choose_ranges(struct replay *replay, size_t n_all)
{
    if (replay->flags->partition >= (int64_t)n_all)
        return fail(replay, replay->flags->letters, "it has no such --partition");
    for (size_t i = 0; i < n_all; i++) {
        struct kafka_range range = replay->ranges[i];
        const bool has_place = range.committed >= 0 || range.first == range.end;
        if (!choose_range(replay, &range))
            return false;
        if (range.first < range.end) {
            replay->ranges[replay->n_places++] = replay->ranges[replay->n];
            replay->ranges[replay->n++] = range;
        } else if (has_place) {
            replay->ranges[replay->n_places++] = range;
        }
    }
    replay->now.next = calloc(replay->n_places + 1, sizeof *replay->now.next);
    replay->before.next = calloc(replay->n_places + 1, sizeof *replay->before.next);
    if (!replay->now.next || !replay->before.next)
        return fail(replay, "", "out of memory");
    for (size_t i = 0; i < replay->n_places; i++)
        replay->now.next[i] = (struct kafka_offset){replay->ranges[i].partition, replay->ranges[i].first};
    return true;
}

static void tell_of_no_place(const struct replay *replay)
{
    size_t n = 0;
    for (size_t i = 0; i < replay->n; i++)
        n += replay->ranges[i].committed < 0;
    if (n > 0)
        fprintf(stderr,
                "alertrond replay: group %s has no place in %zu partition%s of %s: it is new there, or Kafka has "
                "forgotten it (offsets.retention.minutes); it begins at the first letter, whatever it has put back "
                "before\n",
                replay->flags->group, n, n == 1 ? "" : "s", replay->flags->letters);
}

static bool open_consumer(struct replay *replay)
{
    const struct kafka_cluster cluster = kafka_flags_cluster(&replay->flags->cluster);
    const struct kafka_consumer_options options = {.group = replay->flags->group,
                                                   .topic = replay->flags->letters,
                                                   .client_id = "alertrond-replay",
                                                   .transactional = true,
                                                   .alone = true};
    replay->consumer = kafka_consumer_new(&cluster, &options, NULL, replay->why, sizeof replay->why);
    return replay->consumer != NULL;
}

/* Ends what an earlier one of the same group has left open, and keeps it from going on; so it comes before the group's
 * offsets are read. */
static bool open_producer(struct replay *replay)
{
    const struct kafka_cluster cluster = kafka_flags_cluster(&replay->flags->cluster);
    char id[512];
    snprintf(id, sizeof id, "%s.%s", replay->flags->group, replay->flags->letters);
    const struct kafka_producer_options options = {.client_id = "alertrond-replay", .transactional_id = id};
    replay->producer = kafka_producer_new(&cluster, &options, replay->why, sizeof replay->why);
    if (!replay->producer)
        return false;
    const double start = clock_seconds();
    enum kafka_transaction outcome;
    do
        outcome = kafka_transaction_init(replay->producer, 1000);
    while (outcome == KAFKA_TRANSACTION_RETRY && !stop_asked() && !is_over(start));
    return outcome == KAFKA_TRANSACTION_DONE ||
           fail(replay, "no transactions",
                outcome == KAFKA_TRANSACTION_FATAL ? kafka_producer_fatal(replay->producer)
                                                   : "the broker does not answer");
}

static bool begin(struct replay *replay)
{
    size_t n_all = 0;
    if (!open_consumer(replay) ||
        !(replay->topics = kafka_topics_read(replay->consumer, ANSWER_MS, replay->why, sizeof replay->why)) ||
        (!replay->flags->dry_run && !open_producer(replay)))
        return false;
    replay->ranges = kafka_ranges_read(replay->consumer, &n_all, ANSWER_MS, replay->why, sizeof replay->why);
    return replay->ranges && choose_ranges(replay, n_all) &&
           kafka_ranges_begin(replay->consumer, replay->ranges, replay->n, replay->why, sizeof replay->why);
}

static void end(struct replay *replay)
{
    if (replay->producer)
        kafka_producer_close(replay->producer, 0);
    kafka_topics_free(replay->topics);
    if (replay->consumer)
        kafka_consumer_close(replay->consumer, CLOSE_MS);
    free(replay->ranges);
    free(replay->now.next);
    free(replay->before.next);
}

static int run(struct replay *replay)
{
    unsigned refusals = 0;
    const double start = replay->heard = clock_seconds();
    replay->progress = progress_begin(replay->flags->dry_run ? "would put back" : "put back", true);
    replay->progress.unit = "dead letters";
    stop_catch_signals(); /* the batch at hand is finished; a second one loses and doubles nothing either */
    const bool begun = begin(replay);
    if (begun) {
        replay->why[0] = 0; /* librdkafka writes there also where all is well */
        tell_of_no_place(replay);
    }
    bool more = begun && !stop_asked(); /* a batch of nothing renews the places, too */
    while (more)
        more = run_batch(replay, &refusals) && !stop_asked() && !all_read(replay);
    progress_end(&replay->progress);
    if (begun)
        replay_report(replay->flags, &replay->now.tally, clock_seconds() - start);
    const bool done = begun && !*replay->why && !stop_asked();
    if (*replay->why)
        fprintf(stderr, "alertrond replay: %s: %s\n", replay->flags->cluster.bootstrap, replay->why);
    else if (stop_asked())
        fprintf(stderr, "alertrond replay: stopped; begin again to go on\n");
    end(replay);
    return done ? 0 : 1;
}

int command_replay(int argc, char **argv)
{
    struct replay_flags flags;
    const enum options_outcome outcome = replay_flags_read(&flags, argc, argv);
    struct replay replay = {.flags = &flags};
    const int status = outcome == OPTIONS_RUN ? run(&replay) : options_status(outcome);
    kafka_flags_free(&flags.cluster);
    return status;
}
