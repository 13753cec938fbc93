/* inspect.c: `alertrond inspect`: what a model is, where it came from, what it would call an anomaly, and how scores
 * lie about that. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <alertron.h>

#include "command.h"
#include "histogram.h"
#include "modelstore.h"
#include "options.h"
#include "print.h"
#include "scores.h"
#include "terminal.h"
#include "why.h"

#define LABEL_WIDTH 16
#define TITLE_BYTES 512
#define NAME_SHOWN_MAX 40u /* characters of a file's name in the title */
#define WHY_BYTES 1024

struct inspect_flags {
    const char *features, *svg;
    int64_t dtype; /* alertron_input */
    bool json, ascii, tests;
};

struct inspection {
    const struct inspect_flags *flags;
    const char *path, *readings; /* readings: a file to score, or NULL */
    alertron_model *model;
    alertron_error tests; /* its status tells whether the carried tests pass */
    uint64_t counts[ALERTRON_SCORE_BINS];
    bool has_counts; /* of the readings, else of the training rows */
    size_t by_severity[4];
    size_t rows; /* of the readings */
};

static const struct options_usage usage = {
    .command = "inspect",
    .operands = "MODEL [READINGS]",
    .summary =
        "Tells what a model is, where it came from, what it would call an anomaly, and how\nscores lie about that.",
    .details = "MODEL is alertron's own file, or scikit-learn's pickle or joblib file; - is\n"
               "standard input. The picture is of the scores of the training rows, where the\n"
               "model keeps them: those that alertrond trained do. With READINGS, a CSV with a\n"
               "header line or readings in JSON, it is of theirs. Below each score stands the\n"
               "share of the rows that a threshold there would call anomalies.\n"
               "\n"
               "Colours are for terminals, unless NO_COLOR is set; the width is the terminal's,\n"
               "or COLUMNS.\n"
               "\n"
               "Examples:\n"
               "  alertrond inspect pump.alertron\n"
               "  alertrond inspect iforest.joblib normal_week.csv --svg week.svg\n"
               "  alertrond inspect --json pump.alertron | jq .cuts\n"};

/* ---- text ---- */

static void print_label(const char *label)
{
    printf("  %-*s  ", LABEL_WIDTH, label);
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
        print_shown(stdout, name, strlen(name));
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
        printf(": no anomalous scores seen yet; take them from readings (convert --calibrate FILE)\n");
}

static void print_provenance(const char *text)
{
    const char *label = "from";
    while (text && *text) {
        size_t n = strcspn(text, "\n");
        print_label(label);
        print_shown(stdout, text, n);
        printf("\n");
        label = "";
        text += n + (text[n] == '\n');
    }
}

static void print_tests(const struct inspection *inspection)
{
    const char *text = alertron_model_tests(inspection->model);
    if (!*text)
        return;
    alertron_tests *tests = alertron_tests_parse(text, strlen(text), NULL, NULL);
    print_label("carried tests");
    printf("%zu, which --tests prints", tests ? alertron_tests_count(tests) : 0);
    alertron_tests_free(tests);
    if (inspection->tests.status != ALERTRON_OK) {
        printf("; THE MODEL FAILS THEM and is not served: ");
        print_shown(stdout, inspection->tests.text, strlen(inspection->tests.text));
    }
    printf("\n");
}

/* As they are; but a terminal gets none of a model's commands. */
static void print_tests_alone(const char *text)
{
    if (!isatty(STDOUT_FILENO)) {
        fputs(text, stdout);
        return;
    }
    while (*text) {
        const size_t n = strcspn(text, "\n\t");
        print_shown(stdout, text, n);
        text += n;
        if (*text)
            putchar(*text++);
    }
}

static void print_picture(const struct inspection *inspection, const struct histogram *histogram)
{
    printf("\n");
    if (inspection->has_counts) {
        const bool unicode = terminal_unicode() && !inspection->flags->ascii;
        histogram_print(histogram, terminal_width(), unicode, terminal_colour());
        return;
    }
    printf("  No picture: the model does not keep the scores of its training rows. To see those of\n"
           "  readings: alertrond inspect MODEL READINGS. To put the training rows' into the model:\n"
           "  alertrond convert MODEL --training READINGS -o OUT.alertron\n");
}

static void print_text(const struct inspection *inspection, const struct histogram *histogram)
{
    const alertron_model *model = inspection->model;
    alertron_model_info info;
    alertron_model_describe(model, &info);
    alertron_cuts cuts = alertron_model_cuts(model);
    printf("%s: %s, made by ", inspection->path, info.kind);
    print_shown(stdout, info.producer, strlen(info.producer));
    printf("\n\n");
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
    print_tests(inspection);
    print_picture(inspection, histogram);
}

/* ---- JSON ---- */

