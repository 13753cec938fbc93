/* convert.c: `alertrond convert`: a model of any kind to alertron's own file, with other cuts, names or tests where
 * they are asked for. The forest, and so every score, stays the same to the bit.
 */
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <alertron.h>

#include "command.h"
#include "csv.h"
#include "modelstore.h"
#include "options.h"
#include "print.h"
#include "scores.h"
#include "why.h"

#define WHY_BYTES 1024
#define PROVENANCE_BYTES 1024

struct convert_flags {
    const char *output, *training, *calibrate, *features, *names, *tests;
    double threshold, contamination; /* NaN where not given */
    int64_t dtype;                   /* alertron_input */
    bool no_tests;
};

struct conversion {
    const struct convert_flags *flags;
    const char *path;
    alertron_model *model;
    alertron_cuts cuts;
    bool cuts_changed;
    uint64_t counts[ALERTRON_SCORE_BINS]; /* of the training rows */
    char **names;                         /* one block, or NULL */
    char *tests;
    char provenance[PROVENANCE_BYTES];
};

static const struct options_usage usage = {
    .command = "convert",
    .operands = "MODEL",
    .summary = "Writes a model as alertron's own file: smaller, faster to load, with a checksum.",
    .details = "MODEL is alertron's own file, or scikit-learn's pickle or joblib file; - is\n"
               "standard input. The new model gives every reading the same score, to the bit.\n"
               "It keeps where it came from and when it was converted; SOURCE_DATE_EPOCH, where\n"
               "it is set, is that time.\n"
               "\n"
               "scikit-learn keeps no scores, so its models bring a threshold and nothing above\n"
               "it. --training FILE, the rows that the model was trained on, makes up for that:\n"
               "severity cuts, and the picture that `alertrond inspect` draws. --calibrate FILE\n"
               "takes the cuts from readings with real anomalies among them, which is better\n"
               "where the training rows are all normal. A FILE is a CSV with a header line, or\n"
               "readings in JSON.\n"
               "\n"
               "Examples:\n"
               "  alertrond convert iforest.joblib -o pump.alertron\n"
               "  alertrond convert iforest.joblib -o pump.alertron --training normal.csv \\\n"
               "      --calibrate incidents.csv --feature-names temperature,flow,vibration\n"
               "  alertrond convert pump.alertron -o strict.alertron --contamination 0.001 \\\n"
               "      --calibrate last_month.csv\n"};

/* A line for the provenance. What does not fit is left out: the library refuses a text that is too long. */
__attribute__((format(printf, 2, 3))) static void note(struct conversion *conversion, const char *format, ...)
{
    const size_t used = strlen(conversion->provenance);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(conversion->provenance + used, sizeof conversion->provenance - used, format, arguments);
    va_end(arguments);
}

static void note_origin(struct conversion *conversion)
{
    char name[MODEL_NAME_BYTES], when[MODEL_TIME_BYTES];
    modelstore_name(conversion->path, name);
    modelstore_time(when);
    note(conversion, "converted: from %s, %s\n", name, when);
}

/* ---- threshold and cuts ---- */

static void set_threshold(struct conversion *conversion, double threshold)
{
    conversion->cuts.threshold = threshold;
    conversion->cuts.origin = ALERTRON_CUTS_PROVISIONAL; /* what stood above the old threshold says nothing now */
    conversion->cuts.n_scores = 0;
    conversion->cuts_changed = true;
}

/* Puts the threshold where the wanted share of these scores is above it. Readings far outside of all training rows
 * share the highest score there is: where they are more than that share, nothing would be above it. */
static bool take_threshold(struct conversion *conversion, struct scores *scores, const char *path, char *why,
                           size_t why_size)
{
    const double share = conversion->flags->contamination, threshold = scores_quantile(scores, 1 - share);
    char name[MODEL_NAME_BYTES];
    modelstore_name(path, name);
    if (threshold >= scores->values[scores->n - 1])
        return why_say(why, why_size,
                       "%s: more than %g of the rows share the highest score, %.6g, so none would be above it: give a "
                       "larger --contamination, or a --threshold",
                       path, share, threshold);
    set_threshold(conversion, threshold);
    note(conversion, "threshold: contamination %.15g of %s\n", share, name);
    return true;
}

static bool take_severity(struct conversion *conversion, struct scores *scores, const char *path,
                          alertron_cuts_origin origin, alertron_error *error)
{
    char name[MODEL_NAME_BYTES];
    modelstore_name(path, name);
    if (alertron_cuts_calibrate(&conversion->cuts, scores->values, scores->n, origin, error) != ALERTRON_OK)
        return false;
    conversion->cuts_changed = true;
    note(conversion, "severity cuts: of %s\n", name);
    return true;
}

