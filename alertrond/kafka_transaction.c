/* kafka_transaction.c: outputs and the offsets of what they came from count together, or not at all. */
#include <stdio.h>

#include "clock.h"
#include "kafka_private.h"
#include "log.h"

enum { REFUSED_SECONDS = 1, BEGIN_MS = 1000, ASTRAY_MAX = 10 };

static int remaining_ms(double deadline)
{
    const double left = (deadline - clock_seconds()) * 1e3;
    return left > 0 ? (int)left + 1 : 0;
}

bool kafka__came_too_early(struct kafka_producer *producer, rd_kafka_resp_err_t error)
{
    return error == RD_KAFKA_RESP_ERR__STATE && producer->astray++ < ASTRAY_MAX;
}

/* What the answer of a call that may be repeated means; frees it. What librdkafka calls neither retriable nor abortable
 * can't be gone on from. */
static enum kafka_transaction judge(struct kafka_producer *producer, rd_kafka_error_t *error)
{
    if (!error) {
        producer->astray = 0;
        return KAFKA_TRANSACTION_DONE;
    }
    enum kafka_transaction outcome = KAFKA_TRANSACTION_FATAL;
    log_debug("kafka transaction: %s", rd_kafka_error_string(error));
    if (rd_kafka_error_is_fatal(error)) {
        kafka__note_fatal(producer);
    } else if (rd_kafka_error_txn_requires_abort(error)) {
        outcome = KAFKA_TRANSACTION_ABORTED;
    } else if (rd_kafka_error_is_retriable(error) || rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__TIMED_OUT ||
               kafka__came_too_early(producer, rd_kafka_error_code(error))) {
        outcome = KAFKA_TRANSACTION_RETRY;
    } else if (!producer->fatal && !(producer->astray && producer->stage == KAFKA__ABORTING)) { /* see end_it */
        producer->fatal = true;
        snprintf(producer->fatal_text, sizeof producer->fatal_text, "%s%s", rd_kafka_error_string(error),
                 kafka_access_remedy(rd_kafka_error_code(error)));
    }
    rd_kafka_error_destroy(error);
    return outcome;
}

enum kafka_transaction kafka_transaction_init(struct kafka_producer *producer, int timeout_ms)
{
    rd_kafka_poll(producer->client, 0);
    return judge(producer, rd_kafka_init_transactions(producer->client, timeout_ms));
}

/* --- the end of a transaction ------------------------------------------------------------------------------- */

/* Where a broker took nothing of a transaction, as its topic is gone or this user may not write to it, there is nothing
 * that it could abort, and librdkafka, which asks all the same, can't go on from the answer (its issue 4849). A new
 * client can: that the broker makes its id known to it is an abort, too. So it is where librdkafka will not have it
 * that there is something to abort. */
static enum kafka_transaction end_it(struct kafka_producer *producer, double deadline)
{
    enum kafka_transaction outcome = KAFKA_TRANSACTION_FATAL;
    if (!producer->anew && !producer->unanswered)
        outcome = judge(producer, rd_kafka_abort_transaction(producer->client, remaining_ms(deadline)));
    if (!producer->anew && outcome == KAFKA_TRANSACTION_FATAL && !producer->fatal && !producer->closing) {
        producer->anew = kafka__renew(producer);
        producer->unanswered = false;
    }
    if (producer->anew) {
        outcome = kafka_transaction_init(producer, remaining_ms(deadline));
        producer->anew = outcome != KAFKA_TRANSACTION_DONE;
    }
    return outcome;
}

static enum kafka_transaction abort_it(struct kafka_producer *producer, double deadline)
{
    producer->stage = KAFKA__ABORTING;
    const enum kafka_transaction outcome = end_it(producer, deadline);
    if (outcome == KAFKA_TRANSACTION_DONE) {
        producer->stage = KAFKA__IDLE;
        producer->doomed = false; /* not before the caller is told */
    }
    /* "to be aborted" as the answer to an abort: it failed at the broker, and is to be begun again */
    return outcome == KAFKA_TRANSACTION_ABORTED ? KAFKA_TRANSACTION_RETRY : outcome;
}

/* librdkafka's word alone is no proof: it may be the answer to a call before. That it refuses to begin once more shows
 * that no such answer is left, which it would take for the word that offsets have been sent; and that the transaction
 * is open, or that it is in a state in which it refuses records and offsets as well. */
static enum kafka_transaction open_it(struct kafka_producer *producer)
{
    enum kafka_transaction outcome = judge(producer, rd_kafka_begin_transaction(producer->client));
    for (int i = 0; i < ASTRAY_MAX && outcome == KAFKA_TRANSACTION_DONE; i++) {
        rd_kafka_error_t *error = rd_kafka_begin_transaction(producer->client);
        if (rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__STATE) {
            rd_kafka_error_destroy(error);
            return KAFKA_TRANSACTION_DONE;
        }
        outcome = judge(producer, error);
    }
    return outcome == KAFKA_TRANSACTION_DONE ? KAFKA_TRANSACTION_RETRY : outcome;
}

