/* status.c: what the status page shows, sampled. */
#include "status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "status_private.h"

struct status *status_new(const struct config *config, const struct scorer_parts *parts)
{
    struct status *status = calloc(1, sizeof *status);
    char *text = malloc(STATUS_BYTES_MAX);
    if (!status || !text) {
        free(status);
        free(text);
        return NULL;
    }
    status->config = config;
    status->parts = *parts;
    status->tracks.devices = parts->devices;
    status->tracks.metrics = parts->metrics;
    status->text = text;
    pthread_mutex_init(&status->mutex, NULL);
    snprintf(status->trouble, sizeof status->trouble, "starting");
    return status;
}

void status_free(struct status *status)
{
    if (!status)
        return;
    pthread_mutex_destroy(&status->mutex);
    free(status->text);
    free(status);
}

/* --- a sample ----------------------------------------------------------------------------------------------- */

/* By how much a counter has risen since it was looked at last. */
static double rise(double *before, const alertron_counter_child *child)
{
    const double now = alertron_counter_value(child), rose = now - *before;
    *before = now;
    return rose;
}

static void sample_flow(struct status *status, double seconds)
{
    const struct metrics *metrics = status->parts.metrics;
    struct flow *flow = &status->flows[status->tracks.n % TRACK_SAMPLES];
    flow->readings = rise(&status->readings, metrics->predictions) / seconds;
    for (int severity = ALERTRON_SEVERITY_LOW; severity < SEVERITIES; severity++)
        flow->anomalies[severity] = rise(&status->anomalies[severity], metrics->anomalies_of[severity]);
    flow->lag = (double)status->figures.lag;
}

/* Read before the devices are sampled, so that these count what is in the list. */
static void sample_devices(struct status *status)
{
    const uint64_t newest = status->n_latest ? status->latest[0].number : 0;
    status->n_latest = latest_read(status->parts.latest, status->latest);
    tracks_sample(&status->tracks);
    for (size_t i = 0; i < status->n_latest && status->latest[i].number > newest; i++)
        tracks_alarm(&status->tracks, status->latest[i].device_id, status->latest[i].score, status->latest[i].severity);
}

static void sample_model(struct status *status)
{
    const struct lineup *lineup = models_hold(status->parts.models, NULL);
    alertron_model_info info;
    alertron_model_describe(lineup->primary->model, &info);
    struct status_model *model = &status->model;
    *model = (struct status_model){
        .share = lineup->share, .features = info.features, .trees = info.trees, .cuts = lineup->primary->cuts};
    snprintf(model->kind, sizeof model->kind, "%s", info.kind);
    snprintf(model->producer, sizeof model->producer, "%s", info.producer);
    memcpy(model->version, lineup->primary->version, sizeof model->version);
    if (lineup->candidate)
        memcpy(model->candidate, lineup->candidate->version, sizeof model->candidate);
    models_release(status->parts.models, lineup);
}

void status_sample(struct status *status, const char *trouble, const struct pipeline_figures *figures, double now)
{
    pthread_mutex_lock(&status->mutex);
    const bool first = status->tracks.n == 0;
    if (first)
        status->started = now;
    const double seconds = first || now <= status->now ? 1 : now - status->now;
    status->now = now;
    status->time = clock_time();
    status->figures = *figures;
    snprintf(status->trouble, sizeof status->trouble, "%s", trouble);
    sample_devices(status);
    sample_flow(status, seconds);
    sample_model(status);
    pthread_mutex_unlock(&status->mutex);
}

char *status_json(struct status *status, size_t *n)
{
    pthread_mutex_lock(&status->mutex);
    if (status->n_text == 0 || status->written != status->tracks.n) {
        status->n_text = status_write(status, status->text, STATUS_BYTES_MAX);
        status->written = status->tracks.n;
    }
    char *copy = malloc(status->n_text + 1);
    if (copy)
        memcpy(copy, status->text, status->n_text);
    *n = status->n_text;
    pthread_mutex_unlock(&status->mutex);
    return copy;
}