static bool take_training(struct conversion *conversion, char *why, size_t why_size)
{
    const struct convert_flags *flags = conversion->flags;
    struct scores scores = {0};
    char name[MODEL_NAME_BYTES];
    modelstore_name(flags->training, name);
    bool good = scores_of_file(&scores, conversion->model, flags->training, flags->features, -INFINITY, why, why_size);
    if (good) {
        scores_count(&scores, conversion->counts);
        note(conversion, "training scores: of %zu row%s of %s\n", scores.n, scores.n == 1 ? "" : "s", name);
        if (!isnan(flags->contamination))
            good = take_threshold(conversion, &scores, flags->training, why, why_size);
        /* Too few anomalies among them are no mistake, as they are none for `alertrond train`. */
        if (good && !flags->calibrate &&
            !take_severity(conversion, &scores, flags->training, ALERTRON_CUTS_TRAINING, NULL))
            set_threshold(conversion, conversion->cuts.threshold);
    }
    scores_free(&scores);
    return good;
}

static bool take_calibration(struct conversion *conversion, char *why, size_t why_size)
{
    const struct convert_flags *flags = conversion->flags;
    struct scores scores = {0};
    alertron_error error;
    bool good = scores_of_file(&scores, conversion->model, flags->calibrate, flags->features, -INFINITY, why, why_size);
    if (good && !isnan(flags->contamination) && !flags->training)
        good = take_threshold(conversion, &scores, flags->calibrate, why, why_size);
    if (good && !take_severity(conversion, &scores, flags->calibrate, ALERTRON_CUTS_FILE, &error))
        good = why_say(why, why_size, "%s: %s", flags->calibrate, error.text);
    scores_free(&scores);
    return good;
}

static bool change_cuts(struct conversion *conversion, char *why, size_t why_size)
{
    const struct convert_flags *flags = conversion->flags;
    conversion->cuts = alertron_model_cuts(conversion->model);
    if (!isnan(flags->threshold)) {
        set_threshold(conversion, flags->threshold);
        note(conversion, "threshold: set to %.17g\n", flags->threshold);
    }
    return (!flags->training || take_training(conversion, why, why_size)) &&
           (!flags->calibrate || take_calibration(conversion, why, why_size));
}

/* ---- names and tests ---- */

static bool take_names(struct conversion *conversion, char *why, size_t why_size)
{
    const char *text = conversion->flags->names;
    const size_t width = alertron_model_features(conversion->model);
    size_t n;
    if (!text)
        return true;
    conversion->names = csv_split(text, strlen(text), ',', &n);
    if (!conversion->names)
        return why_say(why, why_size, "out of memory");
    if (n != width)
        return why_say(why, why_size, "--feature-names has %zu name%s; the model has %zu feature%s", n,
                       n == 1 ? "" : "s", width, width == 1 ? "" : "s");
    for (size_t i = 0; i < n; i++) {
        if (!*conversion->names[i])
            return why_say(why, why_size, "--feature-names: name %zu is empty; give each feature one", i + 1);
        for (size_t j = 0; j < i; j++)
            if (strcmp(conversion->names[i], conversion->names[j]) == 0)
                return why_say(why, why_size, "--feature-names: \"%s\" stands there twice; name each feature once",
                               conversion->names[i]);
    }
    return true;
}

static bool take_tests(struct conversion *conversion, char *why, size_t why_size)
{
    if (!conversion->flags->tests)
        return true;
    conversion->tests = modelstore_tests(conversion->flags->tests, why, why_size);
    return conversion->tests != NULL;
}

/* ---- the work ---- */

static bool load(struct conversion *conversion, char *why, size_t why_size)
{
    const struct convert_flags *flags = conversion->flags;
    /* What is written is made of it, and that runs its tests. */
    const alertron_load_options options = {.input = (alertron_input)flags->dtype, .skip_tests = true};
    alertron_error error;
    conversion->model = modelstore_load_with(conversion->path, &options, &error);
    return conversion->model || why_say(why, why_size, "%s", error.text);
}

static void print_summary(const struct conversion *conversion, const alertron_model *model, size_t n_bytes)
{
    alertron_model_info info;
    alertron_model_describe(model, &info);
    const alertron_cuts cuts = alertron_model_cuts(model);
    fprintf(stderr, "%s: %u tree%s, %u feature%s, made by ", conversion->path, info.trees, info.trees == 1 ? "" : "s",
            info.features, info.features == 1 ? "" : "s");
    print_shown(stderr, info.producer, strlen(info.producer));
    fprintf(stderr, "\nanomaly above %.6g, medium from %.6g, high from %.6g; cuts: %s", cuts.threshold, cuts.medium,
            cuts.high, alertron_cuts_origin_name(cuts.origin));
    if (cuts.n_scores)
        fprintf(stderr, ", of %llu anomalous scores\n", (unsigned long long)cuts.n_scores);
    else
        fprintf(stderr, " (no anomalous scores seen: --training FILE or --calibrate FILE takes some)\n");
    fprintf(stderr, "%s: %zu bytes\n", conversion->flags->output, n_bytes);
}

