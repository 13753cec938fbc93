/* demo.c: `alertrond demo`: a fleet, a broker, a model and the service, all in one process. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "command.h"
#include "fleet.h"
#include "kafka.h"
#include "log.h"
#include "options.h"
#include "service.h"

enum { TRAINING_ROWS = 20000, TREES = 200 };

struct demo {
    struct config config;
    double rate, anomalies;
    struct kafka_broker *broker;
    struct kafka_producer *producer;
    atomic_bool ended;
};

/* From readings as the fleet sends them, anomalies included: so the severity bands are those of its own anomalies. */
static alertron_model *train(alertron_error *error)
{
    struct fleet_options options = fleet_defaults();
    options.seed = 1;
    struct fleet fleet;
    struct fleet_reading reading;
    fleet_init(&fleet, &options);
    const size_t width = options.normal.width;
    double *rows = calloc(TRAINING_ROWS * width, sizeof *rows);
    if (!rows) {
        snprintf(error->text, sizeof error->text, "out of memory");
        return NULL;
    }
    for (size_t row = 0; row < TRAINING_ROWS; row++) {
        fleet_next(&fleet, &reading);
        memcpy(rows + row * width, reading.features, width * sizeof *rows);
    }
    const alertron_rows view = alertron_rows_of(rows, TRAINING_ROWS, width);
    const alertron_fit_options fit = {.trees = TREES, .contamination = options.anomalies, .seed = 42};
    alertron_model *model = alertron_model_fit(&view, &fit, NULL, error);
    free(rows);
    return model;
}

static void send_reading(struct demo *demo, struct fleet *fleet)
{
    struct timespec now;
    struct fleet_reading reading;
    char device[64], json[FLEET_READING_BYTES_MAX];
    clock_gettime(CLOCK_REALTIME, &now);
    fleet_next(fleet, &reading);
    const size_t n = fleet_write(fleet, &reading, (double)now.tv_sec + (double)now.tv_nsec * 1e-9, json, sizeof json);
    kafka_producer_send(demo->producer, demo->config.kafka.readings_topic, device,
                        fleet_device_name(fleet, reading.device, device, sizeof device), json, n);
    kafka_producer_poll(demo->producer, 0);
}

static void *generate(void *context)
{
    struct demo *demo = context;
    struct fleet_options options = fleet_defaults();
    options.anomalies = demo->anomalies;
    options.seed = (uint64_t)time(NULL);
    struct fleet fleet;
    fleet_init(&fleet, &options);
    const double began = clock_seconds();
    for (double sent = 0; !demo->ended;) {
        const double ahead = sent / demo->rate - (clock_seconds() - began);
        if (ahead <= 0) {
            send_reading(demo, &fleet);
            sent++;
        } else {
            /* Short naps, so that the end is not slept through. */
            nanosleep(&(struct timespec){.tv_nsec = (long)(1e9 * (ahead < 0.1 ? ahead : 0.1))}, NULL);
        }
    }
    return NULL;
}

/* Puts a copy of `text` in the place of a string of the configuration. False where memory has run out. */
static bool set_text(char **at, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        return false;
    free(*at);
    *at = copy;
    return true;
}

static bool start(struct demo *demo, char *why, size_t why_size)
{
    const char *const topics[] = {demo->config.kafka.readings_topic, demo->config.kafka.anomalies_topic,
                                  demo->config.kafka.dead_letters_topic};
    demo->broker = kafka_broker_start(topics, 3, (int)demo->config.kafka.partitions, why, why_size);
    if (!demo->broker)
        return false;
    struct config *config = &demo->config;
    const bool named = *config->model.feature_names;
    if (!set_text(&config->kafka.bootstrap, kafka_broker_bootstrap(demo->broker)) ||
        (!named && !set_text(&config->model.feature_names, "temperature, pressure, vibration"))) {
        snprintf(why, why_size, "out of memory");
        return false;
    }
    const struct kafka_cluster cluster = {.bootstrap = config->kafka.bootstrap};
    demo->producer = kafka_producer_new(&cluster, NULL, why, why_size);
    return demo->producer != NULL;
}

static int run(struct demo *demo)
{
    char why[512];
    alertron_error error;
    pthread_t generator;
    int status = 1;
    alertron_model *model = train(&error);
    if (!model) {
        log_error("%s", error.text);
    } else if (!start(demo, why, sizeof why)) {
        log_error("%s", why);
    } else if (pthread_create(&generator, NULL, generate, demo) != 0) {
        log_error("can't start a thread for the fleet");
    } else {
        log_info("%g readings a second, %g%% of them anomalous, through an embedded broker at %s; Ctrl-C ends it",
                 demo->rate, 100 * demo->anomalies, demo->config.kafka.bootstrap);
        status = service_run(&demo->config, model);
        model = NULL;
        demo->ended = true;
        pthread_join(generator, NULL);
    }
    if (demo->producer)
        kafka_producer_close(demo->producer, 0);
    if (demo->broker)
        kafka_broker_stop(demo->broker);
    alertron_model_free(model);
    return status;
}

int command_demo(int argc, char **argv)
{
    static const struct options_usage usage = {
        .command = "demo",
        .operands = "",
        .summary = "Everything in one process: a fleet, an embedded broker, a model trained on the spot, the service.",
        .details = "Then look at http://127.0.0.1:8000/ and /metrics, or send a reading of your own:\n"
                   "  curl -H 'Content-Type: application/json' http://127.0.0.1:8000/ingest \\\n"
                   "       -d '{\"device_id\": \"me\", \"features\": [72.1, 141.3, 0.98]}'",
    };
    struct demo demo = {.rate = 10, .anomalies = 0.08};
    int64_t port = 8000;
    const struct option options[] = {
        {.name = "rate",
         .kind = OPTION_NUMBER,
         .target = &demo.rate,
         .argument = "N",
         .help = "readings a second (default 10)",
         .least = 0.001,
         .most = 100000},
        {.name = "anomalies",
         .kind = OPTION_NUMBER,
         .target = &demo.anomalies,
         .argument = "SHARE",
         .help = "share of readings that are anomalous (default 0.08)",
         .least = 0,
         .most = 1},
        {.name = "port",
         .kind = OPTION_INTEGER,
         .target = &port,
         .argument = "N",
         .help = "where HTTP listens, on the loopback; 0: a free one (default 8000)",
         .least = 0,
         .most = 65535},
    };
    size_t n_operands = 0;
    const enum options_outcome outcome =
        options_parse(&usage, options, sizeof options / sizeof *options, argc, argv, NULL, &n_operands);
    if (outcome != OPTIONS_RUN)
        return options_status(outcome);
    char *address = strdup("127.0.0.1");
    if (!address || !config_defaults(&demo.config)) {
        free(address);
        log_error("out of memory");
        return 1;
    }
    free(demo.config.http.address);
    demo.config.http.address = address;
    demo.config.http.port = port;
    demo.config.kafka.workers = 1; /* the embedded broker is slow to share out partitions among more */
    const int status = run(&demo);
    config_free(&demo.config);
    return status;
}
