/* bare.h: what the benchmark's programs on librdkafka share: properties, joining a group, clocks. They are written as
 * a good engineer would with nothing but the client library, and end the process with a line where that fails. */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <librdkafka/rdkafka.h>

/* Seconds: since 1970, since some point in time, and of all CPUs of this process so far. */
double bare_wall(void);
double bare_clock(void);
double bare_cpu(void);

/* "most memory this process has held, in KiB" */
long bare_peak_kib(void);

void bare_sleep_until(double clock);

/* Ends the process: "error: ..." on standard output. */
_Noreturn void bare_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The benchmark's own settings, tuned for throughput, and then NAME=VALUE words, which win. */
rd_kafka_conf_t *bare_conf(const char *bootstrap, const char *const *own, char *const *words, int n_words);
extern const char *const bare_consumer_settings[], *const bare_producer_settings[];

/* A member of `group` that reads `topic` from the earliest; its messages come to *queue. */
rd_kafka_t *bare_join(rd_kafka_conf_t *conf, const char *group, const char *topic, rd_kafka_queue_t **queue);
rd_kafka_t *bare_producer(rd_kafka_conf_t *conf);

/* Leaves the group without waiting for long. */
void bare_leave(rd_kafka_t *consumer, rd_kafka_queue_t *queue);

#endif
