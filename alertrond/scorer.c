/* scorer.c: from features to verdicts and what is counted of them, for one thread. */
#include "scorer.h"

#include <stdlib.h>

#include "device_map.h"

struct scorer {
    struct scorer_parts parts;
    struct device_map *devices;
    const struct lineup *lineup;
    uint64_t n_counted; /* not shown yet */
};

struct scorer *scorer_new(const struct scorer_parts *parts)
{
    struct scorer *scorer = calloc(1, sizeof *scorer);
    if (!scorer)
        return NULL;
    *scorer = (struct scorer){.parts = *parts, .devices = device_map_new(parts->devices)};
    if (!scorer->devices) {
        free(scorer);
        return NULL;
    }
    scorer->lineup = models_hold(parts->models, NULL);
    return scorer;
}

void scorer_free(struct scorer *scorer)
{
    if (!scorer)
        return;
    models_release(scorer->parts.models, scorer->lineup);
    device_map_free(scorer->devices);
    free(scorer);
}

const struct reading_shape *scorer_begin(struct scorer *scorer)
{
    scorer->lineup = models_hold(scorer->parts.models, scorer->lineup);
    return &scorer->lineup->shape;
}

uint64_t scorer_expect(const struct scorer *scorer, const char *device_id, size_t n_device_id)
{
    const uint64_t hash = devices_hash(scorer->parts.devices, device_id, n_device_id);
    device_map_expect(scorer->devices, hash);
    return hash;
}

void scorer_score(struct scorer *scorer, const double *features, size_t n, double *scores)
{
    const alertron_rows rows = alertron_rows_of(features, n, scorer->lineup->shape.width);
    alertron_model_score_rows(scorer->lineup->primary->model, &rows, scores);
}

struct verdict scorer_grade(const struct scorer *scorer, double score)
{
    const alertron_severity severity = alertron_cuts_severity(&scorer->lineup->primary->cuts, score);
    return (struct verdict){.score = score, .anomaly = severity != ALERTRON_SEVERITY_NONE, .severity = severity};
}

void scorer_count(struct scorer *scorer, const char *device_id, size_t n_device_id, uint64_t hash,
                  const struct verdict *verdict, double now)
{
    const struct device *device = device_map_seen(scorer->devices, device_id, n_device_id, hash, now);
    alertron_gauge_set(device->score, verdict->score);
    scorer->n_counted++;
    if (!verdict->anomaly)
        return;
    alertron_counter_add(device->anomalies[verdict->severity], 1);
    alertron_counter_add(scorer->parts.metrics->anomalies_of[verdict->severity], 1);
    if (scorer->lineup->primary->learns)
        models_learn(scorer->parts.models, scorer->lineup, verdict->score);
}

void scorer_show(struct scorer *scorer, double seconds)
{
    if (scorer->n_counted == 0)
        return;
    alertron_counter_add(scorer->parts.metrics->predictions, (double)scorer->n_counted);
    alertron_histogram_observe(scorer->parts.metrics->latency, seconds, scorer->n_counted);
    scorer->n_counted = 0;
}

void scorer_tick(struct scorer *scorer, double now)
{
    device_map_forget(scorer->devices, now - scorer->parts.device_seconds);
}
