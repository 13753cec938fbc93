/* bare_consumer.c: how fast librdkafka hands out messages to a program that throws them away.
 *
 *     bare_consumer BOOTSTRAP TOPIC GROUP COUNT HANDLES WORK_NS [NAME=VALUE...]
 *
 * HANDLES members of a new group, a thread each, read COUNT messages by rd_kafka_consume_callback_queue, the fastest
 * way there is. With WORK_NS each message keeps its thread busy for so long, to see what the client library does when
 * it is not the slowest. Prints
 *
 *     MESSAGES SECONDS CPU_SECONDS PEAK_KIB
 *
 * Seconds are from the first message to the last, so that joining the group is not in them; CPU is of all threads.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bare.h"

enum { HANDLES_MAX = 64, WAIT_MS = 50, GIVE_UP_SECONDS = 60 };

static struct {
    atomic_long messages, started;
    long wanted;
    double work, began, cpu_began;
    _Atomic double ended; /* of the last message so far */
} all;

struct member {
    pthread_t thread;
    rd_kafka_t *consumer;
    rd_kafka_queue_t *queue;
    long messages;  /* not yet added to all.messages */
    uint64_t bytes; /* looked at, so that nobody can say they were not */
};

static void begin(void)
{
    if (atomic_fetch_add(&all.started, 1) > 0)
        return;
    all.began = bare_clock();
    all.cpu_began = bare_cpu();
}

static void take(rd_kafka_message_t *message, void *opaque)
{
    struct member *member = opaque;
    if (message->err)
        return;
    if (member->messages == 0 && atomic_load(&all.started) == 0)
        begin();
    member->messages++;
    member->bytes += message->len;
    if (all.work > 0)
        for (double until = bare_clock() + all.work; bare_clock() < until;)
            ;
}

static void *read_messages(void *opaque)
{
    struct member *member = opaque;
    const double give_up = bare_clock() + GIVE_UP_SECONDS;
    while (atomic_load(&all.messages) < all.wanted) {
        rd_kafka_consume_callback_queue(member->queue, WAIT_MS, take, member);
        if (member->messages == 0) {
            if (atomic_load(&all.started) == 0 && bare_clock() > give_up)
                bare_fail("no message came within %d s", GIVE_UP_SECONDS);
            continue;
        }
        all.ended = bare_clock();
        atomic_fetch_add(&all.messages, member->messages);
        member->messages = 0;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static struct member members[HANDLES_MAX];
    if (argc < 7)
        bare_fail("usage: bare_consumer BOOTSTRAP TOPIC GROUP COUNT HANDLES WORK_NS [NAME=VALUE...]");
    const int handles = atoi(argv[5]);
    if (handles < 1 || handles > HANDLES_MAX)
        bare_fail("1 to %d handles", HANDLES_MAX);
    all.wanted = atol(argv[4]);
    all.work = atof(argv[6]) * 1e-9;
    for (int i = 0; i < handles; i++) {
        rd_kafka_conf_t *conf = bare_conf(argv[1], bare_consumer_settings, argv + 7, argc - 7);
        members[i].consumer = bare_join(conf, argv[3], argv[2], &members[i].queue);
    }
    for (int i = 0; i < handles; i++)
        if (pthread_create(&members[i].thread, NULL, read_messages, &members[i]) != 0)
            bare_fail("no thread");
    for (int i = 0; i < handles; i++)
        pthread_join(members[i].thread, NULL);
    printf("%ld %.6f %.6f %ld\n", atomic_load(&all.messages), all.ended - all.began, bare_cpu() - all.cpu_began,
           bare_peak_kib());
    fflush(stdout);
    for (int i = 0; i < handles; i++)
        bare_leave(members[i].consumer, members[i].queue);
    return 0;
}
