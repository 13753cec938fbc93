/* service.c: the service as a whole, from start to end. */
#include "service.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "access.h"
#include "clock.h"
#include "command.h"
#include "devices.h"
#include "http.h"
#include "log.h"
#include "metrics.h"
#include "models.h"
#include "modelstore.h"
#include "notify.h"
#include "process.h"
#include "routes.h"
#include "sandbox.h"
#include "scorer.h"
#include "status.h"
#include "stop.h"
#include "why.h"
#include "workers.h"

enum { STEP_MS = 50, WAIT_LOG_SECONDS = 30, REACH_MS = 500, SILENT_SECONDS = 60 };

/* Atomic, as signals are caught by any thread. */
static atomic_bool asked_to_reload;

static void note_signal(int number)
{
    (void)number;
    asked_to_reload = true;
}

static void catch_reload(void)
{
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGHUP, &action, NULL);
}

/* What runs beside each other. */
struct service {
    const struct config *config;
    struct metrics metrics;
    bool has_metrics;
    struct scorer_parts parts;
    struct access *access;
    struct status *status; /* NULL: there is no status page */
    struct routes *routes;
    struct http_server *http;
    struct workers *workers;
    double ticked, looked; /* at the models' files */
};

/* --- life ---------------------------------------------------------------------------------------------------- */

static void look_after_models(struct service *service, double now)
{
    const double every = (double)service->config->model.reload_seconds;
    if (asked_to_reload) {
        struct models_report report;
        asked_to_reload = false;
        notify_state(NOTIFY_RELOADING, "reloading the models");
        models_reload(service->parts.models, &report);
        service->ticked = 0; /* ready again */
    } else if (every > 0 && now - service->looked >= every) {
        service->looked = now;
        models_look(service->parts.models);
    }
}

static void tick(struct service *service)
{
    const double now = clock_seconds();
    look_after_models(service, now);
    char trouble[640];
    workers_trouble(service->workers, trouble, sizeof trouble);
    routes_tell(service->routes, trouble, workers_silent(service->workers));
    if (now - service->ticked < 1.0)
        return;
    service->ticked = now;
    const struct pipeline_figures figures = workers_tick(service->workers);
    if (service->status)
        status_sample(service->status, trouble, &figures, now);
    process_export(&service->metrics);
    alertron_gauge_set(service->metrics.ready, *trouble == 0);
    notify_state(*trouble ? NOTIFY_WAITING : NOTIFY_READY, *trouble ? trouble : "scoring");
    if (workers_silent(service->workers) < SILENT_SECONDS)
        notify_alive();
    log_tick();
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000}, NULL);
}

/* A broker that is not up yet is waited for. False where the service was asked to end meanwhile, or can't go on. */
static bool wait_for_broker(struct service *service)
{
    double logged = -WAIT_LOG_SECONDS;
    while (!stop_asked() && !workers_failed(service->workers)) {
        tick(service);
        if (workers_reach_broker(service->workers, REACH_MS))
            return true;
        if (clock_seconds() - logged > WAIT_LOG_SECONDS) {
            log_info("waiting for a broker at %s", service->config->kafka.bootstrap);
            logged = clock_seconds();
        }
        nap();
    }
    return false;
}

