/* calibration.c: severity cuts for a model that brought none, from a file of readings. */
#include "calibration.h"

#include <stdio.h>
#include <stdlib.h>

#include "table.h"

#define SCORES_MAX ((size_t)1 << 24) /* anomalous scores that are gathered: 128 MiB */

struct scores {
    double *values;
    size_t n, capacity;
};

static bool add_score(struct scores *scores, double score)
{
    if (scores->n == scores->capacity) {
        const size_t capacity = scores->capacity ? scores->capacity * 2 : 1024;
        double *values = capacity > SCORES_MAX ? NULL : realloc(scores->values, capacity * sizeof *values);
        if (!values)
            return false;
        scores->values = values;
        scores->capacity = capacity;
    }
    scores->values[scores->n++] = score;
    return true;
}

/* The anomalous scores of all rows; *rows counts them. */
static bool gather(struct scores *scores, struct table *table, const alertron_model *model, double threshold,
                   double *features, size_t *rows, char *why, size_t why_size)
{
    const char *line;
    enum table_outcome outcome;
    while ((outcome = table_next(table, features, &line, why, why_size)) == TABLE_ROW) {
        const double score = alertron_model_score(model, features);
        if (score > threshold && !add_score(scores, score)) {
            snprintf(why, why_size, "more than %zu anomalous scores, or out of memory: calibrate with fewer rows",
                     SCORES_MAX);
            return false;
        }
        ++*rows;
    }
    return outcome == TABLE_END;
}

static struct table *open_table(const alertron_model *model, const char *path, const char *features, const char **names,
                                char *why, size_t why_size)
{
    alertron_model_info info;
    alertron_model_describe(model, &info);
    for (size_t i = 0; i < info.features; i++)
        names[i] = alertron_model_feature_name(model, i);
    const struct table_options options = {.features = features,
                                          .expected = names[0] ? names : NULL,
                                          .width = info.features,
                                          .missing_values = info.missing_values};
    return table_open(path, &options, why, why_size);
}

bool calibrate_from_file(alertron_cuts *cuts, const alertron_model *model, const char *path, const char *features,
                         char *why, size_t why_size)
{
    const size_t width = alertron_model_features(model);
    const char **names = calloc(width, sizeof *names);
    double *row = calloc(width, sizeof *row);
    struct table *table = NULL;
    struct scores scores = {0};
    size_t rows = 0;
    bool good = false;
    if (!names || !row) {
        snprintf(why, why_size, "out of memory");
        goto release;
    }
    table = open_table(model, path, features, names, why, why_size);
    if (!table || !gather(&scores, table, model, cuts->threshold, row, &rows, why, why_size))
        goto release;
    alertron_error error;
    good = alertron_cuts_calibrate(cuts, scores.values, scores.n, ALERTRON_CUTS_FILE, &error) == ALERTRON_OK;
    if (!good)
        snprintf(why, why_size, "%s: %zu of %zu rows are anomalies: %s", path, scores.n, rows, error.text);
release:
    if (table)
        table_close(table);
    free(scores.values);
    free(row);
    free(names);
    return good;
}
