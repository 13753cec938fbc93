/* kafka_place.c: where a partition is read on, and that it is read on there.
 *
 * Where the offset that is to be read next is not there, librdkafka begins anew at once. But a broker that had stood
 * still believes that it leads on, and that what was written to others meanwhile is not there; whoever begins anew for
 * that reads everything twice. So what lies before the place is not taken, and the place is asked for again for a
 * while. Only a topic that was made anew, or has lost its end, goes on without it.
 */
#include "clock.h"
#include "kafka_private.h"
#include "log.h"

enum { COMMITTED_MS = 3000 };

static const double AGAIN_SECONDS = 0.5, PATIENCE_SECONDS = 10;

void kafka__begin_at_committed(struct kafka_consumer *consumer, rd_kafka_topic_partition_list_t *partitions)
{
    if (partitions->cnt == 0)
        return;
    const bool known = rd_kafka_committed(consumer->client, partitions, COMMITTED_MS) == RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < partitions->cnt; i++) {
        rd_kafka_topic_partition_t *one = &partitions->elems[i];
        if (!known || one->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            one->offset = RD_KAFKA_OFFSET_INVALID;
        one->err = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
}

int64_t kafka__place(const struct kafka_partition *partition)
{
    return partition->offset >= 0 ? partition->offset + 1 : partition->first;
}

void kafka__note_misplaced(struct kafka_consumer *consumer, int32_t number)
{
    struct kafka_partition *partition = &consumer->partitions[number];
    if (partition->again_at > 0)
        return;
    const double now = clock_seconds();
    consumer->misplaced = true;
    partition->again_at = now + AGAIN_SECONDS;
    if (partition->missing_since > 0)
        return;
    partition->missing_since = now;
    log_warning("partition %d of topic %s has no offset %lld: asking for it again", number, consumer->topic,
                (long long)kafka__place(partition));
}

/* What is known of the partition stays, but for where its end was met. */
static void ask_again(struct kafka_consumer *consumer, int32_t number, double now)
{
    struct kafka_partition *partition = &consumer->partitions[number], before = *partition;
    const int64_t place = kafka__place(partition);
    const bool again = now - partition->missing_since < PATIENCE_SECONDS;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, consumer->topic, number)->offset =
        again ? place : RD_KAFKA_OFFSET_BEGINNING;
    if (!kafka__seek(consumer, list)) {
        partition->again_at = now + AGAIN_SECONDS;
    } else if (again) {
        partition->first = before.first;
        partition->offset = before.offset;
        partition->timestamp = before.timestamp;
        partition->missing_since = before.missing_since;
    } else {
        log_warning("partition %d of topic %s still has no offset %lld: reading it from its beginning", number,
                    consumer->topic, (long long)place);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

void kafka__find_places(struct kafka_consumer *consumer)
{
    if (!consumer->misplaced)
        return;
    const double now = clock_seconds();
    consumer->misplaced = false;
    for (int32_t i = 0; i < consumer->n_partitions; i++) {
        const struct kafka_partition *partition = &consumer->partitions[i];
        if (partition->ours && partition->again_at > 0 && now >= partition->again_at)
            ask_again(consumer, i, now);
        consumer->misplaced = consumer->misplaced || (partition->ours && partition->again_at > 0);
    }
}
