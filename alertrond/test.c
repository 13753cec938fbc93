/* test.c: `alertrond test`: runs the unit tests of a model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <alertron.h>

#include "command.h"
#include "file.h"
#include "modelstore.h"
#include "options.h"
#include "suite.h"
#include "terminal.h"

#define WHY_BYTES 512

struct test_flags {
    const char *model, *features, *junit;
    int64_t dtype; /* alertron_input */
    bool tap, list, verbose;
};

struct testing {
    const struct test_flags *flags;
    alertron_model *model;
    struct suite *suites;
    size_t n_suites;
    bool carried; /* the tests are the model's own */
    struct summary summary;
    struct tap tap;
};

static const struct options_usage usage = {
    .command = "test",
    .operands = "[TESTS]...",
    .summary = "Runs the unit tests of a model: what its next version must still do.",
    .details = "TESTS are files of the language that docs/model-tests.md describes, a test a line:\n"
               "  reading [70, 140, 0.9]     is at least medium\n"
               "  file    normal_week.csv    alarms at most 1.5%\n"
               "- is standard input. Files and models that tests name are found beside the file\n"
               "of the tests. Without TESTS the model's own are run, those that it carries.\n"
               "\n"
               "Files of readings are CSV with a header line, or readings in JSON, one a line. A\n"
               "CSV's features are the columns of --features, or those that the model names, or\n"
               "all of them. Labels are 0 or 1, false or true, normal or anomaly, in the column\n"
               "that the test names, or in one called label, anomaly, is_anomaly, outlier,\n"
               "is_outlier, y, target or class.\n"
               "\n"
               "Exit status: 0 all passed, 1 one failed or could not be run, 2 used wrongly.\n"
               "\n"
               "Examples:\n"
               "  alertrond test -m pump.alertron pump.tests\n"
               "  alertrond test -m pump.alertron pump.tests --junit report.xml\n"
               "  alertrond test -m pump.alertron\n"};

/* ---- what there is to run ---- */

/* Says what was wrong with the tests, and to a reader of TAP that there will be none. */
static void complain(const struct testing *testing, const char *message)
{
    message = message ? message : "out of memory";
    fprintf(stderr, "alertrond test: %s\n", message);
    if (testing->flags->tap)
        tap_bail_out(&testing->tap, message);
}

static char *no_tests(const struct suite *suite, bool carried)
{
    char text[WHY_BYTES];
    snprintf(text, sizeof text, "%s: %s", suite->name,
             carried ? "the model carries no tests; name a file of them" : "no tests in it");
    return strdup(text);
}

/* Reads all of them, so that every mistake is told before anything is run. */
static bool read_suites(struct testing *testing, const char *const *paths, size_t n_paths)
{
    bool good = true;
    testing->suites = calloc(n_paths + 1, sizeof *testing->suites);
    testing->carried = n_paths == 0;
    if (!testing->suites) {
        complain(testing, NULL);
        return false;
    }
    for (size_t i = 0; i < n_paths + testing->carried; i++) {
        char *message = NULL;
        struct suite *suite = &testing->suites[testing->n_suites++];
        bool read = testing->carried ? suite_of_model(suite, testing->flags->model, testing->model, &message)
                                     : suite_read(suite, paths[i], &message);
        if (read && alertron_tests_count(suite->tests) > 0)
            continue;
        if (read)
            message = no_tests(suite, testing->carried);
        complain(testing, message);
        free(message);
        good = false;
    }
    return good;
}

static size_t count_tests(const struct testing *testing)
{
    size_t n = 0;
    for (size_t i = 0; i < testing->n_suites; i++)
        n += alertron_tests_count(testing->suites[i].tests);
    return n;
}

static bool load_model(struct testing *testing)
{
    const alertron_load_options options = {.input = (alertron_input)testing->flags->dtype, .skip_tests = true};
    alertron_error error;
    testing->model = modelstore_load_with(testing->flags->model, &options, &error);
    testing->summary.model = testing->tap.model = testing->model;
    if (!testing->model)
        complain(testing, error.text);
    return testing->model != NULL;
}

/* ---- running ---- */

static void on_case(void *context, const struct suite *suite, const struct suite_case *one)
{
    struct testing *testing = context;
    if (testing->flags->list)
        printf("%s:%zu: %s\n", suite->name, one->line, one->text);
    else if (testing->flags->tap)
        tap_case(&testing->tap, suite, one);
    else
        summary_case(&testing->summary, suite, one);
}

/* To list tests they are run without what they name: each is reported, whatever comes of it. */
static bool run_suites(struct testing *testing)
{
    const struct suite_options options = {.features = testing->flags->features,
                                          .input = (alertron_input)testing->flags->dtype,
                                          .carried = testing->carried || testing->flags->list};
    char why[WHY_BYTES];
    if (testing->flags->tap)
        tap_plan(&testing->tap, count_tests(testing));
    for (size_t i = 0; i < testing->n_suites; i++)
        if (!suite_run(&testing->suites[i], testing->model, &options, on_case, testing, why, sizeof why)) {
            complain(testing, why);
            return false;
        }
    return true;
}

