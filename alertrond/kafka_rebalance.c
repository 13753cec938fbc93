/* kafka_rebalance.c: partitions that come to a consumer and go. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "kafka_private.h"
#include "log.h"

enum { COMMIT_MS = 5000 };

void kafka__pause_all(struct kafka_consumer *consumer, bool paused)
{
    rd_kafka_topic_partition_list_t *assignment = NULL;
    if (rd_kafka_assignment(consumer->client, &assignment) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    if (paused)
        rd_kafka_pause_partitions(consumer->client, assignment);
    else
        rd_kafka_resume_partitions(consumer->client, assignment);
    rd_kafka_topic_partition_list_destroy(assignment);
}

static bool is_cooperative(rd_kafka_t *client)
{
    const char *protocol = rd_kafka_rebalance_protocol(client);
    return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

/* Makes room for partitions up to this number. False where memory has run out. */
static bool make_room(struct kafka_consumer *consumer, int32_t partition)
{
    if (partition < consumer->n_partitions)
        return true;
    const size_t n = (size_t)partition + 1;
    int32_t *revoked = realloc(consumer->revoked, n * sizeof *revoked);
    consumer->revoked = revoked ? revoked : consumer->revoked;
    struct kafka_partition *grown = revoked ? realloc(consumer->partitions, n * sizeof *grown) : NULL;
    if (!grown)
        return false;
    for (int32_t i = consumer->n_partitions; i <= partition; i++)
        grown[i] = (struct kafka_partition){.first = -1, .offset = -1};
    consumer->partitions = grown;
    consumer->n_partitions = partition + 1;
    return true;
}

/* To be called before the assignment begins, since what comes earlier would lie among the events. */
bool kafka__take_partition(struct kafka_consumer *consumer, int32_t partition, int64_t offset)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(consumer->client, consumer->topic, partition);
    if (queue) {
        rd_kafka_queue_forward(queue, consumer->messages);
        rd_kafka_queue_destroy(queue);
    }
    if (!make_room(consumer, partition))
        return false;
    consumer->partitions[partition] = (struct kafka_partition){.ours = true, .first = offset, .offset = -1};
    return true;
}

static void take_partition(struct kafka_consumer *consumer, int32_t partition, int64_t offset)
{
    if (kafka__take_partition(consumer, partition, offset)) {
        consumer->told.assigned(consumer->told.context, partition);
        return;
    }
    consumer->fatal = true;
    snprintf(consumer->fatal_text, sizeof consumer->fatal_text, "out of memory: partition %d can't be read", partition);
}

static void note_member(struct kafka_consumer *consumer)
{
    char *member = rd_kafka_memberid(consumer->client);
    free(consumer->member);
    consumer->member = member && *member ? strdup(member) : NULL;
    rd_kafka_mem_free(consumer->client, member);
}

static void assign(struct kafka_consumer *consumer, rd_kafka_topic_partition_list_t *partitions)
{
    note_member(consumer);
    rd_kafka_topic_partition_list_t *places = kafka__find_places(consumer, partitions);
    for (int i = 0; i < partitions->cnt; i++)
        take_partition(consumer, places->elems[i].partition, places->elems[i].offset);
    rd_kafka_topic_partition_list_destroy(places);
    consumer->assigned = true;
    consumer->figures.rebalances += partitions->cnt > 0;
    consumer->figures.partitions += (uint64_t)partitions->cnt;
    if (is_cooperative(consumer->client)) {
        rd_kafka_error_t *error = rd_kafka_incremental_assign(consumer->client, partitions);
        if (error)
            rd_kafka_error_destroy(error);
    } else {
        rd_kafka_assign(consumer->client, partitions);
    }
    /* Also to go on: a partition that was taken away while paused would stay so. */
    kafka__pause_all(consumer, consumer->paused);
    consumer->connected = true;
    consumer->trouble[0] = 0;
    if (partitions->cnt > 0)
        log_info("reading %d more partition%s", partitions->cnt, partitions->cnt == 1 ? "" : "s");
}

static void note_commit(rd_kafka_t *client, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t *offsets,
                        void *opaque)
{
    (void)client;
    (void)offsets;
    struct kafka_consumer *consumer = opaque;
    consumer->committed = true;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR && error != RD_KAFKA_RESP_ERR__NO_OFFSET)
        log_warning("offsets were not committed: %s", rd_kafka_err2str(error));
}

/* Commits what is stored. rd_kafka_commit itself would wait for ever for a broker that is silent. */
void kafka_consumer_commit(struct kafka_consumer *consumer)
{
    if (consumer->transactional)
        return;
    const double deadline = clock_seconds() + COMMIT_MS * 1e-3;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->client);
    consumer->committed = false;
    if (rd_kafka_commit_queue(consumer->client, NULL, queue, note_commit, consumer) == RD_KAFKA_RESP_ERR_NO_ERROR)
        while (!consumer->committed && clock_seconds() < deadline)
            rd_kafka_queue_poll_callback(queue, 100);
    rd_kafka_queue_destroy(queue);
}

static void unassign(struct kafka_consumer *consumer, rd_kafka_topic_partition_list_t *partitions)
{
    if (!consumer->given_up && is_cooperative(consumer->client)) {
        rd_kafka_error_t *error = rd_kafka_incremental_unassign(consumer->client, partitions);
        if (error)
            rd_kafka_error_destroy(error);
    } else {
        rd_kafka_assign(consumer->client, NULL);
    }
}

static bool is_ours(const struct kafka_consumer *consumer, int32_t partition)
{
    return partition < consumer->n_partitions && consumer->partitions[partition].ours;
}

/* Takes no memory: partitions must not go without having been finished. */
static void tell_revoke(struct kafka_consumer *consumer, const rd_kafka_topic_partition_list_t *partitions, bool lost)
{
    size_t n = 0;
    for (int i = 0; i < partitions->cnt; i++)
        if (is_ours(consumer, partitions->elems[i].partition))
            consumer->revoked[n++] = partitions->elems[i].partition;
    consumer->told.revoke(consumer->told.context, consumer->revoked, n, lost);
}

static void forget(struct kafka_consumer *consumer, int32_t partition)
{
    rd_kafka_topic_partition_list_del(consumer->stored, consumer->topic, partition);
    if (is_ours(consumer, partition)) {
        consumer->partitions[partition].ours = false;
        consumer->figures.partitions--;
    }
}

static void revoke(struct kafka_consumer *consumer, rd_kafka_topic_partition_list_t *partitions)
{
    const bool lost = rd_kafka_assignment_lost(consumer->client);
    tell_revoke(consumer, partitions, lost);
    for (int i = 0; i < partitions->cnt; i++)
        forget(consumer, partitions->elems[i].partition);
    consumer->figures.rebalances += partitions->cnt > 0;
    if (!lost)
        kafka_consumer_commit(consumer);
    unassign(consumer, partitions);
    log_info("gave up %d partition%s%s", partitions->cnt, partitions->cnt == 1 ? "" : "s",
             lost ? ", which were lost" : "");
}

void kafka__rebalance(rd_kafka_t *client, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t *partitions,
                      void *opaque)
{
    (void)client;
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        assign(opaque, partitions);
    else
        revoke(opaque, partitions);
}