static void json_features(const alertron_model *model)
{
    size_t n = alertron_model_features(model);
    printf(",\"features\":%zu,\"feature_names\":", n);
    if (!alertron_model_feature_name(model, 0)) {
        printf("null");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        printf("%s", i ? "," : "[");
        print_json_string(alertron_model_feature_name(model, i));
    }
    printf("]");
}

static void json_cuts(const alertron_cuts *cuts)
{
    printf(",");
    print_json_number("threshold", cuts->threshold);
    printf(",\"cuts\":{\"origin\":\"%s\"", alertron_cuts_origin_name(cuts->origin));
    printf(",");
    print_json_number("medium", cuts->medium);
    printf(",");
    print_json_number("high", cuts->high);
    printf(",");
    print_json_number("medium_quantile", cuts->medium_quantile);
    printf(",");
    print_json_number("high_quantile", cuts->high_quantile);
    printf(",\"scores\":%llu}", (unsigned long long)cuts->n_scores);
}

static void json_counts(const char *name, const uint64_t *counts)
{
    printf(",\"%s\":", name);
    for (size_t bin = 0; counts && bin < ALERTRON_SCORE_BINS; bin++)
        printf("%s%llu", bin ? "," : "[", (unsigned long long)counts[bin]);
    printf("%s", counts ? "]" : "null");
}

static void json_readings(const struct inspection *inspection)
{
    printf(",\"readings\":");
    if (!inspection->readings) {
        printf("null");
        return;
    }
    printf("{");
    print_json_text("path", inspection->readings);
    printf(",\"rows\":%zu,\"by_severity\":{", inspection->rows);
    for (alertron_severity severity = ALERTRON_SEVERITY_NONE; severity <= ALERTRON_SEVERITY_HIGH; severity++)
        printf("%s\"%s\":%zu", severity ? "," : "", alertron_severity_name(severity),
               inspection->by_severity[severity]);
    printf("}");
    json_counts("scores", inspection->counts);
    printf("}");
}

static void json_tests(const struct inspection *inspection)
{
    const char *tests = alertron_model_tests(inspection->model);
    printf(",");
    print_json_text("tests", *tests ? tests : NULL);
    printf(",\"tests_pass\":%s", !*tests ? "null" : inspection->tests.status == ALERTRON_OK ? "true" : "false");
}

/* One object on one line. Members are only ever added, so that scripts may rely on them. */
static void print_json(const struct inspection *inspection)
{
    const alertron_model *model = inspection->model;
    alertron_model_info info;
    alertron_model_describe(model, &info);
    alertron_cuts cuts = alertron_model_cuts(model);
    printf("{");
    print_json_text("path", inspection->path);
    printf(",");
    print_json_text("kind", info.kind);
    printf(",");
    print_json_text("producer", info.producer);
    printf(",");
    print_json_text("provenance", info.provenance);
    json_features(model);
    printf(",\"missing_values\":%s", info.missing_values ? "true" : "false");
    json_cuts(&cuts);
    printf(",\"trees\":%u,\"samples\":%u,\"nodes\":%u,\"depth\":%u", info.trees, info.samples, info.nodes, info.depth);
    printf(",");
    print_json_number("normalizer", info.normalizer);
    printf(",\"bytes\":%zu,", info.bytes);
    print_json_text("kernel", info.kernel);
    json_tests(inspection);
    json_counts("training_scores", alertron_model_training_scores(model));
    json_readings(inspection);
    printf("}\n");
}

/* ---- the work ---- */

static bool load(struct inspection *inspection, char *why, size_t why_size)
{
    const alertron_load_options options = {.input = (alertron_input)inspection->flags->dtype, .skip_tests = true};
    alertron_error error;
    inspection->model = modelstore_load_with(inspection->path, &options, &error);
    if (!inspection->model)
        return why_say(why, why_size, "%s", error.text);
    if (!*alertron_model_tests(inspection->model))
        return true;
    /* A copy is not made of a model that fails the tests it carries. */
    alertron_model *copy =
        alertron_model_with(inspection->model, &(alertron_model_changes){0}, NULL, &inspection->tests);
    if (copy)
        inspection->tests.status = ALERTRON_OK;
    alertron_model_free(copy);
    return true;
}

/* The scores of the picture: of the readings, where there are any, else of the training rows. */
static bool take_scores(struct inspection *inspection, char *why, size_t why_size)
{
    const uint64_t *training = alertron_model_training_scores(inspection->model);
    if (!inspection->readings) {
        inspection->has_counts = training != NULL;
        if (training)
            memcpy(inspection->counts, training, sizeof inspection->counts);
        return true;
    }
    struct scores scores = {0};
    if (scores_of_file(&scores, inspection->model, inspection->readings, inspection->flags->features, -INFINITY, why,
                       why_size)) {
        const alertron_cuts cuts = alertron_model_cuts(inspection->model);
        scores_by_severity(&scores, &cuts, inspection->by_severity);
        scores_count(&scores, inspection->counts);
        inspection->rows = scores.rows;
        inspection->has_counts = true;
    }
    scores_free(&scores);
    return inspection->has_counts;
}

