/* pipeline.c: the flow from Kafka to Kafka of one worker.
 *
 *     messages -> block -> decode -> score -> judge -> anomaly, dead letter or nothing -> offset
 *
 * A block ends when it is full or no more messages are at hand, never by waiting. Where an output can't be queued
 * the block stays as it is, consuming pauses, and the next step goes on from that reading.
 */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "block.h"
#include "clock.h"
#include "delivery.h"
#include "kafka.h"
#include "log.h"
#include "offsets.h"
#include "outputs.h"
#include "watch.h"
#include "why.h"

enum { REVOKE_SECONDS = 10, STALL_SECONDS = 10, CLOSE_MS = 5000, WAIT_MS = 20 };

struct pipeline {
    const struct config *config;
    struct scorer *scorer;
    struct metrics *metrics;
    struct kafka_producer *producer;
    struct kafka_consumer *consumer;
    struct offsets *offsets;
    struct delivery *delivery;
    struct outputs outputs;
    struct watch *watch;
    struct block *block;
    const struct reading_shape *shape; /* of the block's readings */
    alertron_counter_child *consumed;  /* of our topic */
    double stalled_since;              /* 0: outputs flow */
    double stranded_since;             /* 0: has partitions, never had any, or knows of no reason why not */
    uint64_t consumer_errors_shown, producer_errors_shown, rebalances_shown;
    size_t n_new; /* of the block: counted */
    size_t n_partitions;
    uint64_t lag;        /* of all partitions, being added up */
    bool had_partitions; /* this consumer */
    bool closing, finished, cannot_join;
    char *client_id;
    char trouble[640];
};

/* --- deal with a block --------------------------------------------------------------------------------- */

static void count(struct pipeline *pipeline, const struct item *item, const struct verdict *verdict, double now)
{
    if (item->letter)
        alertron_counter_add(pipeline->metrics->dead_letters_of[item->letter->fault], 1);
    else
        scorer_count(pipeline->scorer, item->device_id, item->n_device_id, item->hash, verdict, now);
    pipeline->n_new++;
}

/* Deals with one message. False where its output can't be queued now; then nothing has been counted. */
static bool finish_item(struct pipeline *pipeline, const struct item *item, double now)
{
    struct verdict verdict = {0};
    if (!item->letter)
        verdict = scorer_grade(pipeline->scorer, item->score, item->by_candidate,
                               &pipeline->block->explanations[item - pipeline->block->items]);
    if (item->letter ? !outputs_send_letter(&pipeline->outputs, item)
                     : verdict.anomaly && !outputs_send_anomaly(&pipeline->outputs, item, &verdict))
        return false;
    if (offsets_pass(pipeline->offsets, item->partition, item->offset)) /* what comes again has been counted */
        count(pipeline, item, &verdict, now);
    return true;
}

/* False where the block is not finished, as outputs can't be queued. */
static bool finish_block(struct pipeline *pipeline)
{
    struct block *block = pipeline->block;
    if (block->n_done == block->n)
        return true;
    block_score(block, pipeline->scorer);
    const double now = clock_seconds();
    pipeline->n_new = 0;
    while (block->n_done < block->n && finish_item(pipeline, &block->items[block->n_done], now))
        block->n_done++;
    alertron_counter_add(pipeline->consumed, (double)pipeline->n_new);
    scorer_show(pipeline->scorer, clock_seconds() - block->begun);
    if (block->n_done < block->n)
        return false;
    alertron_histogram_observe(pipeline->metrics->block_readings, (double)block->n, 1);
    block_clear(block);
    return true;
}

static bool take_message(void *context, const struct kafka_message *message)
{
    struct pipeline *pipeline = context;
    if (pipeline->block->n == 0) /* models may have changed while it was waited for */
        pipeline->shape = scorer_begin(pipeline->scorer);
    return block_add(pipeline->block, pipeline->scorer, pipeline->shape, message);
}

/* Fills the block with what is at hand; waits only for its first message. Partitions may come and go meanwhile. */
static void fill_block(struct pipeline *pipeline, int timeout_ms)
{
    if (pipeline->block->n == 0)
        scorer_begin(pipeline->scorer); /* lets go of models that are gone, also where nothing comes */
    const size_t n = pipeline->block->n;
    kafka_consumer_serve(pipeline->consumer, timeout_ms, n < BLOCK_ITEMS_MAX ? BLOCK_ITEMS_MAX - n : 0, take_message,
                         pipeline);
}

