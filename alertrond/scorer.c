/* scorer.c: from a reading to its verdict. */
#include "scorer.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "calibration.h"
#include "devices.h"
#include "log.h"

struct scorer {
    pthread_mutex_t mutex;
    const alertron_model *model;
    struct reading_shape shape;
    alertron_cuts cuts;
    double *sample; /* anomalous scores of the stream, until there are enough to take cuts from */
    size_t n_sample, sample_max;
    struct metrics metrics;
    struct devices *devices;
    double device_seconds;
};

static bool take_cuts(struct scorer *scorer, const struct config *config, char *why, size_t why_size)
{
    scorer->cuts = alertron_model_cuts(scorer->model);
    scorer->cuts.medium_quantile = config->severity.medium_quantile;
    scorer->cuts.high_quantile = config->severity.high_quantile;
    if (config->severity.calibration_file && config->severity.calibration_file[0] &&
        !calibrate_from_file(&scorer->cuts, scorer->model, config->severity.calibration_file, NULL, why, why_size))
        return false;
    if (scorer->cuts.origin != ALERTRON_CUTS_PROVISIONAL || config->severity.calibration_anomalies == 0)
        return true;
    scorer->sample_max = (size_t)config->severity.calibration_anomalies;
    scorer->sample = calloc(scorer->sample_max, sizeof *scorer->sample);
    if (!scorer->sample)
        snprintf(why, why_size, "out of memory");
    return scorer->sample != NULL;
}

static bool open_metrics(struct scorer *scorer, const struct config *config, char *why, size_t why_size)
{
    const size_t devices_max = (size_t)config->limits.devices;
    alertron_error error;
    if (!metrics_open(&scorer->metrics, devices_max, config->kafka.readings_topic, scorer->model, &error)) {
        snprintf(why, why_size, "metrics: %s", error.text);
        return false;
    }
    metrics_set_cuts(&scorer->metrics, &scorer->cuts);
    if (!(scorer->devices = devices_new(&scorer->metrics, devices_max)))
        snprintf(why, why_size, "out of memory");
    return scorer->devices != NULL;
}

struct scorer *scorer_new(const struct config *config, const alertron_model *model, char *why, size_t why_size)
{
    struct scorer *scorer = calloc(1, sizeof *scorer);
    if (!scorer) {
        snprintf(why, why_size, "out of memory");
        return NULL;
    }
    alertron_model_info info;
    alertron_model_describe(model, &info);
    pthread_mutex_init(&scorer->mutex, NULL);
    scorer->model = model;
    scorer->device_seconds = (double)config->limits.device_seconds;
    scorer->shape = (struct reading_shape){.width = info.features,
                                           .missing_values = info.missing_values,
                                           .bytes_max = (size_t)config->limits.message_bytes};
    if (take_cuts(scorer, config, why, why_size) && open_metrics(scorer, config, why, why_size)) {
        log_info("severity cuts (%s): low above %.4f, medium from %.4f, high from %.4f",
                 alertron_cuts_origin_name(scorer->cuts.origin), scorer->cuts.threshold, scorer->cuts.medium,
                 scorer->cuts.high);
        return scorer;
    }
    scorer_free(scorer);
    return NULL;
}

void scorer_free(struct scorer *scorer)
{
    if (!scorer)
        return;
    devices_free(scorer->devices);
    metrics_close(&scorer->metrics);
    free(scorer->sample);
    pthread_mutex_destroy(&scorer->mutex);
    free(scorer);
}

void scorer_lock(struct scorer *scorer)
{
    pthread_mutex_lock(&scorer->mutex);
}

void scorer_unlock(struct scorer *scorer)
{
    pthread_mutex_unlock(&scorer->mutex);
}

const alertron_model *scorer_model(const struct scorer *scorer)
{
    return scorer->model;
}

struct metrics *scorer_metrics(struct scorer *scorer)
{
    return &scorer->metrics;
}

const struct reading_shape *scorer_shape(const struct scorer *scorer)
{
    return &scorer->shape;
}

