/* bare_loop.c: the floor under any service that consumes, filters and produces: no decoding, no scoring.
 *
 *     bare_loop BOOTSTRAP FROM TO GROUP [NAME=VALUE...]
 *
 * A message whose device_id begins with 'a', which the benchmark puts there for those that the model calls anomalous,
 * is written to TO as it came. NAME=VALUE words go to the producer, so that it lingers as the other side does.
 * Nothing is promised: no offset is stored. Ends at SIGTERM.
 */
#include <signal.h>

#include "bare.h"

enum { WAIT_MS = 100, FLUSH_MS = 5000 };

#define MARKER_AT (sizeof "{\"device_id\":\"" - 1)

struct loop {
    rd_kafka_t *producer;
    const char *to;
};

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static void take(rd_kafka_message_t *message, void *opaque)
{
    struct loop *loop = opaque;
    if (message->err || message->len <= MARKER_AT || ((const char *)message->payload)[MARKER_AT] != 'a')
        return;
    const rd_kafka_resp_err_t error =
        rd_kafka_producev(loop->producer, RD_KAFKA_V_TOPIC(loop->to), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_KEY(message->key, message->key_len),
                          RD_KAFKA_V_VALUE(message->payload, message->len), RD_KAFKA_V_END);
    if (error)
        bare_fail("producing: %s", rd_kafka_err2str(error));
}

int main(int argc, char **argv)
{
    if (argc < 5)
        bare_fail("usage: bare_loop BOOTSTRAP FROM TO GROUP [NAME=VALUE...]");
    struct loop loop = {bare_producer(bare_conf(argv[1], bare_producer_settings, argv + 5, argc - 5)), argv[3]};
    rd_kafka_queue_t *queue;
    rd_kafka_t *consumer = bare_join(bare_conf(argv[1], bare_consumer_settings, NULL, 0), argv[4], argv[2], &queue);
    signal(SIGTERM, stop);
    while (!stopped) {
        rd_kafka_consume_callback_queue(queue, WAIT_MS, take, &loop);
        rd_kafka_poll(loop.producer, 0);
    }
    rd_kafka_flush(loop.producer, FLUSH_MS);
    bare_leave(consumer, queue);
    rd_kafka_destroy(loop.producer);
    return 0;
}