/* --- partitions ------------------------------------------------------------------------------------------ */

static void note_delivered(void *context, void *token)
{
    struct pipeline *pipeline = context;
    offsets_acknowledge(pipeline->offsets, token);
}

/* Finishes the block and what was sent of it. */
static bool drain(struct pipeline *pipeline, double seconds)
{
    const double deadline = clock_seconds() + seconds;
    enum delivery_state state = DELIVERY_FLOWS;
    bool finished;
    while (!(finished = finish_block(pipeline)) && state == DELIVERY_FLOWS && clock_seconds() < deadline)
        if ((state = delivery_step(pipeline->delivery)) == DELIVERY_FLOWS)
            kafka_producer_poll(pipeline->producer, WAIT_MS);
        else if (state == DELIVERY_REWOUND)
            block_clear(pipeline->block);
    const double left = deadline - clock_seconds();
    const bool all = delivery_finish(pipeline->delivery, left > 0 ? left : 0) && finished;
    if (delivery_take_rewound(pipeline->delivery)) /* at once: messages may come before the next step */
        block_clear(pipeline->block);
    return all && state != DELIVERY_REWOUND;
}

static void take_partition(void *context, int32_t partition)
{
    struct pipeline *pipeline = context;
    pipeline->n_partitions++;
    pipeline->had_partitions = true;
    if (!offsets_assign(pipeline->offsets, partition))
        log_error("out of memory: partition %d is read, but its offsets are not stored", partition);
}

/* The series of a partition. */
static void remove_partition(struct pipeline *pipeline, int32_t partition)
{
    struct metrics *metrics = pipeline->metrics;
    char number[16];
    snprintf(number, sizeof number, "%d", (int)partition);
    const char *labels[] = {pipeline->config->kafka.readings_topic, number};
    metrics_lock(metrics);
    alertron_gauge_remove(metrics->lag, alertron_gauge_with(metrics->lag, labels));
    alertron_gauge_remove(metrics->stalled, alertron_gauge_with(metrics->stalled, labels));
    alertron_gauge_remove(metrics->last_reading, alertron_gauge_with(metrics->last_reading, labels));
    metrics_unlock(metrics);
}

static void give_partitions(void *context, const int32_t *partitions, size_t n_partitions, bool lost)
{
    struct pipeline *pipeline = context;
    if (lost)
        delivery_abandon(pipeline->delivery);
    else if (!pipeline->closing)
        drain(pipeline, REVOKE_SECONDS);
    block_score(pipeline->block, pipeline->scorer);
    block_drop(pipeline->block, partitions, n_partitions);
    for (size_t i = 0; i < n_partitions; i++) {
        offsets_revoke(pipeline->offsets, partitions[i]);
        watch_forget(pipeline->watch, partitions[i]);
        remove_partition(pipeline, partitions[i]);
    }
    pipeline->n_partitions -= n_partitions < pipeline->n_partitions ? n_partitions : pipeline->n_partitions;
}

/* --- life ------------------------------------------------------------------------------------------------ */

static struct kafka_cluster cluster_of(const struct config *config)
{
    return (struct kafka_cluster){.bootstrap = config->kafka.bootstrap,
                                  .properties = config->kafka.properties,
                                  .n_properties = config->kafka.n_properties};
}

static void free_pipeline(struct pipeline *pipeline)
{
    delivery_free(pipeline->delivery);
    offsets_free(pipeline->offsets);
    watch_free(pipeline->watch);
    block_free(pipeline->block);
    scorer_free(pipeline->scorer);
    free(pipeline->client_id);
    free(pipeline);
}

static alertron_counter_child *consumed_of(const struct config *config, struct metrics *metrics)
{
    const char *topic = config->kafka.readings_topic;
    metrics_lock(metrics);
    alertron_counter_child *child = alertron_counter_with(metrics->consumed, &topic);
    metrics_unlock(metrics);
    return child;
}

/* Everything but what talks to brokers. */
static struct pipeline *make_parts(const struct config *config, const struct scorer_parts *parts, const char *name,
                                   size_t outputs_max)
{
    struct pipeline *pipeline = calloc(1, sizeof *pipeline);
    if (!pipeline)
        return NULL;
    *pipeline = (struct pipeline){.config = config,
                                  .metrics = parts->metrics,
                                  .consumed = consumed_of(config, parts->metrics),
                                  .scorer = scorer_new(parts),
                                  .watch = watch_new((double)config->limits.stall_seconds),
                                  .offsets = offsets_new(outputs_max),
                                  .client_id = strdup(name)};
    if (pipeline->scorer)
        pipeline->block = block_new(scorer_begin(pipeline->scorer)->width);
    if (pipeline->block && pipeline->watch && pipeline->offsets && pipeline->client_id)
        return pipeline;
    free_pipeline(pipeline);
    return NULL;
}

