/* train.c: `alertrond train`: from a file of readings to a model file. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <alertron.h>

#include "clock.h"
#include "command.h"
#include "modelstore.h"
#include "options.h"
#include "print.h"
#include "progress.h"
#include "table.h"
#include "why.h"

#define WHY_BYTES 1024
#define NUMBERS_MAX ((size_t)1 << 29) /* of the training rows: 4 GiB */
#define NAMES_SHOWN_MAX 8u            /* of features */
#define SEED_MOST 9007199254740992.0  /* 2^53 */

struct train_flags {
    const char *output, *features, *tests;
    int64_t trees, samples, seed;
    double features_per_tree, contamination, medium_quantile, high_quantile;
    bool bootstrap, missing_values;
};

struct training {
    const struct train_flags *flags;
    const char *path, *name; /* name: the path as messages have it */
    struct table *table;
    double *numbers;
    size_t rows, width, capacity; /* capacity in numbers */
    const char **names;           /* of the features, or NULL */
};

static const struct options_usage usage = {
    .command = "train",
    .operands = "READINGS",
    .summary = "Fits an Isolation Forest to the rows of a CSV or of newline-delimited JSON.",
    .details = "READINGS is a CSV with a header line, or readings in JSON, one a line; - is\n"
               "standard input. All rows are held in memory, 8 bytes a number. The same rows,\n"
               "options and seed give the same forest on every machine. The model file keeps\n"
               "where it came from and when; SOURCE_DATE_EPOCH, where it is set, is that time.\n"
               "\n"
               "Examples:\n"
               "  alertrond train readings.csv -o pump.alertron --trees 200\n"
               "  alertrond train plant.csv -o plant.alertron --features temperature,flow\n"
               "  alertrond generate --count 20000 --anomalies 0 --csv |\n"
               "      alertrond train - -o fleet.alertron\n"};

/* Room for one row more. */
static bool make_room(struct training *training, char *why, size_t why_size)
{
    size_t needed = (training->rows + 1) * training->width;
    if (needed <= training->capacity)
        return true;
    if (needed > NUMBERS_MAX)
        return why_say(why, why_size, "%s: more than %zu rows of %zu features; train on a sample of them",
                       training->name, training->rows, training->width);
    size_t capacity = training->capacity ? training->capacity * 2 : (size_t)1 << 16;
    capacity = capacity > NUMBERS_MAX ? NUMBERS_MAX : capacity;
    double *grown = realloc(training->numbers, capacity * sizeof *grown);
    if (!grown)
        return why_say(why, why_size, "%s: out of memory after %zu rows; train on a sample of them", training->name,
                       training->rows);
    training->numbers = grown;
    training->capacity = capacity;
    return true;
}

static bool read_rows(struct training *training, char *why, size_t why_size)
{
    struct table_options options = {.features = training->flags->features,
                                    .missing_values = training->flags->missing_values};
    training->table = table_open(training->path, &options, why, why_size);
    if (!training->table)
        return false;
    training->width = table_width(training->table);
    struct progress progress = progress_begin("read", true);
    enum table_outcome outcome = TABLE_FAILED;
    while (make_room(training, why, why_size)) {
        const char *line;
        double *row = training->numbers + training->rows * training->width;
        outcome = table_next(training->table, row, &line, why, why_size);
        if (outcome != TABLE_ROW)
            break;
        if (++training->rows % 1024 == 0)
            progress_at(&progress, training->rows);
    }
    progress_end(&progress);
    if (outcome == TABLE_END && training->rows == 0)
        return why_say(why, why_size, "%s: no rows", training->name);
    return outcome == TABLE_END;
}

static bool name_features(struct training *training)
{
    if (!table_is_csv(training->table))
        return true;
    training->names = malloc(training->width * sizeof *training->names);
    for (size_t i = 0; training->names && i < training->width; i++)
        training->names[i] = table_feature_name(training->table, i);
    return training->names != NULL;
}

static bool is_label(const char *name)
{
    const char *const *label = table_label_columns;
    while (*label && strcasecmp(*label, name) != 0)
        label++;
    return *label;
}

/* Features by name; of many, the first. */
static void print_names(const struct training *training, const char *separator, bool labels)
{
    const char *before = "";
    size_t n = 0;
    for (size_t i = 0; i < training->width && n <= NAMES_SHOWN_MAX; i++) {
        if (!labels && is_label(training->names[i]))
            continue;
        fputs(before, stderr);
        if (n++ < NAMES_SHOWN_MAX)
            print_shown(stderr, training->names[i], strlen(training->names[i]));
        else
            fputs("...", stderr);
        before = separator;
    }
}

