/* routes.c: what the service answers over HTTP. */
#include "routes.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "page.h"
#include "scrapes.h"

#define FEW_FEATURES 64u /* rows of more are malloced */

enum { SILENT_SECONDS = 60 }; /* a loop that has not gone round for so long hangs */

struct routes {
    const struct scorer_parts *parts;
    pthread_mutex_t scoring; /* over the scorer, which serves one request after the other */
    struct scorer *scorer;
    double *features; /* room for one */
    struct access *access;
    struct status *status; /* NULL: no status page */
    struct scrapes *scrapes;
    alertron_counter_child *denied[ACCESS_DENIALS], *good; /* requests to /ingest that were answered 200 */
    pthread_mutex_t mutex;                                 /* over what follows */
    double told;                                           /* when its slowest worker was last known to go round */
    char trouble[640];
};

struct route {
    const char *path, *methods;
    enum access_class class;
    void (*answer)(struct routes *routes, const struct http_request *request, struct http_response *response);
};

static void free_parts(struct routes *routes)
{
    scorer_free(routes->scorer);
    scrapes_free(routes->scrapes);
    free(routes->features);
    free(routes);
}

struct routes *routes_new(const struct scorer_parts *parts, struct access *access, struct status *status)
{
    struct routes *routes = calloc(1, sizeof *routes);
    if (!routes)
        return NULL;
    routes->parts = parts;
    routes->access = access;
    routes->status = status;
    routes->scorer = scorer_new(parts);
    routes->scrapes = scrapes_new(parts->metrics->registry);
    if (routes->scorer)
        routes->features = calloc(scorer_begin(routes->scorer)->width, sizeof *routes->features);
    if (!routes->features || !routes->scrapes) {
        free_parts(routes);
        return NULL;
    }
    pthread_mutex_init(&routes->scoring, NULL);
    struct metrics *metrics = parts->metrics;
    metrics_lock(metrics);
    routes->good = alertron_counter_with(metrics->requests, (const char *const[]){"200"});
    for (int denial = ACCESS_GRANTED + 1; denial < ACCESS_DENIALS; denial++) {
        const char *reason = access_reason((enum access_denial)denial);
        routes->denied[denial] = alertron_counter_with(metrics->http_denied, &reason);
    }
    metrics_unlock(metrics);
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
    free_parts(routes);
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
    const int size = HTTP_SMALL_BYTES_MAX;
    response->status = status;
    response->content_type = "text/plain; charset=utf-8";
    response->body = http_small(response);
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(response->body, (size_t)size, format, arguments);
    va_end(arguments);
    response->n_body = n < 0 ? 0 : n < size ? (size_t)n : (size_t)size - 1;
}

/* {"error": "..."} */
static void answer_error(struct http_response *response, int status, const char *error)
{
    char quoted[HTTP_SMALL_BYTES_MAX - 16];
    if (!reading_write_string(quoted, sizeof quoted, error))
        snprintf(quoted, sizeof quoted, "\"bad input\"");
    response->status = status;
    response->content_type = "application/json";
    response->body = http_small(response);
    response->n_body = (size_t)snprintf(response->body, HTTP_SMALL_BYTES_MAX, "{\"error\":%s}", quoted);
}

static void release_scrape(void *scrapes, const void *scrape)
{
    scrapes_release(scrapes, scrape);
}

static void answer_metrics(struct routes *routes, const struct http_request *request, struct http_response *response)
{
    const alertron_exposition format =
        strstr(http_header(request, "Accept"), "application/openmetrics-text") ? ALERTRON_OPENMETRICS : ALERTRON_TEXT;
    const struct scrape *scrape = scrapes_hold(routes->scrapes, format);
    if (!scrape) {
        answer_text(response, 503, "out of memory\n");
        return;
    }
    response->status = 200;
    response->content_type = alertron_exposition_content_type(format);
    response->body = scrape->text;
    response->n_body = scrape->n;
    response->release = release_scrape;
    response->owner = routes->scrapes;
    response->owned = scrape;
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
    const size_t n = reading->device_id_bytes;
    const uint64_t hash = scorer_expect(scorer, reading->device_id, n);
    double score, candidate_score = 0;
    scorer_score(scorer, features, 1, &score, &candidate_score);
    const double now = clock_seconds();
    const bool by_candidate = scorer_decides_candidate(scorer, reading->device_id, n);
    if (by_candidate)
        score = candidate_score;
    struct explanation explanation = {0};
    if (scorer_alarms(scorer, score, by_candidate))
        explanation = scorer_explain(scorer, features, by_candidate);
    struct verdict verdict = scorer_grade(scorer, score, by_candidate, &explanation);
    scorer_count(scorer, reading->device_id, n, hash, &verdict, now);
    scorer_show(scorer, now - begun);
    verdict.explanation = NULL; /* which ends here */
    return verdict;
}