struct pipeline *pipeline_new(const struct config *config, const struct scorer_parts *parts, const char *name,
                              size_t outputs_max, char *why, size_t why_size)
{
    struct pipeline *pipeline = make_parts(config, parts, name, outputs_max);
    if (!pipeline) {
        why_say(why, why_size, "out of memory");
        return NULL;
    }
    const struct kafka_cluster cluster = cluster_of(config);
    const bool transactional = config->kafka.delivery == DELIVERY_EXACTLY_ONCE;
    const struct kafka_producer_options options = {.transactional_id = transactional ? pipeline->client_id : NULL};
    pipeline->producer = kafka_producer_new(&cluster, &options, why, why_size);
    if (!pipeline->producer) {
        free_pipeline(pipeline);
        return NULL;
    }
    kafka_producer_on_delivery(pipeline->producer, note_delivered, pipeline);
    pipeline->delivery = delivery_new(config, parts->metrics, pipeline->producer, pipeline->offsets);
    pipeline->outputs = (struct outputs){
        .config = config, .producer = pipeline->producer, .offsets = pipeline->offsets, .delivery = pipeline->delivery};
    pipeline->block->letter_max = outputs_letter_max(&pipeline->outputs);
    if (pipeline->delivery)
        return pipeline;
    why_say(why, why_size, "out of memory");
    kafka_producer_close(pipeline->producer, 0);
    free_pipeline(pipeline);
    return NULL;
}

bool pipeline_reaches_broker(struct pipeline *pipeline, int timeout_ms)
{
    return kafka_producer_reaches_broker(pipeline->producer, timeout_ms);
}

bool pipeline_create_topics(struct pipeline *pipeline, char *why, size_t why_size)
{
    const struct config *config = pipeline->config;
    const char *const topics[] = {config->kafka.readings_topic, config->kafka.anomalies_topic,
                                  config->kafka.dead_letters_topic};
    return kafka_producer_create_topics(pipeline->producer, topics, 3, (int)config->kafka.partitions,
                                        (int)config->kafka.replication, why, why_size);
}

bool pipeline_join(struct pipeline *pipeline, char *why, size_t why_size)
{
    const struct config *config = pipeline->config;
    const struct kafka_cluster cluster = cluster_of(config);
    const struct kafka_consumer_options options = {.group = config->kafka.group_id,
                                                   .topic = config->kafka.readings_topic,
                                                   .from_latest = config->kafka.offset_reset == 1,
                                                   .transactional = config->kafka.delivery == DELIVERY_EXACTLY_ONCE,
                                                   .client_id = pipeline->client_id};
    const struct kafka_events events = {take_partition, give_partitions, pipeline};
    pipeline->had_partitions = false;
    pipeline->consumer = kafka_consumer_new(&cluster, &options, &events, why, why_size);
    if (pipeline->consumer)
        delivery_join(pipeline->delivery, pipeline->consumer);
    return pipeline->consumer != NULL;
}

const char *pipeline_fatal(const struct pipeline *pipeline)
{
    const char *why = kafka_producer_fatal(pipeline->producer);
    if (pipeline->cannot_join)
        return "the group can't be joined anew";
    if (pipeline->block->out_of_memory)
        return "out of memory: a message that can't be scored could not be kept; it is read again after a restart";
    return why || !pipeline->consumer ? why : kafka_consumer_fatal(pipeline->consumer);
}

/* While outputs can't be queued, only the membership and the producer are kept alive; a message that had been fetched
 * may still come. */
static void wait_for_outputs(struct pipeline *pipeline, int timeout_ms)
{
    if (pipeline->stalled_since <= 0)
        pipeline->stalled_since = clock_seconds();
    kafka_producer_poll(pipeline->producer, timeout_ms);
    fill_block(pipeline, 0);
}

