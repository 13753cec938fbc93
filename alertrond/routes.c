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
    struct scorer *scorer;
    pthread_mutex_t mutex; /* over what follows */
    double told;
    char trouble[640];
};

struct route {
    const char *path, *methods;
    void (*answer)(struct routes *routes, const struct http_request *request, struct http_response *response);
};

struct routes *routes_new(struct scorer *scorer)
{
    struct routes *routes = calloc(1, sizeof *routes);
    if (!routes)
        return NULL;
    routes->scorer = scorer;
    pthread_mutex_init(&routes->mutex, NULL);
    routes_tell(routes, "starting");
    return routes;
}

void routes_free(struct routes *routes)
{
    if (!routes)
        return;
    pthread_mutex_destroy(&routes->mutex);
    free(routes);
}

void routes_tell(struct routes *routes, const char *trouble)
{
    pthread_mutex_lock(&routes->mutex);
    routes->told = clock_seconds();
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
    const alertron_registry *registry = scorer_metrics(routes->scorer)->registry;
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

/* Scores a reading that was decoded; what it learns goes into the same metrics as readings from Kafka. */
static void answer_verdict(struct scorer *scorer, const struct reading *reading, const double *features,
                           struct http_response *response, double begun)
{
    if (!(response->body = malloc(VERDICT_BYTES_MAX))) {
        answer_error(response, 503, "out of memory");
        return;
    }
    const double score = alertron_model_score(scorer_model(scorer), features);
    scorer_lock(scorer);
    const double now = clock_seconds();
    const struct verdict verdict = scorer_grade(scorer, score);
    scorer_count(scorer, reading, &verdict, now);
    alertron_histogram_observe(scorer_metrics(scorer)->latency, now - begun, 1);
    scorer_unlock(scorer);
    response->status = 200;
    response->content_type = "application/json";
    response->n_body = verdict_write(response->body, VERDICT_BYTES_MAX, reading, &verdict, NULL);
}

static void answer_reading(struct scorer *scorer, const struct http_request *request, struct http_response *response)
{
    const double begun = clock_seconds();
    const struct reading_shape *shape = scorer_shape(scorer);
    struct reading reading;
    char reason[256];
    double *features = malloc(shape->width * sizeof *features);
    if (!features) {
        answer_error(response, 503, "out of memory");
        return;
    }
    if (reading_decode(request->body, request->n_body, shape, &reading, features, reason, sizeof reason) ==
        READING_GOOD)
        answer_verdict(scorer, &reading, features, response, begun);
    else
        answer_error(response, 400, reason);
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
        answer_reading(routes->scorer, request, response);
    char status[16];
    snprintf(status, sizeof status, "%d", response->status);
    scorer_lock(routes->scorer);
    alertron_counter_add(alertron_counter_with(scorer_metrics(routes->scorer)->requests, (const char *const[]){status}),
                         1);
    scorer_unlock(routes->scorer);
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
                "GET  /readyz    whether readings flow, or why not\n",
                alertron_version());
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
        {"/", "GET, HEAD", answer_index},
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
