/* paced.c: how long it takes from a reading to its anomaly, with one clock.
 *
 *     paced BOOTSTRAP READINGS ANOMALIES FILE RATE SECONDS WARM_UP [NAME=VALUE...]
 *
 * FILE has readings, one a line, up to where their time goes: {"device_id":"a-7","features":[1,2,3],"ts":
 * Reading n is due n / RATE after the beginning, whether or not the one before it has been answered, and carries the
 * time that it was due: what waits because something is slow, here or there, counts (no coordinated omission). A second
 * thread reads ANOMALIES, and takes the time that it finds in each from the time of its arrival. NAME=VALUE words go
 * to the producer. Readings of the first WARM_UP seconds do not count. Prints
 *
 *     READINGS EXPECTED ANOMALIES LATE_MS MIN_MS P50_MS P90_MS P99_MS P999_MS MAX_MS
 *
 * EXPECTED: readings that count whose device_id begins with 'a'. ANOMALIES: those of them that came, each once. LATE:
 * the furthest that this program itself was behind its schedule.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "bare.h"

enum { WAIT_MS = 20, DRAIN_SECONDS = 10, LINE_BYTES = 512, LINES_MAX = 65536 };

#define MARKER_AT (sizeof "{\"device_id\":\"" - 1)
#define TICK 0.0002 /* readings due within it go out together */

struct paced {
    const char *bootstrap, *readings_topic, *anomalies_topic;
    char (*lines)[LINE_BYTES];
    size_t n_lines;
    double rate, seconds, warm_up;
    _Atomic double counts_from; /* readings due since then count; seconds since 1970 */
    double late;
    long sent, expected;
    double *latencies;
    size_t n_latencies, room;
    atomic_bool ready, over;
};

static void read_lines(struct paced *paced, const char *path)
{
    FILE *file = fopen(path, "r");
    paced->lines = calloc(LINES_MAX, sizeof *paced->lines);
    if (!file || !paced->lines)
        bare_fail("%s can't be read", path);
    while (paced->n_lines < LINES_MAX && fgets(paced->lines[paced->n_lines], LINE_BYTES, file)) {
        char *line = paced->lines[paced->n_lines++];
        line[strcspn(line, "\n")] = '\0';
    }
    fclose(file);
    if (paced->n_lines == 0)
        bare_fail("%s is empty", path);
}

/* ---- anomalies ---- */

static void note_anomaly(rd_kafka_message_t *message, void *opaque)
{
    struct paced *paced = opaque;
    const double now = bare_wall();
    char text[2 * LINE_BYTES];
    if (message->err || message->len >= sizeof text)
        return;
    memcpy(text, message->payload, message->len);
    text[message->len] = '\0';
    const char *ts = strstr(text, "\"ts\":");
    const double due = ts ? strtod(ts + 5, NULL) : 0;
    if (due < paced->counts_from || paced->n_latencies == paced->room)
        return;
    paced->latencies[paced->n_latencies++] = now - due;
}

static void *read_anomalies(void *opaque)
{
    struct paced *paced = opaque;
    rd_kafka_queue_t *queue;
    char group[64];
    snprintf(group, sizeof group, "paced-%.6f", bare_wall());
    char *latest[] = {"auto.offset.reset=latest"};
    rd_kafka_t *consumer = bare_join(bare_conf(paced->bootstrap, bare_consumer_settings, latest, 1), group,
                                     paced->anomalies_topic, &queue);
    rd_kafka_topic_partition_list_t *assigned = NULL;
    for (int n = 0; n == 0;) {
        rd_kafka_consume_callback_queue(queue, WAIT_MS, note_anomaly, paced);
        if (rd_kafka_assignment(consumer, &assigned) == RD_KAFKA_RESP_ERR_NO_ERROR) {
            n = assigned->cnt;
            rd_kafka_topic_partition_list_destroy(assigned);
        }
    }
    /* The partitions' ends have to be known before the first reading goes out. */
    for (double end = bare_clock() + 1; bare_clock() < end;)
        rd_kafka_consume_callback_queue(queue, WAIT_MS, note_anomaly, paced);
    paced->ready = true;
    while (!paced->over)
        rd_kafka_consume_callback_queue(queue, WAIT_MS, note_anomaly, paced);
    bare_leave(consumer, queue);
    return NULL;
}