bool pipeline_step(struct pipeline *pipeline, int timeout_ms)
{
    if (pipeline_fatal(pipeline))
        return false;
    const bool finished = finish_block(pipeline);
    const enum delivery_state state = delivery_step(pipeline->delivery);
    if (state == DELIVERY_FATAL)
        return false;
    if (state == DELIVERY_REWOUND)
        block_clear(pipeline->block);
    const bool flows =
        (finished || state == DELIVERY_REWOUND) && state != DELIVERY_WAITS && offsets_room(pipeline->offsets) > 0;
    kafka_consumer_pause(pipeline->consumer, !flows);
    if (flows) {
        pipeline->stalled_since = 0;
        fill_block(pipeline, timeout_ms);
        finish_block(pipeline);
    } else {
        wait_for_outputs(pipeline, timeout_ms < WAIT_MS ? timeout_ms : WAIT_MS);
    }
    return pipeline_fatal(pipeline) == NULL;
}

/* --- figures and health -------------------------------------------------------------------------------------- */

static void see_partition(void *context, int32_t partition, int64_t offset)
{
    struct pipeline *pipeline = context;
    struct metrics *metrics = pipeline->metrics;
    const int64_t lag = kafka_consumer_lag(pipeline->consumer, partition, offset);
    const struct watch_report report = watch_see(pipeline->watch, partition, offset, lag, clock_seconds());
    char number[16];
    snprintf(number, sizeof number, "%d", (int)partition);
    const char *labels[] = {pipeline->config->kafka.readings_topic, number};
    if (lag >= 0)
        alertron_gauge_set(alertron_gauge_with(metrics->lag, labels), (double)lag);
    pipeline->lag += lag >= 0 ? (uint64_t)lag : 0;
    if (report.moved)
        alertron_gauge_set(alertron_gauge_with(metrics->last_reading, labels), (double)time(NULL));
    alertron_gauge_set(alertron_gauge_with(metrics->stalled, labels), report.stalled);
    const long long seconds = (long long)pipeline->config->limits.stall_seconds;
    if (report.changed && !report.stalled)
        log_warning("partition %s goes on", number);
    else if (report.changed && lag < 0)
        log_warning("partition %s: nothing has come for %lld s, and no broker says whether messages wait", number,
                    seconds);
    else if (report.changed)
        log_warning("partition %s: %lld messages wait, and none has been dealt with for %lld s", number, (long long)lag,
                    seconds);
}

/* A member whose topic was deleted does not always find its way back when the topic has been made again: librdkafka
 * waits for the partitions that are gone. A new member does, and so does one that has never had any. */
static void join_again_if_stranded(struct pipeline *pipeline)
{
    const bool stranded =
        pipeline->had_partitions && pipeline->n_partitions == 0 && *kafka_consumer_trouble(pipeline->consumer);
    const double now = clock_seconds();
    if (!stranded)
        pipeline->stranded_since = 0;
    else if (pipeline->stranded_since <= 0)
        pipeline->stranded_since = now;
    if (!stranded || now - pipeline->stranded_since < (double)pipeline->config->limits.stall_seconds)
        return;
    log_warning("no partitions for %lld s (%s): joining the group anew",
                (long long)pipeline->config->limits.stall_seconds, kafka_consumer_trouble(pipeline->consumer));
    pipeline->stranded_since = 0;
    kafka_consumer_close(pipeline->consumer, CLOSE_MS);
    pipeline->cannot_join = !pipeline_join(pipeline, pipeline->trouble, sizeof pipeline->trouble);
}

/* librdkafka 2.0 does not always tell that the last broker has gone, at times when it ended in order. So who is out of
 * the group, and has nothing else to do, asks. */
static void look_for_broker(struct pipeline *pipeline)
{
    struct kafka_consumer *consumer = pipeline->consumer;
    const bool out = pipeline->n_partitions == 0 && !kafka_consumer_joined(consumer);
    if (!kafka_consumer_connected(consumer)) {
        if (kafka_producer_reaches_broker(pipeline->producer, 100))
            kafka_consumer_reconnected(consumer);
    } else if (out && !kafka_producer_reaches_broker(pipeline->producer, 1000)) {
        kafka_consumer_disconnected(consumer, "none answers");
    }
}

/* By how much a count has risen since it was shown last; that of a new client begins at 0. */
static double rise(uint64_t *shown, uint64_t now)
{
    const uint64_t before = now < *shown ? 0 : *shown;
    *shown = now;
    return (double)(now - before);
}

