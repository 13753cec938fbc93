/* bare.c: see bare.h. */
#include "bare.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* A consumer that never waits for the broker while there is a backlog: the queue holds much, fetches are large. */
const char *const bare_consumer_settings[] = {"auto.offset.reset=earliest",         "enable.auto.commit=false",
                                              "enable.auto.offset.store=false",     "queued.min.messages=1000000",
                                              "queued.max.messages.kbytes=1048576", "fetch.message.max.bytes=8388608",
                                              "fetch.max.bytes=67108864",           "fetch.wait.max.ms=100",
                                              "socket.nagle.disable=true",          NULL};

const char *const bare_producer_settings[] = {"enable.idempotence=true",
                                              "compression.codec=lz4",
                                              "linger.ms=5",
                                              "socket.nagle.disable=true",
                                              "queue.buffering.max.kbytes=1048576",
                                              "queue.buffering.max.messages=1000000",
                                              "partitioner=murmur2_random",
                                              NULL};

static double seconds_of(struct timespec time)
{
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return seconds_of(now);
}

double bare_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

double bare_clock(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double bare_cpu(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

long bare_peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

void bare_sleep_until(double clock)
{
    const double whole = floor(clock);
    const struct timespec until = {.tv_sec = (time_t)whole, .tv_nsec = (long)((clock - whole) * 1e9)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

void bare_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("error: ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *word)
{
    char name[128], why[512];
    const char *equals = strchr(word, '=');
    const size_t n = equals ? (size_t)(equals - word) : sizeof name;
    if (n >= sizeof name)
        bare_fail("%s is not NAME=VALUE", word);
    memcpy(name, word, n);
    name[n] = '\0';
    if (rd_kafka_conf_set(conf, name, equals + 1, why, sizeof why) != RD_KAFKA_CONF_OK)
        bare_fail("%s: %s", word, why);
}

/* Warnings that a consumer does not use a producer's settings are of no interest, the rest is. */
static void write_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    if (strcmp(facility, "CONFWARN") != 0 && level <= 4)
        fprintf(stderr, "%s: %s\n", facility, text);
}

rd_kafka_conf_t *bare_conf(const char *bootstrap, const char *const *own, char *const *words, int n_words)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, write_log);
    if (rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, why, sizeof why) != RD_KAFKA_CONF_OK)
        bare_fail("%s", why);
    for (; *own; own++)
        set(conf, *own);
    for (int i = 0; i < n_words; i++)
        set(conf, words[i]);
    return conf;
}

rd_kafka_t *bare_join(rd_kafka_conf_t *conf, const char *group, const char *topic, rd_kafka_queue_t **queue)
{
    char why[512];
    if (rd_kafka_conf_set(conf, "group.id", group, why, sizeof why) != RD_KAFKA_CONF_OK)
        bare_fail("%s", why);
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!consumer)
        bare_fail("%s", why);
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
    const rd_kafka_resp_err_t error = rd_kafka_subscribe(consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        bare_fail("%s", rd_kafka_err2str(error));
    *queue = rd_kafka_queue_get_consumer(consumer);
    return consumer;
}

rd_kafka_t *bare_producer(rd_kafka_conf_t *conf)
{
    char why[512];
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!producer)
        bare_fail("%s", why);
    return producer;
}

void bare_leave(rd_kafka_t *consumer, rd_kafka_queue_t *queue)
{
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
}