/* ---- readings ---- */

static void send_reading(struct paced *paced, rd_kafka_t *producer, double due)
{
    char value[LINE_BYTES + 32];
    const char *line = paced->lines[(size_t)paced->sent % paced->n_lines];
    const int n = snprintf(value, sizeof value, "%s%.6f}", line, due);
    const char *key = line + MARKER_AT;
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        producer, RD_KAFKA_V_TOPIC(paced->readings_topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY((void *)key, strcspn(key, "\"")), RD_KAFKA_V_VALUE(value, (size_t)n), RD_KAFKA_V_END);
    if (error)
        bare_fail("producing: %s", rd_kafka_err2str(error));
    paced->sent++;
    paced->expected += due >= paced->counts_from && *key == 'a';
}

static void keep_pace(struct paced *paced, rd_kafka_t *producer)
{
    const double wall = bare_wall(), begin = bare_clock();
    const long all = (long)(paced->rate * paced->seconds);
    paced->counts_from = wall + paced->warm_up;
    while (paced->sent < all) {
        const double now = bare_clock() - begin;
        double due = (double)paced->sent / paced->rate;
        if (due >= paced->warm_up && now - due > paced->late)
            paced->late = now - due;
        for (; paced->sent < all && due <= now; due = (double)paced->sent / paced->rate)
            send_reading(paced, producer, wall + due);
        rd_kafka_poll(producer, 0);
        bare_sleep_until(begin + (due > now + TICK ? due : now + TICK));
    }
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const struct paced *paced, double q)
{
    const size_t n = paced->n_latencies;
    const size_t at = (size_t)(q * (double)n);
    return n == 0 ? -1 : 1e3 * paced->latencies[at < n ? at : n - 1];
}

static void print(struct paced *paced)
{
    qsort(paced->latencies, paced->n_latencies, sizeof *paced->latencies, by_size);
    printf("%ld %ld %zu %.3f %.3f %.3f %.3f %.3f %.3f %.3f\n", paced->sent, paced->expected, paced->n_latencies,
           1e3 * paced->late, quantile(paced, 0), quantile(paced, 0.5), quantile(paced, 0.9), quantile(paced, 0.99),
           quantile(paced, 0.999), quantile(paced, 1));
}

int main(int argc, char **argv)
{
    if (argc < 8)
        bare_fail("usage: paced BOOTSTRAP READINGS ANOMALIES FILE RATE SECONDS WARM_UP [NAME=VALUE...]");
    struct paced paced = {.bootstrap = argv[1],
                          .readings_topic = argv[2],
                          .anomalies_topic = argv[3],
                          .rate = atof(argv[5]),
                          .seconds = atof(argv[6]),
                          .warm_up = atof(argv[7])};
    prctl(PR_SET_TIMERSLACK, 1);
    read_lines(&paced, argv[4]);
    paced.room = (size_t)(paced.rate * paced.seconds) + 1;
    paced.latencies = calloc(paced.room, sizeof *paced.latencies);
    if (!paced.latencies)
        bare_fail("out of memory");
    paced.counts_from = 1e300; /* until the pace begins nothing counts */
    rd_kafka_t *producer = bare_producer(bare_conf(argv[1], bare_producer_settings, argv + 8, argc - 8));
    pthread_t reader;
    if (pthread_create(&reader, NULL, read_anomalies, &paced) != 0)
        bare_fail("no thread");
    while (!paced.ready)
        bare_sleep_until(bare_clock() + 0.01);
    keep_pace(&paced, producer);
    rd_kafka_flush(producer, DRAIN_SECONDS * 1000);
    for (double end = bare_clock() + DRAIN_SECONDS; (long)paced.n_latencies < paced.expected && bare_clock() < end;)
        bare_sleep_until(bare_clock() + 0.01);
    paced.over = true;
    pthread_join(reader, NULL);
    print(&paced);
    rd_kafka_destroy(producer);
    return 0;
}