void pipeline_tick(struct pipeline *pipeline, struct pipeline_figures *figures)
{
    struct metrics *metrics = pipeline->metrics;
    struct kafka_consumer_figures kafka = {0};
    uint64_t errors = 0;
    scorer_tick(pipeline->scorer, clock_seconds());
    if (pipeline->consumer) {
        look_for_broker(pipeline);
        kafka_consumer_figures(pipeline->consumer, &kafka);
        errors = kafka_consumer_errors(pipeline->consumer);
        pipeline->lag = 0;
        metrics_lock(metrics);
        offsets_each(pipeline->offsets, see_partition, pipeline);
        metrics_unlock(metrics);
        join_again_if_stranded(pipeline);
    }
    alertron_counter_add(metrics->kafka_errors,
                         rise(&pipeline->consumer_errors_shown, errors) +
                             rise(&pipeline->producer_errors_shown, kafka_producer_errors(pipeline->producer)));
    alertron_counter_add(metrics->rebalances, rise(&pipeline->rebalances_shown, kafka.rebalances));
    *figures = (struct pipeline_figures){.partitions = pipeline->n_partitions,
                                         .outputs_waiting = offsets_waiting(pipeline->offsets),
                                         .fetched_messages = kafka.queued_messages,
                                         .lag = pipeline->lag,
                                         .stalled = watch_stalled(pipeline->watch),
                                         .joined = pipeline->consumer && kafka_consumer_joined(pipeline->consumer)};
}

const char *pipeline_trouble(struct pipeline *pipeline)
{
    const char *refused = kafka_producer_trouble(pipeline->producer);
    const char *unread = pipeline->consumer ? kafka_consumer_trouble(pipeline->consumer) : "";
    const char *end = pipeline_fatal(pipeline);
    const double waits_since = delivery_waits_since(pipeline->delivery), now = clock_seconds();
    char *trouble = pipeline->trouble;
    const size_t size = sizeof pipeline->trouble;
    trouble[0] = 0;
    const char *unreached = pipeline->consumer ? kafka_consumer_unreached(pipeline->consumer)
                                               : kafka_producer_unreached(pipeline->producer);
    const char *colon = *unreached ? ": " : "";
    if (end)
        why_say(trouble, size, "it can't go on: %s", end);
    else if (!pipeline->consumer)
        why_say(trouble, size, "waiting for a broker at %s%s%s", pipeline->config->kafka.bootstrap, colon, unreached);
    else if (*refused)
        why_say(trouble, size, "%s", refused);
    else if (!kafka_consumer_connected(pipeline->consumer))
        why_say(trouble, size, "no broker at %s can be reached%s%s", pipeline->config->kafka.bootstrap, colon,
                unreached);
    else if (*unread)
        why_say(trouble, size, "%s", unread);
    else if (waits_since > 0 && now - waits_since > STALL_SECONDS)
        why_say(trouble, size, "a transaction has waited for the broker for %.0f s", now - waits_since);
    else if (pipeline->stalled_since > 0 && now - pipeline->stalled_since > STALL_SECONDS)
        why_say(trouble, size, "outputs have not been acknowledged for %.0f s", now - pipeline->stalled_since);
    else if (watch_stalled(pipeline->watch) > 0)
        why_say(trouble, size,
                "%zu partition%s of topic %s stalled: readings wait, or may wait, and none is dealt with",
                watch_stalled(pipeline->watch), watch_stalled(pipeline->watch) == 1 ? "" : "s",
                pipeline->config->kafka.readings_topic);
    return trouble;
}

bool pipeline_finish(struct pipeline *pipeline)
{
    if (!pipeline->consumer)
        return true;
    pipeline->finished = drain(pipeline, (double)pipeline->config->limits.shutdown_seconds);
    if (pipeline->n_partitions == 0) /* lost meanwhile: what was not finished is another's */
        pipeline->finished = true;
    kafka_consumer_commit(pipeline->consumer);
    return pipeline->finished;
}

void pipeline_hold(struct pipeline *pipeline)
{
    if (pipeline->consumer)
        kafka_consumer_serve(pipeline->consumer, 0, 0, take_message, pipeline);
    kafka_producer_poll(pipeline->producer, WAIT_MS);
}

void pipeline_close(struct pipeline *pipeline)
{
    pipeline->closing = true;
    if (pipeline->consumer)
        kafka_consumer_close(pipeline->consumer, CLOSE_MS);
    kafka_producer_close(pipeline->producer, pipeline->finished ? 1000 : 0);
    free_pipeline(pipeline);
}