static bool write_junit(const struct testing *testing)
{
    char why[WHY_BYTES], *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    if (!out) {
        complain(testing, NULL);
        return false;
    }
    junit_write(out, testing->model, testing->suites, testing->n_suites);
    bool good = fclose(out) == 0 && file_write(testing->flags->junit, text, n, why, sizeof why);
    if (!good)
        fprintf(stderr, "alertrond test: %s\n", text ? why : "out of memory");
    free(text);
    return good;
}

/* Tests that a model carries must take no longer than a loader allows. */
static bool check_loads(const struct testing *testing)
{
    alertron_error error;
    alertron_model *copy = alertron_model_with(testing->model, &(alertron_model_changes){0}, NULL, &error);
    if (!copy)
        fprintf(stderr, "alertrond test: %s: elsewhere the model is not loaded: %s\n", testing->flags->model,
                error.text);
    alertron_model_free(copy);
    return copy != NULL;
}

/* Whether all of it was done and all tests passed. */
static bool run(struct testing *testing, const char *const *paths, size_t n_paths)
{
    const struct test_flags *flags = testing->flags;
    if (flags->tap)
        tap_begin(&testing->tap);
    if (!load_model(testing) || !read_suites(testing, paths, n_paths))
        return false;
    if (!run_suites(testing))
        return false;
    if (flags->list)
        return true;
    if (!flags->tap)
        summary_end(&testing->summary, testing->suites, testing->n_suites);
    bool good = !flags->junit || write_junit(testing);
    for (size_t i = 0; i < testing->n_suites; i++)
        good &= suite_not_passed(&testing->suites[i]) == 0;
    return good && (!testing->carried || check_loads(testing));
}

static void release(struct testing *testing)
{
    for (size_t i = 0; i < testing->n_suites; i++)
        suite_free(&testing->suites[i]);
    free(testing->suites);
    alertron_model_free(testing->model);
}

static enum options_outcome parse(struct test_flags *flags, int argc, char **argv, const char **paths, size_t *n_paths)
{
    const struct option options[] = {
        {"model", 'm', OPTION_TEXT, &flags->model, "FILE",
         "the model: alertron's own file, or scikit-learn's pickle or joblib (required)", 0, 0, NULL},
        {"features", 0, OPTION_TEXT, &flags->features, "A,B,...", "the CSVs' columns to score, in the model's order", 0,
         0, NULL},
        {"dtype", 0, OPTION_CHOICE, &flags->dtype, MODEL_INPUTS, MODEL_INPUTS_HELP, 0, 0, NULL},
        {"tap", 0, OPTION_FLAG, &flags->tap, NULL, "write TAP, version 14, instead of the summary", 0, 0, NULL},
        {"junit", 0, OPTION_TEXT, &flags->junit, "FILE", "write JUnit's XML to this file, too", 0, 0, NULL},
        {"list", 0, OPTION_FLAG, &flags->list, NULL, "list the tests and run none", 0, 0, NULL},
        {"verbose", 'v', OPTION_FLAG, &flags->verbose, NULL, "tell what was found by tests that passed, too", 0, 0,
         NULL},
    };
    enum options_outcome outcome =
        options_parse(&usage, options, sizeof options / sizeof *options, argc, argv, paths, n_paths);
    if (outcome == OPTIONS_RUN && !flags->model)
        return options_wrong(&usage, "-m MODEL is missing");
    size_t standard_input = outcome == OPTIONS_RUN && strcmp(flags->model, "-") == 0;
    for (size_t i = 0; outcome == OPTIONS_RUN && i < *n_paths; i++)
        standard_input += strcmp(paths[i], "-") == 0;
    if (outcome == OPTIONS_RUN && flags->list && (flags->tap || flags->junit))
        return options_wrong(&usage, "--list runs nothing that --tap or --junit could tell of");
    if (standard_input > 1)
        return options_wrong(&usage, "- is given %zu times; standard input can be read once", standard_input);
    if (outcome == OPTIONS_RUN && flags->junit && strcmp(flags->junit, "-") == 0)
        return options_wrong(&usage, "--junit is written beside what stands on standard output; name a file");
    if (outcome == OPTIONS_RUN)
        outcome = options_spare(&usage, "--junit", flags->junit, &flags->model, 1);
    return outcome == OPTIONS_RUN ? options_spare(&usage, "--junit", flags->junit, paths, *n_paths) : outcome;
}

int command_test(int argc, char **argv)
{
    struct test_flags flags = {0};
    size_t n_paths = (size_t)argc;
    const char **paths = calloc(n_paths, sizeof *paths);
    if (!paths) {
        fprintf(stderr, "alertrond test: out of memory\n");
        return 1;
    }
    enum options_outcome outcome = parse(&flags, argc, argv, paths, &n_paths);
    int status = options_status(outcome);
    if (outcome == OPTIONS_RUN) {
        struct testing testing = {
            .flags = &flags,
            .summary = {.out = stdout, .verbose = flags.verbose, .colour = terminal_colour()},
            .tap = {.out = stdout, .verbose = flags.verbose},
        };
        status = run(&testing, paths, n_paths) ? 0 : 1;
        release(&testing);
    }
    free(paths);
    return status;
}