/* A file's name, cut where it is long. */
static void name_file(const char *path, char out[MODEL_NAME_BYTES])
{
    modelstore_name(path, out);
    if (strlen(out) > NAME_SHOWN_MAX)
        snprintf(out + NAME_SHOWN_MAX - 3, 4, "...");
}

static struct histogram make_histogram(const struct inspection *inspection, char title[TITLE_BYTES])
{
    const alertron_cuts cuts = alertron_model_cuts(inspection->model);
    char model[MODEL_NAME_BYTES], readings[MODEL_NAME_BYTES];
    name_file(inspection->path, model);
    name_file(inspection->readings ? inspection->readings : "", readings);
    struct histogram histogram =
        histogram_of(title, inspection->counts, &cuts, inspection->readings ? inspection->by_severity : NULL);
    if (inspection->readings)
        snprintf(title, TITLE_BYTES, "%s: scores of %zu row%s of %s", model, inspection->rows,
                 inspection->rows == 1 ? "" : "s", readings);
    else
        snprintf(title, TITLE_BYTES, "%s: scores of %.0f training rows", model, histogram.rows);
    return histogram;
}

static bool run(struct inspection *inspection, char *why, size_t why_size)
{
    const struct inspect_flags *flags = inspection->flags;
    if (!load(inspection, why, why_size) || !take_scores(inspection, why, why_size))
        return false;
    char title[TITLE_BYTES];
    const struct histogram histogram = make_histogram(inspection, title);
    if (flags->svg && !inspection->has_counts)
        return why_say(why, why_size,
                       "%s does not keep the scores of its training rows: give readings whose scores are to be drawn",
                       inspection->path);
    if (flags->svg && !histogram_write_svg(&histogram, flags->svg, why, why_size))
        return false;
    if (flags->svg && strcmp(flags->svg, "-") == 0)
        return true;
    if (flags->tests)
        print_tests_alone(alertron_model_tests(inspection->model));
    else if (flags->json)
        print_json(inspection);
    else
        print_text(inspection, &histogram);
    return true;
}

static enum options_outcome parse(struct inspect_flags *flags, int argc, char **argv, const char *operands[2])
{
    const struct option options[] = {
        {"json", 0, OPTION_FLAG, &flags->json, NULL, "one JSON object on one line", 0, 0, NULL},
        {"svg", 0, OPTION_TEXT, &flags->svg, "FILE",
         "write the picture as an SVG, too; to standard output, and nothing else there, for -", 0, 0, NULL},
        {"ascii", 0, OPTION_FLAG, &flags->ascii, NULL, "draw with ASCII (default where the locale is not one of UTF-8)",
         0, 0, NULL},
        {"tests", 0, OPTION_FLAG, &flags->tests, NULL, "print the tests that the model carries, and nothing else", 0, 0,
         NULL},
        {"features", 0, OPTION_TEXT, &flags->features, "A,B,...", "the columns of READINGS, in the model's order", 0, 0,
         NULL},
        {"dtype", 0, OPTION_CHOICE, &flags->dtype, MODEL_INPUTS, MODEL_INPUTS_HELP, 0, 0, NULL},
    };
    size_t n_operands = 2;
    enum options_outcome outcome =
        options_parse(&usage, options, sizeof options / sizeof *options, argc, argv, operands, &n_operands);
    if (outcome != OPTIONS_RUN)
        return outcome;
    if (flags->features && !operands[1])
        return options_wrong(&usage, "--features is for READINGS, which are missing");
    if (operands[1] && strcmp(operands[0], "-") == 0 && strcmp(operands[1], "-") == 0)
        return options_wrong(&usage, "MODEL and READINGS can't both be standard input");
    return options_spare(&usage, "--svg", flags->svg, operands, 2);
}

int command_inspect(int argc, char **argv)
{
    struct inspect_flags flags = {0};
    const char *operands[2] = {NULL, NULL};
    enum options_outcome outcome = parse(&flags, argc, argv, operands);
    if (outcome != OPTIONS_RUN)
        return options_status(outcome);
    struct inspection inspection = {.flags = &flags, .path = operands[0], .readings = operands[1]};
    char why[WHY_BYTES];
    bool done = run(&inspection, why, sizeof why);
    if (!done)
        fprintf(stderr, "alertrond inspect: %s\n", why);
    alertron_model_free(inspection.model);
    return done ? 0 : 1;
}
