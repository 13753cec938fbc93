/* kafka_support.h: a mock cluster, and a member of a group that notes what it is handed. */
#ifndef ALERTRON_TESTS_KAFKA_SUPPORT_H
#define ALERTRON_TESTS_KAFKA_SUPPORT_H

#include "kafka_private.h"
/* needs rdkafka.h before it */
#include <librdkafka/rdkafka_mock.h>

#include "support.h"

enum { CLUSTER_PARTITIONS = 4, NUMBERS_MAX = 4096 };

/* One broker with the topics readings, anomalies and letters. */
struct cluster {
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *mock;
    struct kafka_cluster address;
    struct kafka_producer *producer;
};

int cluster_setup(void **state);
int cluster_teardown(void **state);

/* A test whose state is a cluster of its own. */
#define CLUSTER_TEST(name) cmocka_unit_test_setup_teardown(name, cluster_setup, cluster_teardown)

/* Writes the numbers from `first` up to before `end`, each as a message's value, in turn to the partitions. */
void write_numbers(struct cluster *cluster, const char *topic, int first, int end);

struct reader {
    struct kafka_consumer *consumer;
    int64_t next[CLUSTER_PARTITIONS]; /* offset that must come next; -1: any */
    bool owned[CLUSTER_PARTITIONS];
    size_t n_owned;
    size_t n, gaps, strangers; /* messages; those out of order; those of partitions that are another's */
    bool whole;                /* every value was the number that belongs to its place */
    unsigned char seen[NUMBERS_MAX];
    struct kafka_headers *headers; /* of the message that had any last */
};

struct reader *reader_new(struct cluster *cluster, const struct kafka_consumer_options *options);
void reader_free(struct reader *reader);

/* One call of kafka_consumer_serve. */
size_t reader_serve(struct reader *reader, size_t most);

/* As if nothing had been read yet. */
void reader_forget(struct reader *reader);

/* As it was when it was copied. */
void reader_go_back(struct reader *reader, const struct reader *copy);

/* Commits for the group that all that was handed over is done. */
void commit_place(struct reader *reader);

/* The header at an index is this one; name NULL: there is none. */
void assert_header(const struct kafka_headers *headers, size_t index, const char *name, const char *value);

#endif