static bool join(struct service *service)
{
    char why[512];
    const struct config *config = service->config;
    if (config->kafka.create_topics && !workers_create_topics(service->workers, why, sizeof why)) {
        log_error("can't make the topics: %s", why);
        return false;
    }
    if (!workers_start(service->workers, why, sizeof why)) {
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
    while (good && !stop_asked() && !workers_failed(service->workers)) {
        tick(service);
        nap();
    }
    if (!workers_failed(service->workers))
        return true;
    char trouble[640];
    workers_trouble(service->workers, trouble, sizeof trouble);
    log_error("%s", trouble);
    return false;
}

/* What tells this process from others of the group. */
static void name_instance(const struct service *service, char *name, size_t size)
{
    const struct config *config = service->config;
    char host[200] = "";
    gethostname(host, sizeof host - 1);
    if (config->kafka.instance && *config->kafka.instance)
        snprintf(name, size, "%s-%s", config->kafka.group_id, config->kafka.instance);
    else
        snprintf(name, size, "%s-%s-%d", config->kafka.group_id, host, http_port(service->http));
}

/* What the status page shows; nothing is noted for it where there is none. */
static bool start_status(struct service *service)
{
    if (!service->config->http.status_page)
        return true;
    service->parts.latest = latest_new();
    if (service->parts.latest)
        service->status = status_new(service->config, &service->parts);
    return service->status != NULL;
}

/* Takes the model over. */
static bool start_parts(struct service *service, alertron_model *model, char *why, size_t why_size)
{
    const struct config *config = service->config;
    const size_t devices_max = (size_t)config->limits.devices;
    alertron_error error;
    if (!metrics_open(&service->metrics, devices_max, config->kafka.readings_topic, &error)) {
        alertron_model_free(model);
        return why_say(why, why_size, "metrics: %s", error.text);
    }
    service->has_metrics = true;
    service->parts.metrics = &service->metrics;
    service->parts.device_seconds = (double)config->limits.device_seconds;
    service->parts.features = features_new(config->model.feature_names, model, &service->metrics, why, why_size);
    if (!service->parts.features) {
        alertron_model_free(model);
        return false;
    }
    service->parts.models = models_new(config, &service->metrics, model, why, why_size);
    if (!service->parts.models)
        return false;
    service->parts.devices = devices_new(&service->metrics, devices_max);
    if (!service->parts.devices || !start_status(service) ||
        !(service->routes = routes_new(&service->parts, service->access, service->status)))
        return why_say(why, why_size, "out of memory");
    return true;
}

static struct http_options http_options(const struct config *config)
{
    return (struct http_options){.address = config->http.address,
                                 .port = (int)config->http.port,
                                 .threads = (int)config->http.threads,
                                 .client_connections = (int)config->http.client_connections,
                                 .request_seconds = (double)config->http.request_seconds,
                                 .idle_seconds = (double)config->http.idle_seconds,
                                 .body_bytes_max = (size_t)config->limits.message_bytes,
                                 .tls_certificate = config->http.tls_certificate,
                                 .tls_client_ca = config->http.tls_client_ca,
                                 .admit = routes_admit,
                                 .handle = routes_handle,
                                 .refused = routes_refused};
}

static alertron_model *load_model(const struct config *config, char *why, size_t why_size)
{
    alertron_error error;
    alertron_model *model = modelstore_load(config->model.path, (alertron_input)config->model.input, &error);
    if (!model)
        why_say(why, why_size, "%s", error.text);
    return model;
}

static void log_model(const alertron_model *model, const char *path)
{
    alertron_model_info info;
    alertron_model_describe(model, &info);
    log_info("alertrond %s, model %s: %s by %s, %u tree%s, %u feature%s", alertron_version(), path, info.kind,
             info.producer, info.trees, info.trees == 1 ? "" : "s", info.features, info.features == 1 ? "" : "s");
}

/* All that reads files, and nothing that others see. */
static bool prepare(struct service *service, alertron_model *model, char *why, size_t why_size)
{
    const struct config *config = service->config;
    const struct http_options options = http_options(config);
    const char *path = model ? "made here" : config->model.path;
    /* TLS is tried first, as there must be no other threads yet. */
    if (!http_tls_works(&options, why, why_size) || !(service->access = access_new(config, why, why_size))) {
        alertron_model_free(model);
        return false;
    }
    if (!model && !(model = load_model(config, why, why_size)))
        return false;
    log_model(model, path);
    return start_parts(service, model, why, why_size);
}

static bool start(struct service *service, alertron_model *model, char *why, size_t why_size)
{
    const struct config *config = service->config;
    struct http_options options = http_options(config);
    if (!prepare(service, model, why, why_size))
        return false;
    options.context = service->routes;
    if (!(service->http = http_start(&options, why, why_size)))
        return false;
    log_info("listening on %s://%s:%d", *options.tls_certificate ? "https" : "http", config->http.address,
             http_port(service->http));
    char instance[512];
    name_instance(service, instance, sizeof instance);
    service->workers = workers_new(config, &service->parts, instance, why, why_size);
    return service->workers != NULL;
}

static void release(struct service *service)
{
    routes_free(service->routes);
    status_free(service->status);
    latest_free(service->parts.latest);
    access_free(service->access);
    devices_free(service->parts.devices);
    models_free(service->parts.models);
    features_free(service->parts.features);
    if (service->has_metrics)
        metrics_close(&service->metrics);
}

/* Readings first: HTTP answers until the last has been dealt with. */
static bool end(struct service *service)
{
    notify_state(NOTIFY_STOPPING, "ending");
    if (service->workers && stop_asked())
        log_info("ending: finishing what is held, committing, leaving the group");
    const bool clean = workers_stop(service->workers);
    if (!clean)
        log_warning("some anomalies or dead letters were not acknowledged in time; their readings will be read again");
    http_stop(service->http);
    release(service);
    return clean;
}

/* Before there are threads, and before a model, a secret or a byte from the network is parsed. */
static void confine(const struct config *config)
{
    if (!config->process.sandbox)
        return;
    const struct sandbox sandbox = sandbox_enter();
    const bool whole = sandbox.privileges && sandbox.files && sandbox.calls;
    log_event(whole ? LOG_INFO_LEVEL : LOG_WARNING_LEVEL,
              whole ? "sandbox entered" : "sandbox entered in part: this kernel, or what confines it, refuses the rest",
              log_text("privileges", sandbox.privileges ? "dropped" : "kept"),
              log_text("landlock", sandbox.files ? "on" : "off"), log_text("seccomp", sandbox.calls ? "on" : "off"));
}

int service_run(const struct config *config, alertron_model *model)
{
    struct service service = {.config = config};
    char why[1024];
    stop_catch_signals();
    catch_reload();
    notify_open();
    confine(config);
    bool good = start(&service, model, why, sizeof why);
    if (!good)
        log_error("%s", why);
    good = good && serve(&service);
    good = end(&service) && good;
    log_info(good ? "ended" : "ended with errors");
    log_end();
    notify_close();
    return good ? 0 : 1;
}

bool service_check(const struct config *config, char *why, size_t why_size)
{
    struct service service = {.config = config};
    const bool good = prepare(&service, NULL, why, why_size);
    release(&service);
    return good;
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
    if (outcome == OPTIONS_MISTAKES)
        return 2; /* used wrongly: what starts it again after a failure must not, here */
    if (outcome != OPTIONS_RUN)
        return options_status(outcome);
    log_setup((enum log_level)config.log.level, (enum log_format)config.log.format, (unsigned)config.log.rate);
    const int status = service_run(&config, NULL);
    config_free(&config);
    return status;
}
