/* kafka_broker.c: librdkafka's mock cluster as an embedded broker. */
#include <stdio.h>
#include <stdlib.h>

#include "kafka_private.h"
/* needs rdkafka.h before it */
#include <librdkafka/rdkafka_mock.h>

struct kafka_broker {
    rd_kafka_t *client;
    rd_kafka_mock_cluster_t *cluster;
};

struct kafka_broker *kafka_broker_start(const char *const *topics, size_t n_topics, int partitions, char *why,
                                        size_t why_size)
{
    struct kafka_broker *broker = calloc(1, sizeof *broker);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, kafka__write_log);
    if (!broker || !(broker->client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, why_size))) {
        rd_kafka_conf_destroy(conf);
        free(broker);
        return NULL;
    }
    broker->cluster = rd_kafka_mock_cluster_new(broker->client, 1);
    if (!broker->cluster) {
        snprintf(why, why_size, "the embedded broker could not be started");
        rd_kafka_destroy(broker->client);
        free(broker);
        return NULL;
    }
    for (size_t i = 0; i < n_topics; i++)
        rd_kafka_mock_topic_create(broker->cluster, topics[i], partitions, 1);
    return broker;
}

const char *kafka_broker_bootstrap(const struct kafka_broker *broker)
{
    return rd_kafka_mock_cluster_bootstraps(broker->cluster);
}

void kafka_broker_stop(struct kafka_broker *broker)
{
    rd_kafka_mock_cluster_destroy(broker->cluster);
    rd_kafka_destroy(broker->client);
    free(broker);
}