/* A model that has learnt labels is a bad one, and nothing else would tell. Who names his columns means them. */
static void warn_of_labels(const struct training *training)
{
    size_t n_labels = 0;
    for (size_t i = 0; training->names && i < training->width; i++)
        n_labels += is_label(training->names[i]);
    if (training->flags->features || n_labels == 0 || n_labels == training->width)
        return;
    for (size_t i = 0; i < training->width; i++)
        if (is_label(training->names[i])) {
            fprintf(stderr, "%s: the column %s looks like labels and is trained on as a feature; leave it out with ",
                    training->name, training->names[i]);
            fputs("--features ", stderr);
            print_names(training, ",", false);
            fputs("\n", stderr);
        }
}

/* Lines of "key: value", beside those that the library writes: the file's own name, and when. */
static void write_provenance(const struct training *training, char *out, size_t size)
{
    char name[MODEL_NAME_BYTES], when[MODEL_TIME_BYTES];
    modelstore_name(training->path, name);
    modelstore_time(when);
    snprintf(out, size, "readings: %s\ntrained: %s", name, when);
}

static alertron_model *fit(const struct training *training, alertron_error *error)
{
    const struct train_flags *flags = training->flags;
    char provenance[ALERTRON_PROVENANCE_MAX / 4];
    write_provenance(training, provenance, sizeof provenance);
    alertron_rows rows = alertron_rows_of(training->numbers, training->rows, training->width);
    alertron_fit_options options = {.trees = (uint32_t)flags->trees,
                                    .samples = (uint32_t)flags->samples,
                                    .features = flags->features_per_tree,
                                    .contamination = flags->contamination,
                                    .seed = (uint64_t)flags->seed,
                                    .medium_quantile = flags->medium_quantile,
                                    .high_quantile = flags->high_quantile,
                                    .feature_names = training->names,
                                    .provenance = provenance,
                                    .bootstrap = flags->bootstrap,
                                    .missing_values = flags->missing_values};
    return alertron_model_fit(&rows, &options, NULL, error);
}

/* The model with tests to carry, in place of the one without; that is freed. */
static alertron_model *add_tests(alertron_model *model, const char *path, char *why, size_t why_size)
{
    char *tests = modelstore_tests(path, why, why_size);
    alertron_error error;
    alertron_model *made =
        tests ? alertron_model_with(model, &(alertron_model_changes){.tests = tests}, NULL, &error) : NULL;
    if (tests && !made)
        why_say(why, why_size, "%s: %s", path, error.text);
    free(tests);
    alertron_model_free(model);
    return made;
}

static void print_summary(const struct training *training, const alertron_model *model, double seconds, size_t n_bytes)
{
    alertron_model_info info;
    alertron_model_describe(model, &info);
    alertron_cuts cuts = alertron_model_cuts(model);
    fprintf(stderr, "%s: %zu row%s of %zu feature%s", training->name, training->rows, training->rows == 1 ? "" : "s",
            training->width, training->width == 1 ? "" : "s");
    if (training->names) {
        fputs(": ", stderr);
        print_names(training, ", ", true);
    }
    fprintf(stderr, "\n%u tree%s of %u row%s, %u nodes, fitted in %.2f s\n", info.trees, info.trees == 1 ? "" : "s",
            info.samples, info.samples == 1 ? "" : "s", info.nodes, seconds);
    fprintf(stderr, "anomaly above %.6g, medium from %.6g, high from %.6g", cuts.threshold, cuts.medium, cuts.high);
    if (cuts.n_scores)
        fprintf(stderr, " (quantiles %g and %g of %llu anomalous scores; %s)\n", cuts.medium_quantile,
                cuts.high_quantile, (unsigned long long)cuts.n_scores, alertron_cuts_origin_name(cuts.origin));
    else
        fprintf(stderr, " (%s: too few anomalous scores to take quantiles of)\n",
                alertron_cuts_origin_name(cuts.origin));
    fprintf(stderr, "%s: %zu bytes\n", training->flags->output, n_bytes);
}