/* A model whose anomalies nobody had seen gets its cuts from the first that the stream brings. */
static void learn_cuts(struct scorer *scorer, double score)
{
    scorer->sample[scorer->n_sample++] = score;
    if (scorer->n_sample < scorer->sample_max)
        return;
    alertron_error error;
    if (alertron_cuts_calibrate(&scorer->cuts, scorer->sample, scorer->n_sample, ALERTRON_CUTS_STREAM, &error) !=
        ALERTRON_OK) {
        log_warning("severity cuts stay provisional for now: %s", error.text);
        scorer->n_sample = 0;
        return;
    }
    log_info("severity cuts taken from the first %zu anomalies of the stream: medium from %.4f, high from %.4f",
             scorer->n_sample, scorer->cuts.medium, scorer->cuts.high);
    metrics_set_cuts(&scorer->metrics, &scorer->cuts);
    free(scorer->sample);
    scorer->sample = NULL;
}

struct verdict scorer_grade(const struct scorer *scorer, double score)
{
    const alertron_severity severity = alertron_cuts_severity(&scorer->cuts, score);
    return (struct verdict){.score = score, .anomaly = severity != ALERTRON_SEVERITY_NONE, .severity = severity};
}

void scorer_count(struct scorer *scorer, const struct reading *reading, const struct verdict *verdict, double now)
{
    const struct device *device = devices_seen(scorer->devices, reading->device_id, now);
    alertron_gauge_set(device->score, verdict->score);
    alertron_counter_add(scorer->metrics.predictions, 1);
    if (!verdict->anomaly)
        return;
    alertron_counter_add(device->anomalies[verdict->severity], 1);
    alertron_counter_add(scorer->metrics.anomalies[verdict->severity], 1);
    if (scorer->sample)
        learn_cuts(scorer, verdict->score);
}

void scorer_tick(struct scorer *scorer, double now)
{
    devices_forget(scorer->devices, now - scorer->device_seconds);
    metrics_read_process(&scorer->metrics);
}

/* --- the record ------------------------------------------------------------------------------------- */

/* Pieces are written as long as they fit; `failed` stays set once one did not. */
struct writer {
    char *out;
    size_t size, n;
    bool failed;
};

static void put_text(struct writer *writer, const char *text)
{
    const int n = snprintf(writer->out + writer->n, writer->size - writer->n, "%s", text);
    writer->failed |= n < 0 || (size_t)n >= writer->size - writer->n;
    writer->n += writer->failed ? 0 : (size_t)n;
}

static void put_string(struct writer *writer, const char *text)
{
    const size_t n = reading_write_string(writer->out + writer->n, writer->size - writer->n, text);
    writer->failed |= n == 0;
    writer->n += n;
}

static void put_number(struct writer *writer, double value)
{
    const size_t n = reading_write_number(writer->out + writer->n, writer->size - writer->n, value);
    writer->failed |= n == 0;
    writer->n += n;
}

static void put_integer(struct writer *writer, long long value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", value);
    put_text(writer, text);
}

size_t verdict_write(char *out, size_t size, const struct reading *reading, const struct verdict *verdict,
                     const struct source *source)
{
    struct writer writer = {.out = out, .size = size};
    put_text(&writer, "{\"device_id\":");
    put_string(&writer, reading->device_id);
    put_text(&writer, verdict->anomaly ? ",\"anomaly\":true,\"severity\":\"" : ",\"anomaly\":false,\"severity\":\"");
    put_text(&writer, alertron_severity_name(verdict->severity));
    put_text(&writer, "\",\"anomaly_score\":");
    put_number(&writer, verdict->score);
    put_text(&writer, ",\"ts\":");
    put_number(&writer, reading->ts);
    if (source) {
        put_text(&writer, ",\"source_topic\":");
        put_string(&writer, source->topic);
        put_text(&writer, ",\"source_partition\":");
        put_integer(&writer, source->partition);
        put_text(&writer, ",\"source_offset\":");
        put_integer(&writer, source->offset);
    }
    put_text(&writer, "}");
    return writer.failed ? 0 : writer.n;
}
