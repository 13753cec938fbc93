/* service.c: the service as a whole, from start to end. */
#include "service.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "http.h"
#include "log.h"
#include "modelstore.h"
#include "pipeline.h"
#include "routes.h"
#include "scorer.h"

enum { STEP_MS = 100, WAIT_LOG_SECONDS = 30 };

static volatile sig_atomic_t asked_to_end;

static void note_signal(int number)
{
    if (asked_to_end)
        _exit(128 + number);
    asked_to_end = 1;
}

void service_catch_signals(void)
{
    struct sigaction action = {.sa_handler = note_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool service_asked_to_end(void)
{
    return asked_to_end;
}

/* What runs beside each other. */
struct service {
    const struct config *config;
    struct scorer *scorer;
    struct routes *routes;
    struct http_server *http;
    struct pipeline *pipeline;
    double ticked;
};

static void tick(struct service *service)
{
    const double now = clock_seconds();
    if (now - service->ticked < 1.0)
        return;
    service->ticked = now;
    pipeline_tick(service->pipeline);
    const char *trouble = pipeline_trouble(service->pipeline);
    scorer_lock(service->scorer);
    scorer_tick(service->scorer, now);
    alertron_gauge_set(scorer_metrics(service->scorer)->ready, *trouble == 0);
    scorer_unlock(service->scorer);
    routes_tell(service->routes, trouble);
}

/* A broker that is not up yet is waited for. False where the service was asked to end meanwhile, or can't go on. */
static bool wait_for_broker(struct service *service)
{
    double logged = -WAIT_LOG_SECONDS;
    while (!service_asked_to_end() && !pipeline_fatal(service->pipeline)) {
        tick(service);
        if (pipeline_reaches_broker(service->pipeline, 1000))
            return true;
        if (clock_seconds() - logged > WAIT_LOG_SECONDS) {
            log_info("waiting for a broker at %s", service->config->kafka.bootstrap);
            logged = clock_seconds();
        }
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    return false;
}

static bool join(struct service *service)
{
    char why[512];
    const struct config *config = service->config;
    if (config->kafka.create_topics && !pipeline_create_topics(service->pipeline, why, sizeof why)) {
        log_error("can't make the topics: %s", why);
        return false;
    }
    if (!pipeline_join(service->pipeline, why, sizeof why)) {
        log_error("can't join group %s: %s", config->kafka.group_id, why);
        return false;
    }
    log_info("reading topic %s as a member of group %s", config->kafka.readings_topic, config->kafka.group_id);
    return true;
}

static bool serve(struct service *service)
{
    bool good = wait_for_broker(service);
    if (good && !join(service))
        return false;
    good = good || !pipeline_fatal(service->pipeline);
    while (good && !service_asked_to_end()) {
        good = pipeline_step(service->pipeline, STEP_MS);
        tick(service);
    }
    if (!good)
        log_error("%s", pipeline_trouble(service->pipeline));
    return good;
}

static bool start(struct service *service, const alertron_model *model)
{
    char why[512];
    const struct config *config = service->config;
    if (!(service->scorer = scorer_new(config, model, why, sizeof why)) ||
        !(service->pipeline = pipeline_new(config, service->scorer, why, sizeof why))) {
        log_error("%s", why);
        return false;
    }
    if (!(service->routes = routes_new(service->scorer))) {
        log_error("out of memory");
        return false;
    }
    const struct http_options options = {.address = config->http.address,
                                         .port = (int)config->http.port,
                                         .threads = (int)config->http.threads,
                                         .body_bytes_max = (size_t)config->limits.message_bytes,
                                         .handle = routes_handle,
                                         .context = service->routes};
    if (!(service->http = http_start(&options, why, sizeof why))) {
        log_error("%s", why);
        return false;
    }
    log_info("listening on http://%s:%d", config->http.address, http_port(service->http));
    return true;
}

/* Readings first: HTTP answers until the last has been dealt with. */
static bool end(struct service *service)
{
    bool clean = true;
    if (service->pipeline && service_asked_to_end())
        log_info("ending: finishing what is held, committing, leaving the group");
    if (service->pipeline && !(clean = pipeline_close(service->pipeline)))
        log_warning("some anomalies or dead letters were not acknowledged in time; their readings will be read again");
    http_stop(service->http);
    routes_free(service->routes);
    scorer_free(service->scorer);
    return clean;
}

static void log_model(const alertron_model *model, const char *path)
{
    alertron_model_info info;
    alertron_model_describe(model, &info);
    log_info("alertrond %s, model %s: %s by %s, %u trees, %u features", alertron_version(), path, info.kind,
             info.producer, info.trees, info.features);
}

int service_run(const struct config *config, const alertron_model *model)
{
    struct service service = {.config = config};
    service_catch_signals();
    log_model(model, config->model.path ? config->model.path : "made here");
    bool good = start(&service, model) && serve(&service);
    good = end(&service) && good;
    log_info(good ? "ended" : "ended with errors");
    return good ? 0 : 1;
}

int command_run(int argc, char **argv)
{
    static const struct options_usage usage = {
        .command = "run",
        .operands = "",
        .summary = "The service: readings from Kafka in, anomalies and dead letters out, /metrics for Prometheus.",
        .details = "Examples:\n"
                   "  alertrond run -c alertrond.conf\n"
                   "  alertrond run -m pump.alertron --bootstrap kafka:9092 --create-topics\n"
                   "  KAFKA_BOOTSTRAP=kafka:9092 alertrond run -m anomaly_iforest.joblib",
    };
    struct config config;
    const enum options_outcome outcome = config_read(&config, &usage, argc, argv, stderr);
    if (outcome != OPTIONS_RUN)
        return options_status(outcome);
    log_setup((enum log_level)config.log.level, (enum log_format)config.log.format);
    alertron_error error;
    alertron_model *model = modelstore_load(config.model.path, (alertron_input)config.model.input, &error);
    int status = 1;
    if (model)
        status = service_run(&config, model);
    else
        log_error("%s", error.text);
    alertron_model_free(model);
    config_free(&config);
    return status;
}