static bool run(struct training *training, char *why, size_t why_size)
{
    if (!read_rows(training, why, why_size))
        return false;
    if (!name_features(training))
        return why_say(why, why_size, "out of memory");
    warn_of_labels(training);
    alertron_error error;
    double begin = clock_seconds();
    struct progress progress = progress_begin("fitting", true);
    progress_show(&progress, training->rows);
    alertron_model *model = fit(training, &error);
    progress_end(&progress);
    if (!model)
        return why_say(why, why_size, "%s: %s", training->name, error.text);
    double seconds = clock_seconds() - begin;
    if (training->flags->tests && !(model = add_tests(model, training->flags->tests, why, why_size)))
        return false;
    size_t n_bytes = 0;
    bool good = modelstore_save(model, training->flags->output, &n_bytes, why, why_size);
    if (good)
        print_summary(training, model, seconds, n_bytes);
    alertron_model_free(model);
    return good;
}

static enum options_outcome parse(struct train_flags *flags, int argc, char **argv, const char **path)
{
    const struct option options[] = {
        {"output", 'o', OPTION_TEXT, &flags->output, "FILE", "the model file to write, whole or not at all (required)",
         0, 0, NULL},
        {"trees", 0, OPTION_INTEGER, &flags->trees, "N", "trees of the forest (default 100)", 1, ALERTRON_TREES_MAX,
         NULL},
        {"samples", 0, OPTION_INTEGER, &flags->samples, "N", "rows that each tree is grown on (default 256)", 2,
         ALERTRON_SAMPLES_MAX, NULL},
        {"bootstrap", 0, OPTION_FLAG, &flags->bootstrap, NULL, "draw each tree's rows with replacement", 0, 0, NULL},
        {"features-per-tree", 0, OPTION_NUMBER, &flags->features_per_tree, "SHARE",
         "share of the features that each tree may use, above 0 (default 1)", 1e-9, 1, NULL},
        {"contamination", 0, OPTION_NUMBER, &flags->contamination, "SHARE",
         "share of the rows that are anomalies, up to 0.5; 0 puts the threshold at a score of 0.5 (default 0.01)", 0,
         0.5, NULL},
        {"seed", 0, OPTION_INTEGER, &flags->seed, "N", "of the random numbers (default 42)", 0, SEED_MOST, NULL},
        {"features", 0, OPTION_TEXT, &flags->features, "A,B,...", "the CSV's columns to train on (default: all)", 0, 0,
         NULL},
        {"missing-values", 0, OPTION_FLAG, &flags->missing_values, NULL,
         "take missing values (an empty field, NA, nan, null), here and in what the model scores", 0, 0, NULL},
        {"medium-quantile", 0, OPTION_NUMBER, &flags->medium_quantile, "Q",
         "of the anomalous scores, where severity medium begins (default 0.80)", 0.01, 0.9999, NULL},
        {"high-quantile", 0, OPTION_NUMBER, &flags->high_quantile, "Q",
         "of the anomalous scores, where severity high begins (default 0.95)", 0.01, 0.9999, NULL},
        {"tests", 0, OPTION_TEXT, &flags->tests, "FILE",
         "tests for the model to carry: it is written only where it passes them, and then loaded only so", 0, 0, NULL},
    };
    size_t n_operands = 1;
    enum options_outcome outcome =
        options_parse(&usage, options, sizeof options / sizeof *options, argc, argv, path, &n_operands);
    if (outcome != OPTIONS_RUN)
        return outcome;
    if (!flags->output)
        return options_wrong(&usage, "-o MODEL is missing");
    if (flags->medium_quantile >= flags->high_quantile)
        return options_wrong(&usage, "--medium-quantile %g is not below --high-quantile %g", flags->medium_quantile,
                             flags->high_quantile);
    return options_spare(&usage, "-o", flags->output, (const char *const[]){*path, flags->tests}, 2);
}

int command_train(int argc, char **argv)
{
    struct train_flags flags = {.trees = 100,
                                .samples = 256,
                                .seed = 42,
                                .features_per_tree = 1,
                                .contamination = 0.01,
                                .medium_quantile = 0.80,
                                .high_quantile = 0.95};
    struct training training = {.flags = &flags};
    enum options_outcome outcome = parse(&flags, argc, argv, &training.path);
    if (outcome != OPTIONS_RUN)
        return options_status(outcome);
    training.name = strcmp(training.path, "-") == 0 ? "standard input" : training.path;
    char why[WHY_BYTES];
    bool done = run(&training, why, sizeof why);
    if (!done)
        fprintf(stderr, "alertrond train: %s\n", why);
    free(training.names);
    free(training.numbers);
    table_close(training.table);
    return done ? 0 : 1;
}
