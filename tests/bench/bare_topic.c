/* bare_topic.c: makes topics, and says how many messages are in one.
 *
 *     bare_topic BOOTSTRAP make PARTITIONS TOPIC...
 *     bare_topic BOOTSTRAP count TOPIC
 *     bare_topic BOOTSTRAP committed TOPIC GROUP
 *
 * `count` prints the messages of all partitions, `committed` how many of them a group has behind it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare.h"

enum { WAIT_MS = 15000, TOPICS_MAX = 16 };

static const char *const no_settings[] = {NULL};

static void make(rd_kafka_t *client, int partitions, char **names, int n)
{
    rd_kafka_NewTopic_t *topics[TOPICS_MAX];
    char why[512];
    if (n > TOPICS_MAX)
        bare_fail("at most %d topics at a time", TOPICS_MAX);
    for (int i = 0; i < n; i++)
        if (!(topics[i] = rd_kafka_NewTopic_new(names[i], partitions, 1, why, sizeof why)))
            bare_fail("%s", why);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_CreateTopics(client, topics, (size_t)n, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MS);
    if (!event || rd_kafka_event_error(event))
        bare_fail("topics: %s", event ? rd_kafka_event_error_string(event) : "no answer");
    size_t n_results;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n_results);
    for (size_t i = 0; i < n_results; i++)
        if (rd_kafka_topic_result_error(results[i]))
            bare_fail("topic %s: %s", rd_kafka_topic_result_name(results[i]),
                      rd_kafka_topic_result_error_string(results[i]));
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
}

static int partitions_of(rd_kafka_t *client, const char *topic)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    const rd_kafka_resp_err_t error = rd_kafka_metadata(client, 0, handle, &metadata, WAIT_MS);
    if (error)
        bare_fail("%s: %s", topic, rd_kafka_err2str(error));
    const int n = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    return n;
}

static long count(rd_kafka_t *client, const char *topic)
{
    long messages = 0;
    const int n = partitions_of(client, topic);
    for (int i = 0; i < n; i++) {
        int64_t low, high;
        const rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(client, topic, i, &low, &high, WAIT_MS);
        if (error)
            bare_fail("%s: %s", topic, rd_kafka_err2str(error));
        messages += (long)high;
    }
    return messages;
}

static long committed(rd_kafka_t *client, const char *topic)
{
    long messages = 0;
    const int n = partitions_of(client, topic);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n);
    for (int i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, topic, i);
    const rd_kafka_resp_err_t error = rd_kafka_committed(client, list, WAIT_MS);
    if (error)
        bare_fail("%s: %s", topic, rd_kafka_err2str(error));
    for (int i = 0; i < n; i++)
        messages += list->elems[i].offset > 0 ? (long)list->elems[i].offset : 0;
    rd_kafka_topic_partition_list_destroy(list);
    return messages;
}

static rd_kafka_t *member_of(const char *bootstrap, const char *group)
{
    char word[512], why[512];
    char *words[] = {word};
    snprintf(word, sizeof word, "group.id=%s", group);
    rd_kafka_conf_t *conf = bare_conf(bootstrap, no_settings, words, 1);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!client)
        bare_fail("%s", why);
    return client;
}

int main(int argc, char **argv)
{
    static const char usage[] =
        "usage: bare_topic BOOTSTRAP make PARTITIONS TOPIC... | count TOPIC | committed TOPIC GROUP";
    if (argc < 4)
        bare_fail("%s", usage);
    const char *command = argv[2];
    const bool asks_group = strcmp(command, "committed") == 0 && argc == 5;
    rd_kafka_t *client =
        asks_group ? member_of(argv[1], argv[4]) : bare_producer(bare_conf(argv[1], no_settings, NULL, 0));
    if (asks_group)
        printf("%ld\n", committed(client, argv[3]));
    else if (strcmp(command, "make") == 0 && argc > 4)
        make(client, atoi(argv[3]), argv + 4, argc - 4);
    else if (strcmp(command, "count") == 0 && argc == 4)
        printf("%ld\n", count(client, argv[3]));
    else
        bare_fail("%s", usage);
    rd_kafka_destroy(client);
    return 0;
}
