/* broker.c: `alertrond broker`: an embedded broker for trying things without a Kafka. */
#include <stdio.h>
#include <time.h>

#include "command.h"
#include "kafka.h"
#include "log.h"
#include "options.h"
#include "stop.h"

int command_broker(int argc, char **argv)
{
    static const struct options_usage usage = {
        .command = "broker",
        .operands = "",
        .summary = "An embedded broker that speaks Kafka's protocol, for trying things; everything is in memory.",
        .details = "Prints its address as its first line and runs until it is stopped. Topics: readings, anomalies,\n"
                   "readings.dlq. It keeps 5 MiB a partition and then drops the oldest: never use it in production.",
    };
    int64_t partitions = 4;
    const struct option options[] = {
        {.name = "partitions",
         .kind = OPTION_INTEGER,
         .target = &partitions,
         .argument = "N",
         .help = "partitions of each topic (default 4)",
         .least = 1,
         .most = 1000},
    };
    size_t n_operands = 0;
    const enum options_outcome outcome =
        options_parse(&usage, options, sizeof options / sizeof *options, argc, argv, NULL, &n_operands);
    if (outcome != OPTIONS_RUN)
        return options_status(outcome);
    stop_catch_signals();
    static const char *const topics[] = {"readings", "anomalies", "readings.dlq"};
    char why[512];
    struct kafka_broker *broker = kafka_broker_start(topics, 3, (int)partitions, why, sizeof why);
    if (!broker) {
        log_error("%s", why);
        return 1;
    }
    printf("%s\n", kafka_broker_bootstrap(broker));
    fflush(stdout);
    while (!stop_asked())
        nanosleep(&(struct timespec){.tv_nsec = 100000000},
                  NULL); /* pause() could miss a signal that comes just before */
    kafka_broker_stop(broker);
    return 0;
}