static void answer_reading(struct routes *routes, const struct http_request *request, struct http_response *response)
{
    struct scorer *scorer = routes->scorer;
    struct reading reading;
    char reason[256];
    pthread_mutex_lock(&routes->scoring);
    const double begun = clock_seconds();
    const bool good = reading_decode(request->body, request->n_body, scorer_begin(scorer), &reading, routes->features,
                                     reason, sizeof reason) == READING_GOOD;
    if (good) {
        const struct verdict verdict = judge(scorer, &reading, routes->features, begun);
        response->status = 200;
        response->content_type = "application/json";
        response->body = http_small(response);
        /* Under the mutex, as the verdict names a model that the next request may let go of. */
        response->n_body =
            verdict_write(response->body, VERDICT_BYTES_MAX, reading.device_id, reading.ts, &verdict, NULL);
    }
    pthread_mutex_unlock(&routes->scoring);
    if (!good)
        answer_error(response, 400, reason);
}

static void count_request(struct routes *routes, int status)
{
    if (status == 200) {
        alertron_counter_add(routes->good, 1);
        return;
    }
    char text[16];
    snprintf(text, sizeof text, "%d", status);
    struct metrics *metrics = routes->parts->metrics;
    metrics_lock(metrics);
    alertron_counter_add(alertron_counter_with(metrics->requests, (const char *const[]){text}), 1);
    metrics_unlock(metrics);
}

