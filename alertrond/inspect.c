/* inspect.c: `alertrond inspect`: what a model is, where it came from, what it would call an anomaly. */
#include <stdio.h>
#include <string.h>

#include <alertron.h>

#include "command.h"
#include "modelstore.h"
#include "options.h"
#include "reading.h"

#define LABEL_WIDTH 16
#define JSON_TEXT_BYTES (6 * ALERTRON_PROVENANCE_MAX + 3) /* a text with each byte escaped */

static const struct options_usage usage = {
    .command = "inspect",
    .operands = "MODEL",
    .summary = "Tells what a model is, where it came from, and what it would call an anomaly.",
    .details = "MODEL is alertron's own file, or scikit-learn's pickle or joblib file; - is\n"
               "standard input.\n"};

/* ---- text ---- */

static void print_label(const char *label)
{
    printf("  %-*s  ", LABEL_WIDTH, label);
}

static void print_number(double value)
{
    char text[32];
    reading_write_number(text, sizeof text, value);
    printf("%s", text);
}

/* "score from 0.66, quantile 0.8 of anomalous scores"; the quantile is 0 for none. */
static void print_level(const char *label, const char *how, double from, double quantile)
{
    print_label(label);
    printf("%s ", how);
    print_number(from);
    if (quantile > 0)
        printf(", quantile %g of anomalous scores", quantile);
    printf("\n");
}

/* A model's file is from anywhere: what a terminal could take for a command is shown as `?`. */
static void print_shown(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        putchar((unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i]);
}

/* Names in lines of about 60 characters. */
static void print_features(const alertron_model *model)
{
    size_t n = alertron_model_features(model), at = 0;
    print_label("features");
    printf("%zu", n);
    if (!alertron_model_feature_name(model, 0)) {
        printf(", without names\n");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = alertron_model_feature_name(model, i);
        printf("%s", i ? "," : ":");
        if (at > 60) {
            printf("\n%*s", LABEL_WIDTH + 3, "");
            at = 0;
        }
        printf(" ");
        print_shown(name, strlen(name));
        at += strlen(name) + 2;
    }
    printf("\n");
}

static void print_cuts(const alertron_cuts *cuts)
{
    bool taken = cuts->n_scores > 0;
    print_level("anomaly", "score above", cuts->threshold, 0);
    print_level("medium", "score from", cuts->medium, taken ? cuts->medium_quantile : 0);
    print_level("high", "score from", cuts->high, taken ? cuts->high_quantile : 0);
    print_label("cuts");
    printf("%s", alertron_cuts_origin_name(cuts->origin));
    if (taken)
        printf(", of %llu anomalous scores\n", (unsigned long long)cuts->n_scores);
    else
        printf(": no anomalous scores seen yet; take some from readings (score --calibrate FILE)\n");
}

static void print_provenance(const char *text)
{
    const char *label = "from";
    while (text && *text) {
        size_t n = strcspn(text, "\n");
        print_label(label);
        print_shown(text, n);
        printf("\n");
        label = "";
        text += n + (text[n] == '\n');
    }
}

static void print_text(const alertron_model *model, const char *path)
{
    alertron_model_info info;
    alertron_model_describe(model, &info);
    alertron_cuts cuts = alertron_model_cuts(model);
    printf("%s: %s, made by %s\n\n", path, info.kind, info.producer);
    print_features(model);
    print_label("missing values");
    printf("%s\n", info.missing_values ? "scored" : "refused");
    print_cuts(&cuts);
    print_label("trees");
    printf("%u, each grown on %u rows\n", info.trees, info.samples);
    print_label("nodes");
    printf("%u, at most %u on a path\n", info.nodes, info.depth);
    print_label("memory");
    printf("%zu bytes, kernel %s\n", info.bytes, info.kernel);
    print_provenance(info.provenance);
}

/* ---- JSON ---- */

static void json_text(const char *name, const char *text)
{
    char out[JSON_TEXT_BYTES];
    printf("\"%s\":%s", name, text && reading_write_string(out, sizeof out, text) ? out : "null");
}

static void json_number(const char *name, double value)
{
    char out[32];
    reading_write_number(out, sizeof out, value);
    printf(",\"%s\":%s", name, out);
}

static void json_features(const alertron_model *model)
{
    size_t n = alertron_model_features(model);
    printf(",\"features\":%zu,\"feature_names\":", n);
    if (!alertron_model_feature_name(model, 0)) {
        printf("null");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        char out[6 * ALERTRON_FEATURE_NAME_MAX + 3];
        reading_write_string(out, sizeof out, alertron_model_feature_name(model, i));
        printf("%s%s", i ? "," : "[", out);
    }
    printf("]");
}

static void json_cuts(const alertron_cuts *cuts)
{
    json_number("threshold", cuts->threshold);
    printf(",\"cuts\":{\"origin\":\"%s\"", alertron_cuts_origin_name(cuts->origin));
    json_number("medium", cuts->medium);
    json_number("high", cuts->high);
    json_number("medium_quantile", cuts->medium_quantile);
    json_number("high_quantile", cuts->high_quantile);
    printf(",\"scores\":%llu}", (unsigned long long)cuts->n_scores);
}

/* One object on one line. Members are only ever added, so that scripts may rely on them. */
static void print_json(const alertron_model *model, const char *path)
{
    alertron_model_info info;
    alertron_model_describe(model, &info);
    alertron_cuts cuts = alertron_model_cuts(model);
    printf("{");
    json_text("path", path);
    printf(",");
    json_text("kind", info.kind);
    printf(",");
    json_text("producer", info.producer);
    printf(",");
    json_text("provenance", info.provenance);
    json_features(model);
    printf(",\"missing_values\":%s", info.missing_values ? "true" : "false");
    json_cuts(&cuts);
    printf(",\"trees\":%u,\"samples\":%u,\"nodes\":%u,\"depth\":%u", info.trees, info.samples, info.nodes, info.depth);
    json_number("normalizer", info.normalizer);
    printf(",\"bytes\":%zu,", info.bytes);
    json_text("kernel", info.kernel);
    printf("}\n");
}

int command_inspect(int argc, char **argv)
{
    bool json = false;
    const struct option options[] = {
        {.name = "json", .kind = OPTION_FLAG, .target = &json, .help = "one JSON object on one line"},
    };
    const char *path = NULL;
    size_t n_operands = 1;
    enum options_outcome outcome = options_parse(&usage, options, 1, argc, argv, &path, &n_operands);
    if (outcome != OPTIONS_RUN)
        return options_status(outcome);
    alertron_error error;
    alertron_model *model = modelstore_load(path, ALERTRON_INPUT_DEFAULT, &error);
    if (!model) {
        fprintf(stderr, "alertrond inspect: %s\n", error.text);
        return 1;
    }
    if (json)
        print_json(model, path);
    else
        print_text(model, path);
    alertron_model_free(model);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    perror("alertrond inspect: standard output");
    return 1;
}
