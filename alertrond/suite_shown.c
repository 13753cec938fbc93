/* suite_shown.c: a failed test's reading, in the words that all reports share. */
#include <math.h>
#include <string.h>

#include "reading.h"
#include "suite.h"
#include "utf8.h"

#define DECIMALS_MIN 4
#define DECIMALS_MAX 17
#define CUTS 3
#define ELLIPSIS "..."
#define ELLIPSIS_LENGTH (sizeof ELLIPSIS - 1)

static void show_name(const alertron_model *model, size_t index, char *out, size_t size)
{
    const char *name = alertron_model_feature_name(model, index);
    if (!name || !*name) {
        snprintf(out, size, "feature %zu", index);
        return;
    }
    const size_t n = strlen(name);
    utf8_shown(out, name, n < size ? n : utf8_cut(name, size - 1));
}

/* Tags of OPC and topics of MQTT differ at their ends, so it is the middle that goes. */
static void shorten(char *name, size_t n_max)
{
    size_t n = utf8_characters(name);
    if (n <= n_max)
        return;
    const size_t tail = (n_max - ELLIPSIS_LENGTH) / 2, head = n_max - ELLIPSIS_LENGTH - tail;
    char *out = name + utf8_offset(name, head);
    const char *rest = name + utf8_offset(name, n - tail);
    memcpy(out, ELLIPSIS, ELLIPSIS_LENGTH);
    memmove(out + ELLIPSIS_LENGTH, rest, strlen(rest) + 1);
}

static void show_feature(const struct suite_case *one, const alertron_model *model, size_t index,
                         struct suite_feature *feature)
{
    double value = one->reading[index];
    *feature = (struct suite_feature){.index = index, .share = one->shares[index], .changed = index == one->feature};
    show_name(model, index, feature->name, sizeof feature->name);
    if (isfinite(value))
        reading_write_number(feature->value, sizeof feature->value, value);
    else
        snprintf(feature->value, sizeof feature->value, "%s", isnan(value) ? "missing" : value > 0 ? "inf" : "-inf");
}

size_t suite_features(const struct suite_case *one, const alertron_model *model, struct suite_feature *features)
{
    size_t width = one->reading ? alertron_model_features(model) : 0, best[SUITE_SHOWN_MAX], n = 0;
    for (size_t i = 0; i < width; i++) {
        size_t at = n < SUITE_SHOWN_MAX ? n++ : SUITE_SHOWN_MAX;
        for (; at > 0 && one->shares[i] > one->shares[best[at - 1]]; at--)
            if (at < SUITE_SHOWN_MAX)
                best[at] = best[at - 1];
        if (at < SUITE_SHOWN_MAX)
            best[at] = i;
    }
    for (size_t i = 0; i < n; i++)
        show_feature(one, model, best[i], &features[i]);
    return n;
}

void suite_where(const struct suite_case *one, char *out, size_t size)
{
    *out = '\0';
    if (one->file && one->file_line)
        snprintf(out, size, "row %zu of %s (line %zu)", one->row, one->file, one->file_line);
    else if (one->file)
        snprintf(out, size, "row %zu of %s", one->row, one->file);
}

/* So few decimals that numbers which differ from the score do so in text. */
static int decimals_for(double score, const double *cuts)
{
    int decimals = DECIMALS_MIN;
    for (size_t i = 0; i < CUTS; i++)
        for (char a[40], b[40]; score != cuts[i] && decimals < DECIMALS_MAX; decimals++) {
            snprintf(a, sizeof a, "%.*f", decimals, score);
            snprintf(b, sizeof b, "%.*f", decimals, cuts[i]);
            if (strcmp(a, b) != 0)
                break;
        }
    return decimals;
}

static void tell_score(FILE *out, const struct suite_case *one, const alertron_model *model)
{
    alertron_cuts cuts = alertron_model_cuts(model);
    int n = decimals_for(one->score, (const double[CUTS]){cuts.threshold, cuts.medium, cuts.high});
    fprintf(out, "%.*f: %s (anomalies are above %.*f, medium from %.*f, high from %.*f)\n", n, one->score,
            alertron_severity_name(one->severity), n, cuts.threshold, n, cuts.medium, n, cuts.high);
}

/* Columns that UTF-8 takes, where each character takes one. */
static int columns(const char *text)
{
    return (int)utf8_characters(text);
}

static void tell_features(FILE *out, const struct suite_case *one, const alertron_model *model, const char *indent,
                          size_t name_max)
{
    struct suite_feature features[SUITE_SHOWN_MAX];
    size_t n = suite_features(one, model, features), width = alertron_model_features(model);
    int names = 0, values = 0;
    for (size_t i = 0; i < n; i++) {
        shorten(features[i].name, name_max);
        names = columns(features[i].name) > names ? columns(features[i].name) : names;
        values = columns(features[i].value) > values ? columns(features[i].value) : values;
    }
    bool anomaly = one->severity != ALERTRON_SEVERITY_NONE;
    for (size_t i = 0; i < n; i++)
        fprintf(out, "%s%-10s %s%*s  %*s  %3.0f%%%s\n", indent,
                i         ? ""
                : anomaly ? "caused by"
                          : "features",
                features[i].name, names - columns(features[i].name), "", values, features[i].value,
                100 * features[i].share, features[i].changed ? "  changed to this" : "");
    if (n < width)
        fprintf(out, "%s%-10s and %zu more\n", indent, "", width - n);
    if (!anomaly)
        fprintf(out, "%s%-10s (of a reading that is no anomaly the shares say little)\n", indent, "");
}

void suite_tell(FILE *out, const struct suite_case *one, const alertron_model *model, const char *indent,
                size_t name_max)
{
    fprintf(out, "%s%-10s %s\n", indent, one->outcome == ALERTRON_TEST_ERROR ? "why" : "found", one->found);
    if (!one->reading)
        return;
    char where[SUITE_TEXT_MAX + 100];
    suite_where(one, where, sizeof where);
    if (*where)
        fprintf(out, "%s%-10s %s\n", indent, "reading", where);
    fprintf(out, "%s%-10s ", indent, "score");
    tell_score(out, one, model);
    tell_features(out, one, model, indent, name_max);
}
