/* kafka_topics.c: makes topics that are missing. */
#include <stdio.h>
#include <string.h>

#include "kafka_private.h"
#include "log.h"

enum { ADMIN_MS = 15000 };

/* A topic that is there already is as good as one that was made. */
static bool read_created(rd_kafka_event_t *event, char *why, size_t why_size)
{
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(why, why_size, "%s", rd_kafka_event_error_string(event));
        return false;
    }
    size_t n;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    for (size_t i = 0; i < n; i++) {
        const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
            log_info("made topic %s", rd_kafka_topic_result_name(results[i]));
        else if (error != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            snprintf(why, why_size, "topic %s: %s%s", rd_kafka_topic_result_name(results[i]),
                     rd_kafka_topic_result_error_string(results[i]), kafka_access_remedy(error));
            return false;
        }
    }
    return true;
}

static bool request_topics(rd_kafka_t *client, rd_kafka_NewTopic_t **topics, size_t n, char *why, size_t why_size)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_operation_timeout(options, ADMIN_MS, NULL, 0);
    rd_kafka_CreateTopics(client, topics, n, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 2 * ADMIN_MS);
    bool made = false;
    if (event && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE) {
        log_info("the broker makes topics by itself only; they appear when they are first used");
        made = true;
    } else if (event) {
        made = read_created(event, why, why_size);
    } else {
        snprintf(why, why_size, "no answer from the broker within %d s", 2 * ADMIN_MS / 1000);
    }
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    return made;
}

static bool create_topic(rd_kafka_t *client, const char *name, int partitions, int replication, char *why,
                         size_t why_size)
{
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, partitions, replication, why, why_size);
    if (!topic)
        return false;
    const bool made = request_topics(client, &topic, 1, why, why_size);
    rd_kafka_NewTopic_destroy(topic);
    return made;
}

static bool is_listed(const struct rd_kafka_metadata *metadata, const char *topic)
{
    for (int i = 0; i < metadata->topic_cnt; i++)
        if (strcmp(metadata->topics[i].topic, topic) == 0)
            return true;
    return false;
}

bool kafka_producer_create_topics(struct kafka_producer *producer, const char *const *topics, size_t n_topics,
                                  int partitions, int replication, char *why, size_t why_size)
{
    const struct rd_kafka_metadata *metadata;
    const rd_kafka_resp_err_t error = rd_kafka_metadata(producer->client, 1, NULL, &metadata, ADMIN_MS);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(why, why_size, "%s", rd_kafka_err2str(error));
        return false;
    }
    bool good = true;
    for (size_t i = 0; good && i < n_topics; i++)
        good = is_listed(metadata, topics[i]) ||
               create_topic(producer->client, topics[i], partitions, replication, why, why_size);
    rd_kafka_metadata_destroy(metadata);
    return good;
}
