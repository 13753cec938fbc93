/* kafka_place.c: where a partition is read on, and that it is read on there.
 *
 * Where the offset that is to be read next is not there, librdkafka begins anew at once. But a broker that had stood
 * still believes that it leads on, and that what was written to others meanwhile is not there; whoever begins anew for
 * that reads everything twice. So what lies before the place is not taken, and the place is asked for again for a
 * while: from the last message that was handed over on, by whose timestamp a topic that was made anew, or has lost its
 * end, is known at once. Where it is not known so, such a topic only goes on not to have the place.
 */
#include "clock.h"
#include "kafka_private.h"
#include "log.h"

enum { COMMITTED_MS = 3000, ASKS_MAX = 10 };

static const double AGAIN_SECONDS = 0.5;

/* librdkafka looks the offsets up by itself as well: only so does it know later which one is committed. */
rd_kafka_topic_partition_list_t *kafka__find_places(struct kafka_consumer *consumer,
                                                    rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_topic_partition_list_t *places = rd_kafka_topic_partition_list_copy(partitions);
    const bool known =
        places->cnt > 0 && rd_kafka_committed(consumer->client, places, COMMITTED_MS) == RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < places->cnt; i++) {
        rd_kafka_topic_partition_t *place = &places->elems[i];
        const bool answered = known && place->err == RD_KAFKA_RESP_ERR_NO_ERROR;
        if (!answered)
            log_info("partition %d of topic %s: not known yet where the group has come to", place->partition,
                     consumer->topic);
        if (!answered || place->offset < 0)
            place->offset = -1;
        if (answered && place->offset < 0 && consumer->from_latest)
            partitions->elems[i].offset = RD_KAFKA_OFFSET_END;
    }
    return places;
}

/* Below this offset no message is to come; negative: not known. */
static int64_t place_of(const struct kafka_partition *partition)
{
    return partition->offset >= 0 ? partition->offset + 1 : partition->first;
}

/* Until the last message that was handed over has come once more. */
static bool may_be_another_log(const struct kafka_partition *partition)
{
    return partition->asks > 0 && partition->offset >= 0;
}

/* A message came that is not the next one. Who is alone does not begin anew. */
static void note_misplaced(struct kafka_consumer *consumer, int32_t number, int64_t offset)
{
    struct kafka_partition *partition = &consumer->partitions[number];
    const bool another = partition->offset >= 0 && offset >= partition->offset && !consumer->alone;
    if (partition->again_at > 0 && (!another || partition->asks == ASKS_MAX))
        return;
    if (partition->asks == 0)
        log_warning("partition %d of topic %s has no offset %lld: asking for it again", number, consumer->topic,
                    (long long)place_of(partition));
    partition->asks = another ? ASKS_MAX : consumer->alone ? 1 : partition->asks + 1;
    partition->again_at = clock_seconds() + (another ? 0 : AGAIN_SECONDS);
    consumer->misplaced = true;
}

static void note_in_place(struct kafka_partition *partition)
{
    partition->asks = 0;
    partition->again_at = 0;
}

/* While a rebalance begins librdkafka may take its place in a partition just before the message that it is about to
 * hand over, and hand it over once more when it goes on. */
static bool came_before(const struct kafka_partition *partition, int64_t offset, int64_t timestamp)
{
    return offset == partition->offset && timestamp == partition->timestamp;
}

bool kafka__is_next(struct kafka_consumer *consumer, int32_t number, int64_t offset, int64_t timestamp)
{
    struct kafka_partition *partition = &consumer->partitions[number];
    const bool before = came_before(partition, offset, timestamp);
    if (!before && (offset < place_of(partition) || may_be_another_log(partition))) {
        note_misplaced(consumer, number, offset);
        return false;
    }
    note_in_place(partition);
    if (before)
        return false;
    if (partition->first < 0)
        partition->first = offset;
    partition->offset = offset;
    partition->timestamp = timestamp;
    return true;
}

void kafka__note_end(struct kafka_partition *partition, int64_t end)
{
    if (end < place_of(partition) || may_be_another_log(partition))
        return;
    note_in_place(partition);
    partition->at_end = true;
    partition->end = end;
}

/* --- to ask again ------------------------------------------------------------------------------------------- */

/* What is known of the partition stays, but for where its end was met; unless it is given up. */
static void ask_again(struct kafka_consumer *consumer, int32_t number)
{
    struct kafka_partition *partition = &consumer->partitions[number], before = *partition;
    const bool again = partition->asks < ASKS_MAX;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, consumer->topic, number)->offset = !again ? RD_KAFKA_OFFSET_BEGINNING
                                                                               : partition->offset >= 0
                                                                                   ? partition->offset
                                                                                   : partition->first;
    if (!kafka__seek(consumer, list)) {
        partition->again_at = clock_seconds() + AGAIN_SECONDS;
    } else if (again) {
        partition->first = before.first;
        partition->offset = before.offset;
        partition->timestamp = before.timestamp;
        partition->asks = before.asks;
    } else {
        log_warning("partition %d of topic %s is not what it was at offset %lld: reading it from its beginning", number,
                    consumer->topic, (long long)place_of(&before));
    }
    rd_kafka_topic_partition_list_destroy(list);
}

void kafka__ask_again(struct kafka_consumer *consumer)
{
    if (!consumer->misplaced || consumer->rewinding)
        return;
    const double now = clock_seconds();
    consumer->misplaced = false;
    for (int32_t i = 0; i < consumer->n_partitions; i++) {
        const struct kafka_partition *partition = &consumer->partitions[i];
        if (partition->ours && partition->again_at > 0 && now >= partition->again_at)
            ask_again(consumer, i);
        consumer->misplaced = consumer->misplaced || (partition->ours && partition->again_at > 0);
    }
}
