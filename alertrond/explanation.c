/* explanation.c: what the features of a reading are called, and which of them isolated an anomaly. */
#include "explanation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"
#include "why.h"

enum { NUMBERED_BYTES = sizeof "feature_18446744073709551615" };

static size_t count_names(const char *list)
{
    size_t n = 1;
    for (; *list; list++)
        n += *list == ',';
    return n;
}

/* Copies the next name of a list, without the blanks around it, to `out`; returns what follows in the list. */
static const char *take_name(const char *list, char *out)
{
    const char *end = list + strcspn(list, ",");
    const char *next = *end ? end + 1 : end;
    list += strspn(list, " \t");
    while (end > list && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    const size_t n = end > list ? (size_t)(end - list) : 0;
    memcpy(out, list, n);
    out[n] = 0;
    return next;
}

/* Bytes of all names. */
static size_t names_size(const char *list, const alertron_model *model, size_t width)
{
    size_t size = strlen(list) + 1;
    for (size_t i = 0; !*list && i < width; i++) {
        const char *name = alertron_model_feature_name(model, i);
        size += name ? strlen(name) + 1 : NUMBERED_BYTES;
    }
    return size;
}

static void fill_names(struct features *features, const char *list, const alertron_model *model, char *text)
{
    for (size_t i = 0; i < features->width; i++) {
        const char *name = alertron_model_feature_name(model, i);
        features->names[i] = text;
        if (*list)
            list = take_name(list, text);
        else if (name)
            memcpy(text, name, strlen(name) + 1);
        else
            snprintf(text, NUMBERED_BYTES, "feature_%zu", i);
        text += strlen(text) + 1;
    }
}

/* Names go into labels and records as they are. */
static bool good_name(const char *name)
{
    size_t n = 0;
    for (size_t bytes; name[n]; n += bytes)
        if (utf8_is_control(name + n) || !(bytes = utf8_bytes(name + n)))
            return false;
    return n > 0 && n <= ALERTRON_FEATURE_NAME_MAX;
}

static bool good_names(const struct features *features, char *why, size_t why_size)
{
    for (size_t i = 0; i < features->width; i++)
        if (!good_name(features->names[i]))
            return why_say(why, why_size,
                           "name %zu of model.feature_names is no name: 1 to %u bytes of UTF-8 without control "
                           "characters are",
                           i + 1, ALERTRON_FEATURE_NAME_MAX);
    return true;
}

static void open_series(struct features *features, struct metrics *metrics)
{
    metrics_lock(metrics);
    for (size_t i = 0; i < features->width; i++) {
        const char *name = i < FEATURE_SERIES_MAX ? features->names[i] : "_other";
        char index[24];
        snprintf(index, sizeof index, "%zu", i);
        features->anomalies[i] = alertron_counter_with(metrics->feature_anomalies, &name);
        if (i < FEATURE_SERIES_MAX)
            alertron_gauge_set(alertron_gauge_with(metrics->feature_info, (const char *const[]){index, name}), 1);
    }
    metrics_unlock(metrics);
}

/* One piece of memory: the features, their names and series, the texts. */
struct features *features_new(const char *list, const alertron_model *model, struct metrics *metrics, char *why,
                              size_t why_size)
{
    const size_t width = alertron_model_features(model);
    if (!list)
        list = "";
    if (*list && count_names(list) != width) {
        why_say(why, why_size, "model.feature_names has %zu names, and the model takes %zu features", count_names(list),
                width);
        return NULL;
    }
    struct features *features =
        malloc(sizeof *features + width * (sizeof *features->names + sizeof *features->anomalies) +
               names_size(list, model, width));
    if (!features) {
        why_say(why, why_size, "out of memory");
        return NULL;
    }
    *features = (struct features){.width = width, .names = (const char **)(features + 1)};
    features->anomalies = (alertron_counter_child **)(features->names + width);
    fill_names(features, list, model, (char *)(features->anomalies + width));
    if (!good_names(features, why, why_size)) {
        free(features);
        return NULL;
    }
    open_series(features, metrics);
    return features;
}

void features_free(struct features *features)
{
    free(features);
}

struct explanation explanation_of(const double *shares, size_t width)
{
    struct explanation explanation = {0};
    struct cause *causes = explanation.causes;
    for (size_t i = 0; i < width; i++) {
        const float share = (float)shares[i];
        size_t at = explanation.n;
        while (at > 0 && causes[at - 1].share < share)
            at--;
        if (!(share > 0) || at == CAUSES_MAX)
            continue;
        if (explanation.n < CAUSES_MAX)
            explanation.n++;
        memmove(&causes[at + 1], &causes[at], (explanation.n - 1 - at) * sizeof *causes);
        causes[at] = (struct cause){(uint32_t)i, share};
    }
    return explanation;
}
