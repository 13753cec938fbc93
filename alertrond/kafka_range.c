/* kafka_range.c: reads ranges of a topic's partitions, without being a member of a group. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "kafka_private.h"
#include "why.h"

/* --- topics ----------------------------------------------------------------------------------------------- */

struct kafka_topics *kafka_topics_read(struct kafka_consumer *consumer, int timeout_ms, char *why, size_t why_size)
{
    const struct rd_kafka_metadata *metadata;
    const rd_kafka_resp_err_t error = rd_kafka_metadata(consumer->client, 1, NULL, &metadata, timeout_ms);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        return (struct kafka_topics *)(uintptr_t)metadata;
    why_say(why, why_size, "no broker answered within %d s (%s)", timeout_ms / 1000, rd_kafka_err2str(error));
    return NULL;
}

static const struct rd_kafka_metadata_topic *find_topic(const struct kafka_topics *topics, const char *name)
{
    const struct rd_kafka_metadata *metadata = (const struct rd_kafka_metadata *)topics;
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (strcmp(metadata->topics[i].topic, name) == 0)
            return &metadata->topics[i];
    return NULL;
}

bool kafka_topics_have(const struct kafka_topics *topics, const char *name)
{
    return find_topic(topics, name) != NULL;
}

void kafka_topics_free(struct kafka_topics *topics)
{
    if (topics)
        rd_kafka_metadata_destroy((const struct rd_kafka_metadata *)topics);
}

/* --- ranges ----------------------------------------------------------------------------------------------- */

static rd_kafka_topic_partition_list_t *list_ranges(const struct kafka_consumer *consumer,
                                                    const struct kafka_range *ranges, size_t n)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, consumer->topic, ranges[i].partition)->offset = ranges[i].first;
    return list;
}

/* A topic's partitions are numbered from 0 on. */
static struct kafka_range *make_ranges(const struct kafka_consumer *consumer, size_t *n, int timeout_ms, char *why,
                                       size_t why_size)
{
    struct kafka_topics *topics =
        kafka_topics_read((struct kafka_consumer *)(uintptr_t)consumer, timeout_ms, why, why_size);
    const struct rd_kafka_metadata_topic *topic = topics ? find_topic(topics, consumer->topic) : NULL;
    struct kafka_range *ranges = NULL;
    if (topics && (!topic || topic->partition_cnt == 0)) {
        why_say(why, why_size, "topic %s: %s", consumer->topic,
                topic ? rd_kafka_err2str(topic->err) : "it is not there, or this user may not see it");
    } else if (topic) {
        *n = (size_t)topic->partition_cnt;
        ranges = calloc(*n, sizeof *ranges);
        for (size_t i = 0; ranges && i < *n; i++)
            ranges[i] = (struct kafka_range){.partition = (int32_t)i, .committed = -1};
        if (!ranges)
            why_say(why, why_size, "out of memory");
    }
    kafka_topics_free(topics);
    return ranges;
}

/* Transactions that are open end what is committed, as this client reads with isolation.level=read_committed. */
static rd_kafka_resp_err_t read_ends(struct kafka_consumer *consumer, struct kafka_range *ranges, size_t n,
                                     int timeout_ms)
{
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; error == RD_KAFKA_RESP_ERR_NO_ERROR && i < n; i++)
        error = rd_kafka_query_watermark_offsets(consumer->client, consumer->topic, ranges[i].partition,
                                                 &ranges[i].first, &ranges[i].end, timeout_ms);
    return error;
}

static rd_kafka_resp_err_t read_committed(struct kafka_consumer *consumer, struct kafka_range *ranges, size_t n,
                                          int timeout_ms)
{
    rd_kafka_topic_partition_list_t *list = list_ranges(consumer, ranges, n);
    rd_kafka_resp_err_t error = rd_kafka_committed(consumer->client, list, timeout_ms);
    for (size_t i = 0; error == RD_KAFKA_RESP_ERR_NO_ERROR && i < n; i++) {
        error = list->elems[i].err;
        ranges[i].committed = list->elems[i].offset < 0 ? -1 : list->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return error;
}

/* A partition has no leader, or the group no coordinator, or another one: soon it will. */
static bool is_passing(rd_kafka_resp_err_t error)
{
    return error == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION || error == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
           error == RD_KAFKA_RESP_ERR_NOT_COORDINATOR || error == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
           error == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
}

/* `what` was asked for last. */
static rd_kafka_resp_err_t fill_ranges(struct kafka_consumer *consumer, struct kafka_range *ranges, size_t n,
                                       int timeout_ms, const char **what)
{
    *what = "its ends";
    const rd_kafka_resp_err_t error = read_ends(consumer, ranges, n, timeout_ms);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return error;
    *what = "the group's offsets";
    return read_committed(consumer, ranges, n, timeout_ms);
}

struct kafka_range *kafka_ranges_read(struct kafka_consumer *consumer, size_t *n, int timeout_ms, char *why,
                                      size_t why_size)
{
    struct kafka_range *ranges = make_ranges(consumer, n, timeout_ms, why, why_size);
    if (!ranges)
        return NULL;
    const char *what;
    const double start = clock_seconds();
    rd_kafka_resp_err_t error;
    while (is_passing(error = fill_ranges(consumer, ranges, *n, timeout_ms, &what)) &&
           clock_seconds() - start < timeout_ms * 1e-3)
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
        return ranges;
    why_say(why, why_size, "topic %s: %s: %s", consumer->topic, what, rd_kafka_err2str(error));
    free(ranges);
    return NULL;
}

static bool assign(struct kafka_consumer *consumer, const rd_kafka_topic_partition_list_t *list, char *why,
                   size_t why_size)
{
    for (int i = 0; i < list->cnt; i++)
        if (!kafka__take_partition(consumer, list->elems[i].partition, list->elems[i].offset))
            return why_say(why, why_size, "out of memory");
    const rd_kafka_resp_err_t error = rd_kafka_assign(consumer->client, list);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR || why_say(why, why_size, "%s", rd_kafka_err2str(error));
}

bool kafka_ranges_begin(struct kafka_consumer *consumer, const struct kafka_range *ranges, size_t n, char *why,
                        size_t why_size)
{
    rd_kafka_topic_partition_list_t *list = list_ranges(consumer, ranges, n);
    bool good;
    if (consumer->n_partitions == 0) /* it has not begun yet */
        good = assign(consumer, list, why, why_size);
    else
        good = kafka__seek(consumer, list) || why_say(why, why_size, "topic %s can't be read anew", consumer->topic);
    rd_kafka_topic_partition_list_destroy(list);
    return good;
}

bool kafka_ranges_at_end(const struct kafka_consumer *consumer, int32_t partition)
{
    return partition < consumer->n_partitions && consumer->partitions[partition].at_end;
}