bool kafka_transaction_begin(struct kafka_producer *producer)
{
    if (producer->fatal ||
        (*unsent_why(&producer->unsent) && clock_seconds() - producer->unsent.refused < REFUSED_SECONDS))
        return false;
    if (producer->stage == KAFKA__ABORTING &&
        abort_it(producer, clock_seconds() + BEGIN_MS * 1e-3) != KAFKA_TRANSACTION_DONE)
        return false;
    if (open_it(producer) != KAFKA_TRANSACTION_DONE) {
        if (producer->astray) /* the one before has ended, which librdkafka does not know yet */
            producer->stage = KAFKA__ABORTING;
        return false;
    }
    producer->stage = KAFKA__WRITING;
    producer->one_by_one = producer->one_by_one || producer->batch_too_large;
    producer->batch_too_large = false;
    return true;
}

static bool is_silence(rd_kafka_resp_err_t error)
{
    return error == RD_KAFKA_RESP_ERR__TIMED_OUT || error == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE ||
           error == RD_KAFKA_RESP_ERR__TRANSPORT;
}

/* Once for a transaction. What had no answer may still lie at a broker that stands still, which would add it to the
 * next transaction of the same producer; sent again, one of its answers could be taken for that to the next one's
 * offsets. Another client has another epoch, and so fences what is late. */
static enum kafka_transaction send_offsets(struct kafka_producer *producer, struct kafka_consumer *consumer,
                                           const struct kafka_offset *offsets, size_t n, double deadline)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, consumer->topic, offsets[i].partition)->offset = offsets[i].offset;
    rd_kafka_consumer_group_metadata_t *member = rd_kafka_consumer_group_metadata(consumer->client);
    rd_kafka_error_t *error =
        rd_kafka_send_offsets_to_transaction(producer->client, list, member, remaining_ms(deadline));
    rd_kafka_consumer_group_metadata_destroy(member);
    rd_kafka_topic_partition_list_destroy(list);
    const bool silence = is_silence(rd_kafka_error_code(error));
    const enum kafka_transaction outcome = judge(producer, error);
    producer->unanswered = outcome == KAFKA_TRANSACTION_RETRY || (outcome == KAFKA_TRANSACTION_ABORTED && silence);
    return producer->unanswered ? KAFKA_TRANSACTION_ABORTED : outcome;
}

/* Goes on with the commit from the stage it has reached. */
static enum kafka_transaction commit(struct kafka_producer *producer, struct kafka_consumer *consumer,
                                     const struct kafka_offset *offsets, size_t n, int timeout_ms, double deadline)
{
    if (producer->stage == KAFKA__WRITING) {
        if (rd_kafka_flush(producer->client, remaining_ms(deadline)) != RD_KAFKA_RESP_ERR_NO_ERROR ||
            remaining_ms(deadline) < timeout_ms / 2)
            return KAFKA_TRANSACTION_RETRY;
        const enum kafka_transaction sent =
            producer->doomed ? KAFKA_TRANSACTION_ABORTED : send_offsets(producer, consumer, offsets, n, deadline);
        if (sent != KAFKA_TRANSACTION_DONE)
            return sent;
        producer->stage = KAFKA__COMMITTING;
    }
    return judge(producer, rd_kafka_commit_transaction(producer->client, remaining_ms(deadline)));
}

enum kafka_transaction kafka_transaction_commit(struct kafka_producer *producer, struct kafka_consumer *consumer,
                                                const struct kafka_offset *offsets, size_t n, int timeout_ms)
{
    const double deadline = clock_seconds() + timeout_ms * 1e-3;
    if (producer->stage != KAFKA__ABORTING) {
        const enum kafka_transaction outcome = commit(producer, consumer, offsets, n, timeout_ms, deadline);
        if (outcome == KAFKA_TRANSACTION_DONE) {
            producer->stage = KAFKA__IDLE;
            producer->one_by_one = false;
            unsent_written(&producer->unsent);
        }
        if (outcome != KAFKA_TRANSACTION_ABORTED)
            return outcome;
    }
    const enum kafka_transaction outcome = abort_it(producer, deadline);
    return outcome == KAFKA_TRANSACTION_DONE ? KAFKA_TRANSACTION_ABORTED : outcome;
}

bool kafka_transaction_may_abort(const struct kafka_producer *producer)
{
    return producer->stage != KAFKA__COMMITTING;
}

enum kafka_transaction kafka_transaction_abort(struct kafka_producer *producer, int timeout_ms)
{
    return abort_it(producer, clock_seconds() + timeout_ms * 1e-3);
}
