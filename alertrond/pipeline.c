/* pipeline.c: the flow from Kafka to Kafka.
 *
 *     messages -> block -> decode -> score -> judge -> anomaly, dead letter or nothing -> offset
 *
 * A block ends when it is full or no more messages are at hand, never by waiting. Where an output can't be queued
 * the block stays as it is, consuming pauses, and the next step goes on from that reading.
 */
#include "pipeline.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "kafka.h"
#include "log.h"
#include "offsets.h"

enum { BLOCK = 512, REASON_BYTES = 256, REVOKE_SECONDS = 10, STALL_SECONDS = 10, SPARE_SECONDS = 10, CLOSE_MS = 8000 };

/* What becomes of one message. */
struct item {
    struct kafka_message message;
    struct reading reading;
    int fault; /* 0: scored; else why it is a dead letter */
    double score;
};

struct pipeline {
    const struct config *config;
    struct scorer *scorer;
    struct kafka_producer *producer;
    struct kafka_consumer *consumer;
    struct offsets *offsets;
    struct item *items; /* the block: BLOCK of them */
    size_t n_items;
    size_t n_scored; /* of the block: decoded and scored */
    size_t n_done;   /* of the block: judged, and their outputs queued */
    double *features, *scores;
    double begun;         /* when the block was at hand, seconds */
    double stalled_since; /* 0: outputs flow */
    double joined_since;  /* a member of the group; 0: not yet */
    size_t errors_counted;
    bool assigned, closing;
    char trouble[640];
};

/* --- deal with a block --------------------------------------------------------------------------------- */

static int decode(struct pipeline *pipeline, struct item *item, double *features, char *reason)
{
    const struct kafka_message *message = &item->message;
    if (!message->value) {
        snprintf(reason, REASON_BYTES, "the message has no value (a tombstone); a reading as JSON is expected");
        return TOMBSTONE;
    }
    return (int)reading_decode(message->value, message->value_size, scorer_shape(pipeline->scorer), &item->reading,
                               features, reason, REASON_BYTES);
}

/* Decodes what is new in the block and scores it, all rows at once. */
static void score_block(struct pipeline *pipeline)
{
    const size_t width = scorer_shape(pipeline->scorer)->width;
    char reason[REASON_BYTES];
    size_t n = 0;
    for (size_t i = pipeline->n_scored; i < pipeline->n_items; i++) {
        struct item *item = &pipeline->items[i];
        item->fault = decode(pipeline, item, pipeline->features + n * width, reason);
        n += item->fault == READING_GOOD;
    }
    const alertron_rows rows = alertron_rows_of(pipeline->features, n, width);
    alertron_model_score_rows(scorer_model(pipeline->scorer), &rows, pipeline->scores);
    n = 0;
    for (size_t i = pipeline->n_scored; i < pipeline->n_items; i++)
        if (pipeline->items[i].fault == READING_GOOD)
            pipeline->items[i].score = pipeline->scores[n++];
    pipeline->n_scored = pipeline->n_items;
}

/* Queues an output of a message; its offset waits for the acknowledgement. */
static bool send(struct pipeline *pipeline, const struct kafka_message *message, struct kafka_record *record)
{
    if (offsets_room(pipeline->offsets) == 0)
        return false;
    struct output *output = offsets_begin(pipeline->offsets, message->partition, message->offset);
    if (!output)
        return true; /* the partition went to another member, which reads the message anew */
    record->token = output;
    if (kafka_producer_try(pipeline->producer, record) == KAFKA_SENT)
        return true;
    offsets_withdraw(pipeline->offsets, output);
    return false;
}

static bool send_anomaly(struct pipeline *pipeline, const struct item *item, const struct verdict *verdict)
{
    const struct kafka_message *message = &item->message;
    const struct source source = {message->topic, message->partition, (long long)message->offset};
    char json[VERDICT_BYTES_MAX];
    struct kafka_record record = {.topic = pipeline->config->kafka.anomalies_topic,
                                  .key = item->reading.device_id,
                                  .key_size = strlen(item->reading.device_id),
                                  .value = json,
                                  .value_size = verdict_write(json, sizeof json, &item->reading, verdict, &source)};
    return send(pipeline, message, &record);
}

