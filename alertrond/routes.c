/* routes.c: what the service answers over HTTP. */
#include "routes.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"

enum { SILENT_SECONDS = 60 }; /* a loop that has not gone round for so long hangs */

struct routes {
    const struct scorer_parts *parts;
    pthread_mutex_t scoring; /* over the scorer, which serves one request after the other */
    struct scorer *scorer;
    size_t width;          /* of a reading */
    pthread_mutex_t mutex; /* over what follows */
    double told;           /* when its slowest worker was last known to go round */
    char trouble[640];
};

struct route {
    const char *path, *methods;
    void (*answer)(struct routes *routes, const struct http_request *request, struct http_response *response);
};

struct routes *routes_new(const struct scorer_parts *parts)
{
    struct routes *routes = calloc(1, sizeof *routes);
    if (!routes)
        return NULL;
    routes->parts = parts;
    if (!(routes->scorer = scorer_new(parts))) {
        free(routes);
        return NULL;
    }
    routes->width = scorer_begin(routes->scorer)->width;
    pthread_mutex_init(&routes->scoring, NULL);
    pthread_mutex_init(&routes->mutex, NULL);
    routes_tell(routes, "starting", 0);
    return routes;
}

void routes_free(struct routes *routes)
{
    if (!routes)
        return;
    pthread_mutex_destroy(&routes->mutex);
    pthread_mutex_destroy(&routes->scoring);
    scorer_free(routes->scorer);
    free(routes);
}

void routes_tell(struct routes *routes, const char *trouble, double silent)
{
    /* Models that have gone are let go of, also where nobody sends readings. */
    pthread_mutex_lock(&routes->scoring);
    scorer_begin(routes->scorer);
    pthread_mutex_unlock(&routes->scoring);
    pthread_mutex_lock(&routes->mutex);
    routes->told = clock_seconds() - silent;
    snprintf(routes->trouble, sizeof routes->trouble, "%s", trouble);
    pthread_mutex_unlock(&routes->mutex);
}

/* --- answers ---------------------------------------------------------------------------------------------- */