static bool run(struct conversion *conversion, char *why, size_t why_size)
{
    const struct convert_flags *flags = conversion->flags;
    if (!load(conversion, why, why_size))
        return false;
    note_origin(conversion);
    if (!change_cuts(conversion, why, why_size) || !take_names(conversion, why, why_size) ||
        !take_tests(conversion, why, why_size))
        return false;
    const alertron_model_changes changes = {.cuts = conversion->cuts_changed ? &conversion->cuts : NULL,
                                            .feature_names = (const char *const *)conversion->names,
                                            .training_scores = flags->training ? conversion->counts : NULL,
                                            .provenance = conversion->provenance,
                                            .tests = flags->no_tests ? "" : conversion->tests};
    alertron_error error;
    alertron_model *made = alertron_model_with(conversion->model, &changes, NULL, &error);
    if (!made)
        return why_say(why, why_size, "%s: %s", conversion->path, error.text);
    size_t n_bytes = 0;
    bool good = modelstore_save(made, flags->output, &n_bytes, why, why_size);
    if (good)
        print_summary(conversion, made, n_bytes);
    alertron_model_free(made);
    return good;
}

static enum options_outcome check(const struct convert_flags *flags, const char *path)
{
    const char *inputs[] = {path, flags->training, flags->calibrate, flags->tests};
    size_t n_standard = 0;
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        n_standard += inputs[i] && strcmp(inputs[i], "-") == 0;
    if (!flags->output)
        return options_wrong(&usage, "-o OUT is missing");
    if (n_standard > 1)
        return options_wrong(&usage, "only one of the files can be standard input");
    if (!isnan(flags->threshold) && !isnan(flags->contamination))
        return options_wrong(&usage, "--threshold and --contamination both give the threshold; choose one");
    if (!isnan(flags->contamination) && !flags->training && !flags->calibrate)
        return options_wrong(&usage,
                             "--contamination is a share of rows: give them with --training or --calibrate FILE");
    if (flags->features && !flags->training && !flags->calibrate)
        return options_wrong(&usage, "--features is for --training and --calibrate; to name the model's features: "
                                     "--feature-names");
    if (flags->tests && flags->no_tests)
        return options_wrong(&usage, "--tests and --no-tests contradict each other; choose one");
    /* The model itself may be converted in place. */
    return options_spare(&usage, "-o", flags->output, inputs + 1, sizeof inputs / sizeof *inputs - 1);
}

static enum options_outcome parse(struct convert_flags *flags, int argc, char **argv, const char **path)
{
    const struct option options[] = {
        {"output", 'o', OPTION_TEXT, &flags->output, "OUT",
         "the file to write, whole or not at all; - is standard output (required)", 0, 0, NULL},
        {"training", 0, OPTION_TEXT, &flags->training, "FILE",
         "the rows that the model was trained on: how their scores lie is kept, and cuts are taken from them", 0, 0,
         NULL},
        {"calibrate", 0, OPTION_TEXT, &flags->calibrate, "FILE",
         "take the severity cuts from the anomalies among this file's rows", 0, 0, NULL},
        {"threshold", 0, OPTION_NUMBER, &flags->threshold, "SCORE", "what is above it is an anomaly", 0, 1, NULL},
        {"contamination", 0, OPTION_NUMBER, &flags->contamination, "SHARE",
         "put the threshold where this share of the rows is above it: of --training, else of --calibrate", 1e-9, 0.5,
         NULL},
        {"features", 0, OPTION_TEXT, &flags->features, "A,B,...", "the columns of these files, in the model's order", 0,
         0, NULL},
        {"feature-names", 0, OPTION_TEXT, &flags->names, "A,B,...", "names for the model's features", 0, 0, NULL},
        {"tests", 0, OPTION_TEXT, &flags->tests, "FILE",
         "tests for the model to carry in place of its own: what fails them is not loaded", 0, 0, NULL},
        {"no-tests", 0, OPTION_FLAG, &flags->no_tests, NULL, "leave the tests out that the model carries", 0, 0, NULL},
        {"dtype", 0, OPTION_CHOICE, &flags->dtype, MODEL_INPUTS, MODEL_INPUTS_HELP, 0, 0, NULL},
    };
    size_t n_operands = 1;
    enum options_outcome outcome =
        options_parse(&usage, options, sizeof options / sizeof *options, argc, argv, path, &n_operands);
    return outcome == OPTIONS_RUN ? check(flags, *path) : outcome;
}

int command_convert(int argc, char **argv)
{
    struct convert_flags flags = {.threshold = NAN, .contamination = NAN};
    struct conversion conversion = {.flags = &flags};
    enum options_outcome outcome = parse(&flags, argc, argv, &conversion.path);
    if (outcome != OPTIONS_RUN)
        return options_status(outcome);
    char why[WHY_BYTES];
    bool done = run(&conversion, why, sizeof why);
    if (!done)
        fprintf(stderr, "alertrond convert: %s\n", why);
    free(conversion.tests);
    free(conversion.names);
    alertron_model_free(conversion.model);
    return done ? 0 : 1;
}