/* The reason is worked out again here: dead letters are rare, and a text for every reading would not be. */
static bool send_dead_letter(struct pipeline *pipeline, struct item *item)
{
    const struct kafka_message *message = &item->message;
    char reason[REASON_BYTES] = "", partition[16], offset[24];
    decode(pipeline, item, pipeline->features, reason);
    snprintf(partition, sizeof partition, "%d", (int)message->partition);
    snprintf(offset, sizeof offset, "%lld", (long long)message->offset);
    const struct kafka_header headers[] = {
        {"__connect.errors.topic", message->topic},
        {"__connect.errors.partition", partition},
        {"__connect.errors.offset", offset},
        {"__connect.errors.stage", "VALUE_CONVERTER"},
        {"__connect.errors.exception.message", reason},
        {"alertrond.error.code", dead_letter_reason(item->fault)},
        {"alertrond.version", alertron_version()},
    };
    struct kafka_record record = {.topic = pipeline->config->kafka.dead_letters_topic,
                                  .key = message->key,
                                  .key_size = message->key_size,
                                  .value = message->value,
                                  .value_size = message->value_size,
                                  .timestamp = message->timestamp,
                                  .headers_of = message,
                                  .headers = headers,
                                  .n_headers = sizeof headers / sizeof *headers};
    return send(pipeline, message, &record);
}

/* Deals with one reading. False where its output can't be queued now; then nothing has been counted. */
static bool finish_item(struct pipeline *pipeline, struct item *item, double now)
{
    struct metrics *metrics = scorer_metrics(pipeline->scorer);
    if (item->fault != READING_GOOD) {
        if (!send_dead_letter(pipeline, item))
            return false;
        alertron_counter_add(metrics->dead_letters[item->fault], 1);
    } else {
        const struct verdict verdict = scorer_grade(pipeline->scorer, item->score);
        if (verdict.anomaly && !send_anomaly(pipeline, item, &verdict))
            return false;
        scorer_count(pipeline->scorer, &item->reading, &verdict, now);
    }
    alertron_counter_add(metrics->consumed, 1);
    offsets_pass(pipeline->offsets, item->message.partition, item->message.offset);
    kafka_message_release(&item->message);
    return true;
}

static void clear_block(struct pipeline *pipeline)
{
    pipeline->n_items = pipeline->n_scored = pipeline->n_done = 0;
}

/* False where the block is not finished, as outputs can't be queued. */
static bool finish_block(struct pipeline *pipeline)
{
    if (pipeline->n_done == pipeline->n_items)
        return true;
    scorer_lock(pipeline->scorer);
    if (pipeline->n_scored < pipeline->n_items)
        score_block(pipeline);
    const double now = clock_seconds();
    uint64_t n_scored = 0;
    for (; pipeline->n_done < pipeline->n_items; pipeline->n_done++) {
        struct item *item = &pipeline->items[pipeline->n_done];
        if (!finish_item(pipeline, item, now))
            break;
        n_scored += item->fault == READING_GOOD;
    }
    if (n_scored > 0)
        alertron_histogram_observe(scorer_metrics(pipeline->scorer)->latency, clock_seconds() - pipeline->begun,
                                   n_scored);
    scorer_unlock(pipeline->scorer);
    if (pipeline->n_done < pipeline->n_items)
        return false;
    clear_block(pipeline);
    return true;
}

/* --- offsets -------------------------------------------------------------------------------------------- */

static void note_delivered(void *context, void *token)
{
    struct pipeline *pipeline = context;
    offsets_acknowledge(pipeline->offsets, token);
}

static void store_offset(void *context, int32_t partition, int64_t offset)
{
    struct pipeline *pipeline = context;
    kafka_consumer_store(pipeline->consumer, partition, offset);
}

static void store_offsets(struct pipeline *pipeline)
{
    kafka_producer_poll(pipeline->producer, 0);
    offsets_each_risen(pipeline->offsets, store_offset, pipeline);
}

/* Finishes the block and waits for its acknowledgements, `seconds` at most. */
static bool drain(struct pipeline *pipeline, double seconds)
{
    const double deadline = clock_seconds() + seconds;
    bool finished;
    while (!(finished = finish_block(pipeline)) || offsets_waiting(pipeline->offsets) > 0) {
        if (clock_seconds() > deadline)
            break;
        kafka_producer_poll(pipeline->producer, 20);
    }
    store_offsets(pipeline);
    return finished && offsets_waiting(pipeline->offsets) == 0;
}

static bool contains(const int32_t *partitions, size_t n, int32_t partition)
{
    for (size_t i = 0; i < n; i++)
        if (partitions[i] == partition)
            return true;
    return false;
}

/* Readings of these partitions that were not finished go to their next owner. */
static void drop_from_block(struct pipeline *pipeline, const int32_t *partitions, size_t n_partitions)
{
    size_t kept = 0;
    for (size_t i = pipeline->n_done; i < pipeline->n_items; i++) {
        struct item *item = &pipeline->items[i];
        if (contains(partitions, n_partitions, item->message.partition))
            kafka_message_release(&item->message);
        else
            pipeline->items[kept++] = *item;
    }
    pipeline->n_items = kept;
    pipeline->n_scored = pipeline->n_done = 0;
}

