/* status_json.c: the status as JSON, as the page and anybody else may read it. docs/status-page.md names its members.
 */
#include <math.h>

#include "status_private.h"
#include "verdict.h"
#include "writer.h"

static void put_rounded(struct writer *writer, double value, double digits)
{
    writer_number(writer, round(value * digits) / digits);
}

static void put_count(struct writer *writer, const char *before, double count)
{
    writer_text(writer, before);
    writer_integer(writer, (long long)count);
}

static void put_named(struct writer *writer, const char *before, const char *text)
{
    writer_text(writer, before);
    writer_string(writer, text);
}

/* The oldest of the samples that are kept. */
static uint64_t oldest(const struct status *status)
{
    return status->tracks.n > TRACK_SAMPLES ? status->tracks.n - TRACK_SAMPLES + 1 : 1;
}

/* What a chart of a sample each shows. */
static void put_series(struct writer *writer, const char *before, const struct status *status,
                       double (*value)(const struct flow *flow, int which), int which)
{
    writer_text(writer, before);
    writer_text(writer, "[");
    for (uint64_t i = oldest(status); i <= status->tracks.n; i++) {
        writer_text(writer, i > oldest(status) ? "," : "");
        put_rounded(writer, value(&status->flows[i % TRACK_SAMPLES], which), 10);
    }
    writer_text(writer, "]");
}

static double readings_of(const struct flow *flow, int which)
{
    (void)which;
    return flow->readings;
}

static double anomalies_of(const struct flow *flow, int which)
{
    return flow->anomalies[which];
}

static double lag_of(const struct flow *flow, int which)
{
    (void)which;
    return flow->lag;
}

/* --- its parts ------------------------------------------------------------------------------------------------ */

static void put_flows(struct writer *writer, const struct status *status)
{
    const struct metrics *metrics = status->parts.metrics;
    double dead_letters = 0;
    for (int fault = READING_GOOD + 1; fault <= TOMBSTONE; fault++)
        dead_letters += alertron_counter_value(metrics->dead_letters_of[fault]);
    put_count(writer, ",\"readings\":{\"total\":", status->readings);
    put_series(writer, ",\"per_second\":", status, readings_of, 0);
    writer_text(writer, "},\"anomalies\":{");
    for (int severity = ALERTRON_SEVERITY_LOW; severity < SEVERITIES; severity++) {
        put_named(writer, severity > ALERTRON_SEVERITY_LOW ? "," : "",
                  alertron_severity_name((alertron_severity)severity));
        put_count(writer, ":{\"total\":", status->anomalies[severity]);
        put_series(writer, ",\"per_second\":", status, anomalies_of, severity);
        writer_text(writer, "}");
    }
    put_count(writer, "},\"dead_letters\":", dead_letters);
}

static void put_kafka(struct writer *writer, const struct status *status)
{
    put_named(writer, ",\"kafka\":{\"topic\":", status->config->kafka.readings_topic);
    put_named(writer, ",\"group\":", status->config->kafka.group_id);
    put_count(writer, ",\"partitions\":", (double)status->figures.partitions);
    put_count(writer, ",\"stalled\":", (double)status->figures.stalled);
    put_count(writer, ",\"outputs_waiting\":", (double)status->figures.outputs_waiting);
    put_count(writer, ",\"lag\":", (double)status->figures.lag);
    put_series(writer, ",\"lag_per_second\":", status, lag_of, 0);
    writer_text(writer, "}");
}

