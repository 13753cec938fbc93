/* models_support.c: what the tests of models in force share. */
#include "models_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 1024 };

alertron_model *train_with(size_t width, uint64_t seed, double scale, bool provisional_cuts)
{
    double *rows = calloc(ROWS * width, sizeof *rows);
    assert_non_null(rows);
    for (size_t i = 0; i < ROWS * width; i++)
        rows[i] = scale * (double)(i * 7919 % 101);
    const alertron_rows view = alertron_rows_of(rows, ROWS, width);
    const alertron_fit_options options = {
        .trees = 10, .contamination = provisional_cuts ? 0 : 0.05, .seed = seed, .provisional_cuts = provisional_cuts};
    alertron_error error;
    alertron_model *model = alertron_model_fit(&view, &options, NULL, &error);
    assert_non_null(model);
    free(rows);
    return model;
}

alertron_model *train(size_t width, uint64_t seed, double scale)
{
    return train_with(width, seed, scale, false);
}

size_t saved_of(alertron_model *model, unsigned char **bytes)
{
    const size_t n = alertron_model_save(model, NULL, 0);
    assert_non_null(*bytes = malloc(n));
    alertron_model_save(model, *bytes, n);
    alertron_model_free(model);
    return n;
}

size_t saved(size_t width, uint64_t seed, double scale, unsigned char **bytes)
{
    return saved_of(train(width, seed, scale), bytes);
}

void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

void put_bytes(const char *path, const void *bytes, size_t n)
{
    char aside[128];
    snprintf(aside, sizeof aside, "%s.new", path);
    write_file(aside, bytes, n);
    assert_int_equal(rename(aside, path), 0);
}

void put_model(const char *path, uint64_t seed, double scale)
{
    unsigned char *bytes;
    const size_t n = saved(WIDTH, seed, scale, &bytes);
    put_bytes(path, bytes, n);
    free(bytes);
}

void models_begin(struct models_fixture *fixture, size_t devices)
{
    static char topic[] = "readings", none[] = "";
    *fixture = (struct models_fixture){0};
    struct config *config = &fixture->config;
    config->severity.medium_quantile = 0.8;
    config->severity.high_quantile = 0.95;
    config->severity.calibration_file = none;
    config->kafka.readings_topic = topic;
    config->limits.message_bytes = 65536;
    alertron_error error;
    assert_true(metrics_open(&fixture->metrics, devices, topic, &error));
    fixture->parts = (struct scorer_parts){
        .metrics = &fixture->metrics, .devices = devices_new(&fixture->metrics, devices), .device_seconds = 60};
    assert_non_null(fixture->parts.devices);
}

void models_begin_in_folder(struct models_fixture *fixture, double share, bool has_candidate)
{
    models_begin(fixture, 10);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/test_models.XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->primary, sizeof fixture->primary, "%s/primary", fixture->folder);
    snprintf(fixture->candidate, sizeof fixture->candidate, "%s/candidate", fixture->folder);
    put_model(fixture->primary, 1, 1);
    if (has_candidate)
        put_model(fixture->candidate, 2, 1);
    struct config *config = &fixture->config;
    config->model.path = fixture->primary;
    config->candidate.path = fixture->candidate;
    config->candidate.share = share;
    config->candidate.agreement = 0.5;
    config->candidate.alarm_ratio = 10;
}

void models_start(struct models_fixture *fixture, alertron_model *model)
{
    char why[512] = "";
    assert_non_null(fixture->parts.features = features_new("", model, &fixture->metrics, why, sizeof why));
    fixture->parts.models = models_new(&fixture->config, &fixture->metrics, model, why, sizeof why);
    assert_string_equal(why, "");
    assert_non_null(fixture->parts.models);
}

void models_end(struct models_fixture *fixture)
{
    devices_free(fixture->parts.devices);
    models_free(fixture->parts.models);
    features_free(fixture->parts.features);
    metrics_close(&fixture->metrics);
    free(fixture->text);
    if (!fixture->folder[0])
        return;
    unlink(fixture->primary);
    unlink(fixture->candidate);
    assert_int_equal(rmdir(fixture->folder), 0);
}

const char *exposition(struct models_fixture *fixture)
{
    free(fixture->text);
    return fixture->text = registry_text_of(fixture->metrics.registry);
}

double sum(struct models_fixture *fixture, const char *name, const char *label)
{
    double all = -1;
    const size_t n = strlen(name);
    for (const char *line = exposition(fixture); *line; line += strcspn(line, "\n") + 1) {
        char copy[512];
        snprintf(copy, sizeof copy, "%.*s", (int)strcspn(line, "\n"), line);
        if (strncmp(copy, name, n) == 0 && (copy[n] == '{' || copy[n] == ' ') && strstr(copy, label))
            all = (all < 0 ? 0 : all) + strtod(strrchr(copy, ' '), NULL);
    }
    return all;
}

double reloads(struct models_fixture *fixture, enum models_outcome outcome)
{
    char label[40];
    snprintf(label, sizeof label, "outcome=\"%s\"", models_outcome_name(outcome));
    return sum(fixture, "alertrond_model_reloads_total", label);
}

enum models_outcome reload(struct models_fixture *fixture)
{
    models_reload(fixture->parts.models, &fixture->report);
    return fixture->report.outcome;
}