static void answer_text(struct http_response *response, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void answer_text(struct http_response *response, int status, const char *format, ...)
{
    enum { SIZE = 1024 };
    response->status = status;
    response->content_type = "text/plain; charset=utf-8";
    if (!(response->body = malloc(SIZE)))
        return;
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(response->body, SIZE, format, arguments);
    va_end(arguments);
    response->n_body = n < 0 ? 0 : n < SIZE ? (size_t)n : SIZE - 1;
}

/* {"error": "..."} */
static void answer_error(struct http_response *response, int status, const char *error)
{
    enum { SIZE = 4096 };
    response->status = status;
    response->content_type = "application/json";
    char quoted[SIZE];
    if (!reading_write_string(quoted, sizeof quoted, error))
        snprintf(quoted, sizeof quoted, "\"bad input\"");
    if ((response->body = malloc(SIZE + 16)))
        response->n_body = (size_t)snprintf(response->body, SIZE + 16, "{\"error\":%s}", quoted);
}

static void answer_metrics(struct routes *routes, const struct http_request *request, struct http_response *response)
{
    const alertron_registry *registry = routes->parts->metrics->registry;
    const alertron_exposition format =
        strstr(request->accept, "application/openmetrics-text") ? ALERTRON_OPENMETRICS : ALERTRON_TEXT;
    size_t capacity = 65536, n;
    char *text = NULL;
    /* Children may appear between two calls, hence the room to spare and the loop. */
    while ((text = malloc(capacity)) && (n = alertron_registry_text(registry, format, text, capacity)) > capacity) {
        free(text);
        capacity = n + n / 8;
    }
    if (!text) {
        answer_text(response, 503, "out of memory\n");
        return;
    }
    *response = (struct http_response){
        .status = 200, .content_type = alertron_exposition_content_type(format), .body = text, .n_body = n};
}

static bool is_json(const char *content_type)
{
    static const char json[] = "application/json";
    const size_t n = sizeof json - 1;
    return strncasecmp(content_type, json, n) == 0 &&
           (content_type[n] == 0 || content_type[n] == ';' || content_type[n] == ' ');
}

/* Scores and counts a reading that was decoded. */
static struct verdict judge(struct scorer *scorer, const struct reading *reading, const double *features, double begun)
{
    const size_t n = strlen(reading->device_id);
    const uint64_t hash = scorer_expect(scorer, reading->device_id, n);
    double score, candidate_score = 0;
    scorer_score(scorer, features, 1, &score, &candidate_score);
    const double now = clock_seconds();
    const bool by_candidate = scorer_decides_candidate(scorer, reading->device_id, n);
    const struct verdict verdict = scorer_grade(scorer, by_candidate ? candidate_score : score, by_candidate);
    scorer_count(scorer, reading->device_id, n, hash, &verdict, now);
    scorer_show(scorer, now - begun);
    return verdict;
}

/* `features` and response->body are room for what they hold. Under the lock. */
static void answer_reading(struct scorer *scorer, const struct http_request *request, double *features,
                           struct http_response *response)
{
    const double begun = clock_seconds();
    struct reading reading;
    char reason[256];
    if (reading_decode(request->body, request->n_body, scorer_begin(scorer), &reading, features, reason,
                       sizeof reason) != READING_GOOD) {
        free(response->body);
        answer_error(response, 400, reason);
        return;
    }
    const struct verdict verdict = judge(scorer, &reading, features, begun);
    response->status = 200;
    response->content_type = "application/json";
    response->n_body = verdict_write(response->body, VERDICT_BYTES_MAX, reading.device_id, reading.ts, &verdict, NULL);
}

static void answer_scored(struct routes *routes, const struct http_request *request, struct http_response *response)
{
    double *features = malloc(routes->width * sizeof *features);
    response->body = malloc(VERDICT_BYTES_MAX);
    if (features && response->body) {
        pthread_mutex_lock(&routes->scoring);
        answer_reading(routes->scorer, request, features, response);
        pthread_mutex_unlock(&routes->scoring);
    } else {
        free(response->body);
        answer_error(response, 503, "out of memory");
    }
    free(features);
}

static void answer_ingest(struct routes *routes, const struct http_request *request, struct http_response *response)
{
    if (request->too_large)
        answer_error(response, 413, "the body is larger than limits.message_bytes allows");
    else if (!is_json(request->content_type))
        answer_error(response, 415,
                     "a reading is sent as Content-Type: application/json, such as "
                     "{\"device_id\": \"edge-1\", \"features\": [50.1, 99.0, 0.51]}");
    else
        answer_scored(routes, request, response);
    char status[16];
    snprintf(status, sizeof status, "%d", response->status);
    struct metrics *metrics = routes->parts->metrics;
    metrics_lock(metrics);
    alertron_counter_add(alertron_counter_with(metrics->requests, (const char *const[]){status}), 1);
    metrics_unlock(metrics);
}

static void answer_health(struct routes *routes, const struct http_request *request, struct http_response *response)
{
    (void)request;
    pthread_mutex_lock(&routes->mutex);
    const double silent = clock_seconds() - routes->told;
    pthread_mutex_unlock(&routes->mutex);
    if (silent < SILENT_SECONDS)
        answer_text(response, 200, "ok\n");
    else
        answer_text(response, 503, "the service has not gone round its loop for %.0f s; restart it\n", silent);
}

static void answer_ready(struct routes *routes, const struct http_request *request, struct http_response *response)
{
    (void)request;
    char trouble[sizeof routes->trouble];
    pthread_mutex_lock(&routes->mutex);
    memcpy(trouble, routes->trouble, sizeof trouble);
    pthread_mutex_unlock(&routes->mutex);
    if (*trouble)
        answer_text(response, 503, "not ready: %s\n", trouble);
    else
        answer_text(response, 200, "ready\n");
}

static void answer_index(struct routes *routes, const struct http_request *request, struct http_response *response)
{
    (void)routes;
    (void)request;
    answer_text(response, 200,
                "alertrond %s\n\n"
                "POST /ingest    a reading as JSON, answered with its verdict\n"
                "GET  /metrics   for Prometheus\n"
                "GET  /healthz   whether it lives\n"
                "GET  /readyz    whether readings flow, or why not\n"
                "POST /-/reload  the model and the candidate from their files\n"
                "POST /-/promote the candidate becomes the primary\n"
                "POST /-/drop    the candidate goes\n",
                alertron_version());
}

/* --- commands ---------------------------------------------------------------------------------------------- */

/* What became of a command, and the models in force: 200, or 409 where it was refused. */
static void answer_report(struct http_response *response, const struct models_report *report)
{
    enum { SIZE = 8192 };
    char reason[MODELS_WHY_BYTES * 6 + 3];
    if (!reading_write_string(reason, sizeof reason, report->why))
        snprintf(reason, sizeof reason, "\"\"");
    response->status = report->outcome == MODELS_REFUSED ? 409 : 200;
    response->content_type = "application/json";
    if ((response->body = malloc(SIZE)))
        response->n_body = (size_t)snprintf(
            response->body, SIZE, "{\"outcome\":\"%s\",\"reason\":%s,\"primary\":\"%s\",\"candidate\":\"%s\"}\n",
            models_outcome_name(report->outcome), reason, report->primary, report->candidate);
}

struct reload {
    struct models *models;
    struct models_report report;
};

static void *run_reload(void *context)
{
    struct reload *reload = context;
    models_reload(reload->models, &reload->report);
    return NULL;
}

/* By a thread of its own: civetweb gives its threads 100 KiB of stack, and checking a model takes more. */
static void answer_reload(struct routes *routes, const struct http_request *request, struct http_response *response)
{
    (void)request;
    pthread_t thread;
    struct reload reload = {.models = routes->parts->models};
    if (pthread_create(&thread, NULL, run_reload, &reload) != 0) {
        answer_error(response, 503, "no thread could be started to load the model; try again");
        return;
    }
    pthread_join(thread, NULL);
    answer_report(response, &reload.report);
}

static void answer_promote(struct routes *routes, const struct http_request *request, struct http_response *response)
{
    (void)request;
    struct models_report report;
    models_promote(routes->parts->models, &report);
    answer_report(response, &report);
}

static void answer_drop(struct routes *routes, const struct http_request *request, struct http_response *response)
{
    (void)request;
    struct models_report report;
    models_drop(routes->parts->models, &report);
    answer_report(response, &report);
}

static bool allows(const char *methods, const char *method)
{
    const size_t n = strlen(method);
    for (const char *at = methods; (at = strstr(at, method)); at += n)
        if ((at == methods || at[-1] == ' ') && (at[n] == 0 || at[n] == ','))
            return true;
    return false;
}

void routes_handle(void *context, const struct http_request *request, struct http_response *response)
{
    static const struct route routes[] = {
        {"/ingest", "POST", answer_ingest},       {"/metrics", "GET, HEAD", answer_metrics},
        {"/healthz", "GET, HEAD", answer_health}, {"/readyz", "GET, HEAD", answer_ready},
        {"/", "GET, HEAD", answer_index},         {"/-/reload", "POST", answer_reload},
        {"/-/promote", "POST", answer_promote},   {"/-/drop", "POST", answer_drop},
    };
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (strcmp(request->path, routes[i].path) != 0)
            continue;
        if (allows(routes[i].methods, request->method)) {
            routes[i].answer(context, request, response);
            return;
        }
        answer_error(response, 405, "this path does not take that method");
        response->allow = routes[i].methods;
        return;
    }
    answer_error(response, 404, "there is no such path; GET / lists those that there are");
}