static void take_partition(void *context, int32_t partition)
{
    struct pipeline *pipeline = context;
    pipeline->assigned = true;
    if (!offsets_assign(pipeline->offsets, partition))
        log_error("out of memory: partition %d is read, but its offsets are not stored", partition);
}

static void give_partitions(void *context, const int32_t *partitions, size_t n_partitions, bool lost)
{
    struct pipeline *pipeline = context;
    if (!lost && !pipeline->closing)
        drain(pipeline, REVOKE_SECONDS);
    drop_from_block(pipeline, partitions, n_partitions);
    for (size_t i = 0; i < n_partitions; i++) {
        offsets_revoke(pipeline->offsets, partitions[i]);
        char number[16];
        snprintf(number, sizeof number, "%d", (int)partitions[i]);
        scorer_lock(pipeline->scorer);
        struct metrics *metrics = scorer_metrics(pipeline->scorer);
        const char *labels[] = {pipeline->config->kafka.readings_topic, number};
        alertron_gauge_remove(metrics->lag, alertron_gauge_with(metrics->lag, labels));
        scorer_unlock(pipeline->scorer);
    }
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
    offsets_free(pipeline->offsets);
    free(pipeline->scores);
    free(pipeline->features);
    free(pipeline->items);
    free(pipeline);
}

struct pipeline *pipeline_new(const struct config *config, struct scorer *scorer, char *why, size_t why_size)
{
    struct pipeline *pipeline = calloc(1, sizeof *pipeline);
    if (!pipeline) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    *pipeline = (struct pipeline){
        .config = config,
        .scorer = scorer,
        .items = calloc(BLOCK, sizeof *pipeline->items),
        .features = calloc(BLOCK * scorer_shape(scorer)->width, sizeof *pipeline->features),
        .scores = calloc(BLOCK, sizeof *pipeline->scores),
        .offsets = offsets_new((size_t)config->limits.outputs),
    };
    if (!pipeline->items || !pipeline->features || !pipeline->scores || !pipeline->offsets) {
        snprintf(why, why_size, "out of memory");
        free_pipeline(pipeline);
        return NULL;
    }
    const struct kafka_cluster cluster = cluster_of(config);
    pipeline->producer = kafka_producer_new(&cluster, why, why_size);
    if (!pipeline->producer) {
        free_pipeline(pipeline);
        return NULL;
    }
    kafka_producer_on_delivery(pipeline->producer, note_delivered, pipeline);
    return pipeline;
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
                                                   .from_latest = config->kafka.offset_reset == 1};
    const struct kafka_events events = {take_partition, give_partitions, pipeline};
    pipeline->consumer = kafka_consumer_new(&cluster, &options, &events, why, why_size);
    return pipeline->consumer != NULL;
}

/* Adds the next message to the block. Waiting for it may give partitions away, which changes the block. */
static bool take_message(struct pipeline *pipeline, int timeout_ms)
{
    struct kafka_message message;
    if (!kafka_consumer_next(pipeline->consumer, timeout_ms, &message))
        return false;
    if (pipeline->n_items == 0)
        pipeline->begun = clock_seconds();
    pipeline->items[pipeline->n_items++].message = message;
    return true;
}

/* Fills the block with what is at hand; waits only for its first message. */
static void fill_block(struct pipeline *pipeline, int timeout_ms)
{
    while (pipeline->n_items < BLOCK && take_message(pipeline, pipeline->n_items ? 0 : timeout_ms))
        ;
}

/* While outputs can't be queued, only the membership and the producer are kept alive; a message that had been fetched
 * may still come. */
static void wait_for_outputs(struct pipeline *pipeline, int timeout_ms)
{
    if (pipeline->stalled_since <= 0)
        pipeline->stalled_since = clock_seconds();
    kafka_producer_poll(pipeline->producer, timeout_ms);
    if (pipeline->n_items < BLOCK)
        take_message(pipeline, 0);
}

const char *pipeline_fatal(const struct pipeline *pipeline)
{
    const char *why = kafka_producer_fatal(pipeline->producer);
    return why || !pipeline->consumer ? why : kafka_consumer_fatal(pipeline->consumer);
}

bool pipeline_step(struct pipeline *pipeline, int timeout_ms)
{
    const bool flows = finish_block(pipeline) && offsets_room(pipeline->offsets) > 0;
    kafka_consumer_pause(pipeline->consumer, !flows);
    if (flows) {
        pipeline->stalled_since = 0;
        fill_block(pipeline, timeout_ms);
        finish_block(pipeline);
    } else {
        wait_for_outputs(pipeline, timeout_ms < 20 ? timeout_ms : 20);
    }
    store_offsets(pipeline);
    return pipeline_fatal(pipeline) == NULL;
}