static void answer_ingest(struct routes *routes, const struct http_request *request, struct http_response *response)
{
    if (request->too_large)
        answer_error(response, 413, "the body is larger than limits.message_bytes allows");
    else if (!is_json(http_header(request, "Content-Type")))
        answer_error(response, 415,
                     "a reading is sent as Content-Type: application/json, such as "
                     "{\"device_id\": \"edge-1\", \"features\": [50.1, 99.0, 0.51]}");
    else
        answer_reading(routes, request, response);
    count_request(routes, response->status);
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

/* --- the status page ----------------------------------------------------------------------------------------- */

/* The page runs its own script, asks this server alone, and stands in no other page. */
static const char content_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/* Takes the body over. */
static void answer_body(struct http_response *response, const char *content_type, char *body, size_t n_body)
{
    if (!body || n_body == 0) {
        free(body);
        answer_text(response, 503, "out of memory\n");
        return;
    }
    response->status = 200;
    response->content_type = content_type;
    response->header = "Content-Security-Policy";
    response->header_value = content_policy;
    response->body = body;
    response->n_body = n_body;
}

static void answer_file(const struct routes *routes, struct http_response *response, const char *content_type,
                        const unsigned char *bytes, size_t n_bytes)
{
    if (!routes->status) {
        answer_error(response, 404, "the status page is switched off: http.status_page");
        return;
    }
    char *body = malloc(n_bytes);
    if (body)
        memcpy(body, bytes, n_bytes);
    answer_body(response, content_type, body, n_bytes);
}

static void answer_style(struct routes *routes, const struct http_request *request, struct http_response *response)
{
    (void)request;
    answer_file(routes, response, "text/css; charset=utf-8", page_css, page_css_bytes);
}

static void answer_script(struct routes *routes, const struct http_request *request, struct http_response *response)
{
    (void)request;
    answer_file(routes, response, "text/javascript; charset=utf-8", page_js, page_js_bytes);
}

static void answer_status(struct routes *routes, const struct http_request *request, struct http_response *response)
{
    (void)request;
    if (!routes->status) {
        answer_error(response, 404, "the status page is switched off: http.status_page");
        return;
    }
    size_t n = 0;
    char *text = status_json(routes->status, &n);
    answer_body(response, "application/json", text, n);
}

static void answer_page(struct routes *routes, const struct http_request *request, struct http_response *response)
{
    (void)request;
    answer_file(routes, response, "text/html; charset=utf-8", page_html, page_html_bytes);
}

static void answer_index(struct routes *routes, const struct http_request *request, struct http_response *response)
{
    (void)routes;
    (void)request;
    answer_text(response, 200,
                "alertrond %s\n\n"
                "GET  /             the status page, in a browser\n"
                "GET  /status.json  what it shows\n"
                "POST /ingest       a reading as JSON, answered with its verdict\n"
                "GET  /metrics      for Prometheus\n"
                "GET  /healthz      whether it lives\n"
                "GET  /readyz       whether readings flow, or why not\n"
                "POST /-/reload     the model and the candidate from their files\n"
                "POST /-/promote    the candidate becomes the primary\n"
                "POST /-/drop       the candidate goes\n",
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

/* One line a path: what it takes, who needs it, what it answers. */
static const struct route all_routes[] = {
    {"/ingest", "POST", ACCESS_INGEST, answer_ingest},
    {"/metrics", "GET, HEAD", ACCESS_METRICS, answer_metrics},
    {"/healthz", "GET, HEAD", ACCESS_PUBLIC, answer_health},
    {"/readyz", "GET, HEAD", ACCESS_PUBLIC, answer_ready},
    {"/", "GET, HEAD", ACCESS_PUBLIC, answer_index},
    {"/page.html", "GET, HEAD", ACCESS_METRICS, answer_page}, /* a browser is asked for credentials here, once */
    {"/page.css", "GET, HEAD", ACCESS_PUBLIC, answer_style},
    {"/page.js", "GET, HEAD", ACCESS_PUBLIC, answer_script},
    {"/status.json", "GET, HEAD", ACCESS_METRICS, answer_status},
    {"/-/reload", "POST", ACCESS_ADMIN, answer_reload},
    {"/-/promote", "POST", ACCESS_ADMIN, answer_promote},
    {"/-/drop", "POST", ACCESS_ADMIN, answer_drop},
};

/* A browser gets the status page at /, others the list of paths. */
static const struct route *find(const struct http_request *request)
{
    const bool page = strcmp(request->path, "/") == 0 && strstr(http_header(request, "Accept"), "text/html");
    const char *path = page ? "/page.html" : request->path;
    for (size_t i = 0; i < sizeof all_routes / sizeof *all_routes; i++)
        if (strcmp(path, all_routes[i].path) == 0)
            return &all_routes[i];
    return NULL;
}

static void note_denial(struct routes *routes, enum access_denial denial, const char *path, const char *client,
                        size_t n)
{
    access_log(routes->access, denial, path, client);
    alertron_counter_add(routes->denied[denial], (double)n);
}

void routes_refused(void *context, const char *client, size_t n)
{
    note_denial(context, ACCESS_CONNECTIONS, "a connection", client, n);
}

static void deny(struct routes *routes, const struct route *route, enum access_denial denial, const char *client,
                 struct http_response *response)
{
    char remedy[512];
    note_denial(routes, denial, route->path, client, 1);
    access_remedy(denial, route->class, remedy, sizeof remedy);
    answer_error(response, access_status(denial), remedy);
    if (response->status == 401) {
        response->header = "WWW-Authenticate";
        response->header_value = access_challenge(routes->access);
    } else if (response->status == 429) {
        response->header = "Retry-After";
        response->header_value = "1";
    }
}

bool routes_admit(void *context, const struct http_request *request, struct http_response *response)
{
    struct routes *routes = context;
    const struct route *route = find(request);
    if (!route || route->class == ACCESS_PUBLIC)
        return true;
    /* A browser sends the credentials that it remembers for whatever page asks it to. */
    const bool from_page = *http_header(request, "Origin") != 0;
    const enum access_denial denial =
        route->class == ACCESS_ADMIN && from_page
            ? ACCESS_PAGE
            : access_check(routes->access, route->class, http_is_local(request), http_header(request, "Authorization"));
    if (denial == ACCESS_GRANTED)
        return true;
    deny(routes, route, denial, request->client, response);
    return false;
}

void routes_handle(void *context, const struct http_request *request, struct http_response *response)
{
    const struct route *route = find(request);
    if (!route) {
        answer_error(response, 404, "there is no such path; GET / lists those that there are");
    } else if (!allows(route->methods, request->method)) {
        answer_error(response, 405, "this path does not take that method");
        response->header = "Allow";
        response->header_value = route->methods;
    } else {
        route->answer(context, request, response);
    }
}