static void put_model(struct writer *writer, const struct status *status)
{
    const struct status_model *model = &status->model;
    put_named(writer, ",\"model\":{\"kind\":", model->kind);
    put_named(writer, ",\"producer\":", model->producer);
    put_named(writer, ",\"version\":", model->version);
    put_count(writer, ",\"features\":", model->features);
    put_count(writer, ",\"trees\":", model->trees);
    put_count(writer, ",\"loaded\":", alertron_gauge_value(status->parts.metrics->model_loaded));
    writer_text(writer, ",\"cuts\":{\"low\":");
    put_rounded(writer, model->cuts.threshold, 1e4);
    writer_text(writer, ",\"medium\":");
    put_rounded(writer, model->cuts.medium, 1e4);
    writer_text(writer, ",\"high\":");
    put_rounded(writer, model->cuts.high, 1e4);
    put_named(writer, "},\"cuts_origin\":", alertron_cuts_origin_name(model->cuts.origin));
    writer_text(writer, ",\"candidate\":");
    if (model->candidate[0]) {
        put_named(writer, "{\"version\":", model->candidate);
        writer_text(writer, ",\"share\":");
        writer_number(writer, model->share);
    }
    writer_text(writer, model->candidate[0] ? "}}" : "null}");
}

/* Scores to a thousandth, and the severities as digits, 0 for none to 3 for high: they are many. */
static void put_track(struct writer *writer, const struct status *status, const struct track *track)
{
    char severities[TRACK_SAMPLES + 1];
    size_t n = 0;
    double anomalies = 0;
    for (int severity = ALERTRON_SEVERITY_LOW; severity < SEVERITIES; severity++)
        anomalies += track->anomalies[severity];
    put_named(writer, "{\"device_id\":", track->id);
    put_count(writer, ",\"readings\":", track->readings);
    put_count(writer, ",\"anomalies\":", anomalies);
    writer_text(writer, ",\"scores\":[");
    for (uint64_t i = oldest(status); i <= status->tracks.n; i++) {
        const struct track_sample *sample = &track->samples[i % TRACK_SAMPLES];
        writer_text(writer, n ? "," : "");
        put_rounded(writer, (double)sample->score, 1e3);
        severities[n++] = (char)('0' + sample->severity);
    }
    severities[n] = 0;
    put_named(writer, "],\"severities\":", severities);
    writer_text(writer, "}");
}

static void put_devices(struct writer *writer, const struct status *status)
{
    const char *before = "";
    put_count(writer, ",\"devices_known\":", alertron_gauge_value(status->parts.metrics->devices));
    writer_text(writer, ",\"devices\":[");
    for (size_t i = 0; i < TRACKS_MAX; i++) {
        const struct track *track = &status->tracks.all[i];
        if (!track->id[0] || track_is_empty(track))
            continue;
        writer_text(writer, before);
        put_track(writer, status, track);
        before = ",";
    }
    writer_text(writer, "]");
}

static void put_latest(struct writer *writer, const struct status *status)
{
    writer_text(writer, ",\"latest\":[");
    for (size_t i = 0; i < status->n_latest; i++) {
        const struct anomaly *anomaly = &status->latest[i];
        put_count(writer, i ? ",{\"number\":" : "{\"number\":", (double)anomaly->number);
        writer_text(writer, ",\"time\":");
        put_rounded(writer, anomaly->time, 1e3);
        put_named(writer, ",\"device_id\":", anomaly->device_id);
        writer_text(writer, ",\"score\":");
        put_rounded(writer, anomaly->score, 1e4);
        put_named(writer, ",\"severity\":", alertron_severity_name(anomaly->severity));
        verdict_write_causes(writer, &anomaly->explanation, status->parts.features);
        writer_text(writer, "}");
    }
    writer_text(writer, "]");
}

size_t status_write(const struct status *status, char *out, size_t size)
{
    struct writer writer = {.out = out, .size = size};
    put_named(&writer, "{\"version\":", alertron_version());
    writer_text(&writer, ",\"time\":");
    put_rounded(&writer, status->time, 1e3);
    put_count(&writer, ",\"sample\":", (double)status->tracks.n);
    put_count(&writer, ",\"uptime_seconds\":", status->now - status->started);
    writer_text(&writer, *status->trouble ? ",\"ready\":false" : ",\"ready\":true");
    put_named(&writer, ",\"trouble\":", status->trouble);
    put_flows(&writer, status);
    put_kafka(&writer, status);
    put_model(&writer, status);
    put_devices(&writer, status);
    put_latest(&writer, status);
    writer_text(&writer, "}\n");
    return writer.failed ? 0 : writer.n;
}
