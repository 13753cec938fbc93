/* kafka_lag.c: what librdkafka's statistics tell of a consumer, and how much it has yet to read.
 *
 * Where a partition ends is known from the answers to fetches alone, and stays as it was while none come: so it counts
 * for as long as the broker that the partition is read from answers. To ask that broker instead would cost a worker the
 * wait for its answer. */
#include <stdlib.h>
#include <string.h>

#include "kafka_private.h"

/* Of a broker in the statistics; -1: no connection. Behind it stand the partitions that are read from there. */
#define SILENCE "\"rxidle\":"

static const int64_t SILENT_MICROSECONDS = 10000000; /* fetch.wait.max.ms is 100 */

/* The number behind the first `"key":` of librdkafka's statistics, or what was there before. */
static uint64_t find_figure(const char *json, const char *key, uint64_t before)
{
    const char *found = strstr(json, key);
    return found ? strtoull(found + strlen(key), NULL, 10) : before;
}

static void note_heard(struct kafka_consumer *consumer, const char *begin, const char *end)
{
    static const char key[] = "\"partition\":";
    for (const char *at = strstr(begin, key); at && at < end; at = strstr(at, key)) {
        at += sizeof key - 1;
        const long partition = strtol(at, NULL, 10);
        if (partition >= 0 && partition < consumer->n_partitions)
            consumer->partitions[partition].silent = false;
    }
}

/* Who is paused asks for nothing. */
static void note_silence(struct kafka_consumer *consumer, const char *json)
{
    const char *broker = strstr(json, SILENCE), *end = strstr(json, "\"topics\":");
    if (!broker || !end)
        return;
    for (int32_t i = 0; i < consumer->n_partitions; i++)
        consumer->partitions[i].silent = !consumer->paused;
    for (const char *next; broker && broker < end; broker = next) {
        const int64_t silence = strtoll(broker + strlen(SILENCE), NULL, 10);
        next = strstr(broker + 1, SILENCE);
        if (silence >= 0 && silence < SILENT_MICROSECONDS)
            note_heard(consumer, broker, next ? next : end);
    }
}

/* All partitions share one queue, so each states the same bytes. */
int kafka__note_statistics(rd_kafka_t *client, char *json, size_t size, void *opaque)
{
    (void)client;
    (void)size;
    struct kafka_consumer *consumer = opaque;
    struct kafka_consumer_figures *figures = &consumer->figures;
    figures->fetched_bytes = find_figure(json, "\"rx_bytes\":", figures->fetched_bytes);
    figures->queued_bytes = find_figure(json, "\"fetchq_size\":", 0);
    note_silence(consumer, json);
    return 0;
}

void kafka_consumer_figures(const struct kafka_consumer *consumer, struct kafka_consumer_figures *figures)
{
    *figures = consumer->figures;
    figures->queued_messages = rd_kafka_queue_length(consumer->messages);
}

int64_t kafka_consumer_lag(struct kafka_consumer *consumer, int32_t partition, int64_t offset)
{
    int64_t low, high = RD_KAFKA_OFFSET_INVALID;
    rd_kafka_get_watermark_offsets(consumer->client, consumer->topic, partition, &low, &high);
    const struct kafka_partition *known = partition < consumer->n_partitions ? &consumer->partitions[partition] : NULL;
    if (high < 0 || !known || known->silent)
        return -1;
    if (offset < 0)
        offset = known->first;
    /* What lies between the last message and the end is nothing to wait for. */
    if (known->at_end && (known->offset < 0 || offset > known->offset) && offset < known->end)
        offset = known->end;
    return offset < 0 ? -1 : high > offset ? high - offset : 0;
}