static void export_lag(void *context, int32_t partition, int64_t offset)
{
    struct pipeline *pipeline = context;
    struct metrics *metrics = scorer_metrics(pipeline->scorer);
    const int64_t lag = kafka_consumer_lag(pipeline->consumer, partition, offset);
    char number[16];
    snprintf(number, sizeof number, "%d", (int)partition);
    if (lag >= 0)
        alertron_gauge_set(
            alertron_gauge_with(metrics->lag, (const char *const[]){pipeline->config->kafka.readings_topic, number}),
            (double)lag);
}

void pipeline_tick(struct pipeline *pipeline)
{
    const size_t errors = kafka_producer_errors(pipeline->producer) +
                          (pipeline->consumer ? kafka_consumer_errors(pipeline->consumer) : 0);
    if (pipeline->consumer && !kafka_consumer_connected(pipeline->consumer) &&
        kafka_producer_reaches_broker(pipeline->producer, 100))
        kafka_consumer_reconnected(pipeline->consumer);
    scorer_lock(pipeline->scorer);
    struct metrics *metrics = scorer_metrics(pipeline->scorer);
    alertron_counter_add(metrics->kafka_errors, (double)(errors - pipeline->errors_counted));
    alertron_gauge_set(metrics->outputs_waiting, (double)offsets_waiting(pipeline->offsets));
    if (pipeline->consumer)
        offsets_each(pipeline->offsets, export_lag, pipeline);
    scorer_unlock(pipeline->scorer);
    pipeline->errors_counted = errors;
}

/* There are more members than partitions: this one is ready to take over. */
static bool is_spare(struct pipeline *pipeline)
{
    if (!kafka_consumer_joined(pipeline->consumer))
        pipeline->joined_since = 0;
    else if (pipeline->joined_since <= 0)
        pipeline->joined_since = clock_seconds();
    return pipeline->joined_since > 0 && clock_seconds() - pipeline->joined_since > SPARE_SECONDS;
}

const char *pipeline_trouble(struct pipeline *pipeline)
{
    const char *refused = kafka_producer_trouble(pipeline->producer);
    const char *unread = pipeline->consumer ? kafka_consumer_trouble(pipeline->consumer) : "";
    const char *end = pipeline_fatal(pipeline);
    const char *unreached = pipeline->consumer ? kafka_consumer_unreached(pipeline->consumer)
                                               : kafka_producer_unreached(pipeline->producer);
    if (end)
        snprintf(pipeline->trouble, sizeof pipeline->trouble, "the Kafka client can't go on: %s", end);
    else if (!pipeline->consumer)
        snprintf(pipeline->trouble, sizeof pipeline->trouble, "waiting for a broker at %s%s%s",
                 pipeline->config->kafka.bootstrap, *unreached ? ": " : "", unreached);
    else if (*refused)
        snprintf(pipeline->trouble, sizeof pipeline->trouble, "%s", refused);
    else if (!kafka_consumer_connected(pipeline->consumer))
        snprintf(pipeline->trouble, sizeof pipeline->trouble, "no broker at %s can be reached%s%s",
                 pipeline->config->kafka.bootstrap, *unreached ? ": " : "", unreached);
    else if (*unread)
        snprintf(pipeline->trouble, sizeof pipeline->trouble, "%s", unread);
    else if (!pipeline->assigned && !is_spare(pipeline))
        snprintf(pipeline->trouble, sizeof pipeline->trouble, "waiting for partitions of topic %s",
                 pipeline->config->kafka.readings_topic);
    else if (pipeline->stalled_since > 0 && clock_seconds() - pipeline->stalled_since > STALL_SECONDS)
        snprintf(pipeline->trouble, sizeof pipeline->trouble, "outputs have not been acknowledged for %.0f s",
                 clock_seconds() - pipeline->stalled_since);
    else
        pipeline->trouble[0] = 0;
    return pipeline->trouble;
}

bool pipeline_close(struct pipeline *pipeline)
{
    const double seconds = (double)pipeline->config->limits.shutdown_seconds;
    bool all = true;
    if (pipeline->consumer) {
        all = drain(pipeline, seconds);
        pipeline->closing = true;
        kafka_consumer_close(pipeline->consumer, CLOSE_MS);
    }
    kafka_producer_close(pipeline->producer, all ? 1000 : 0);
    for (size_t i = pipeline->n_done; i < pipeline->n_items; i++)
        kafka_message_release(&pipeline->items[i].message);
    free_pipeline(pipeline);
    return all;
}
