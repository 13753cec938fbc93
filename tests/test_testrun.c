/* test_testrun.c: tests against a model: what they report, what they need, and those that a model carries. */
#include "support.h"

#include "private.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 300, WIDTH = 3 };

struct sample {
    double numbers[ROWS * WIDTH], scores[ROWS];
    unsigned char labels[ROWS];
    alertron_rows rows;
    alertron_model *model, *other;
};

static int setup(void **state)
{
    struct sample *sample = calloc(1, sizeof *sample);
    assert_non_null(sample);
    struct random_state random = alertron__random_new(6, 1);
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        sample->numbers[i] = alertron__random_unit(&random) + alertron__random_unit(&random) +
                             (alertron__random_below(&random, 60) ? 0.0 : 5.0);
    sample->rows = alertron_rows_of(sample->numbers, ROWS, WIDTH);
    static const char *const names[WIDTH] = {"temperature", "pressure bar", "7"};
    alertron_fit_options options = {.trees = 40, .contamination = 0.05, .seed = 3, .feature_names = names};
    sample->model = alertron_model_fit(&sample->rows, &options, NULL, NULL);
    options.seed = 4;
    sample->other = alertron_model_fit(&sample->rows, &options, NULL, NULL);
    assert_true(sample->model && sample->other);
    alertron_model_score_rows(sample->model, &sample->rows, sample->scores);
    for (size_t row = 0; row < ROWS; row++)
        sample->labels[row] = sample->scores[row] > 0.6;
    *state = sample;
    return 0;
}

static int teardown(void **state)
{
    struct sample *sample = *state;
    alertron_model_free(sample->model);
    alertron_model_free(sample->other);
    free(sample);
    return 0;
}

static alertron_tests *parse(const char *text)
{
    alertron_error error;
    alertron_tests *tests = alertron_tests_parse(text, strlen(text), NULL, &error);
    if (!tests)
        fail_msg("%s", error.text);
    return tests;
}

/* --- sources and reports that remember ------------------------------------------------------------------------------
 */

struct world {
    const struct sample *sample;
    char asked[512];
    double now;
};

static alertron_status get_data(void *context, const char *name, bool labels, const char *label_column,
                                const char *score_column, alertron_tests_data *data, alertron_error *error)
{
    struct world *world = context;
    const size_t n = strlen(world->asked);
    alertron__text(world->asked + n, sizeof world->asked - n, "%s%s%s%s%s;", name, labels ? " labels" : "",
                   label_column ? label_column : "", score_column ? " scores " : "", score_column ? score_column : "");
    if (strcmp(name, "missing.csv") == 0)
        return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET, "there is no missing.csv");
    data->rows = world->sample->rows;
    data->labels = labels ? world->sample->labels : NULL;
    data->scores = score_column && strcmp(score_column, "score") == 0 ? world->sample->scores : NULL;
    return ALERTRON_OK;
}

static alertron_status get_model(void *context, const char *name, const alertron_model **model, alertron_error *error)
{
    const struct world *world = context;
    if (strcmp(name, "other") != 0)
        return alertron__error(error, ALERTRON_ERROR_FORMAT, ALERTRON_NO_OFFSET, "%s is no model", name);
    *model = world->sample->other;
    return ALERTRON_OK;
}

static double get_time(void *context)
{
    struct world *world = context;
    return world->now += 0.5;
}

static alertron_tests_sources sources_of(struct world *world)
{
    return (alertron_tests_sources){.data = get_data, .model = get_model, .context = world, .clock = {get_time, world}};
}

enum { REPORTS_MAX = 32 };
struct reports {
    size_t n;
    alertron_test_report all[REPORTS_MAX];
    double readings[REPORTS_MAX][WIDTH];
    char texts[REPORTS_MAX][100];
};

static void keep(void *context, const alertron_test_report *report)
{
    struct reports *reports = context;
    assert_in_range(reports->n, 0, REPORTS_MAX - 1);
    reports->all[reports->n] = *report;
    assert_int_equal(report->error.status == ALERTRON_OK, report->outcome != ALERTRON_TEST_ERROR);
    assert_int_equal(report->result.passed, report->outcome == ALERTRON_TEST_PASSED);
    assert_int_equal(report->reading != NULL, report->result.row != ALERTRON_NO_ROW);
    if (report->reading)
        memcpy(reports->readings[reports->n], report->reading, sizeof reports->readings[0]);
    alertron__text(reports->texts[reports->n++], sizeof reports->texts[0], "%s", report->text);
}

/* --- running
 * ----------------------------------------------------------------------------------------------------------- */

static void all_that_can_be_written_runs(void **state)
{
    const struct sample *sample = *state;
    alertron_tests *tests =
        parse("reading [1, 1, 1] is none\n"
              "reading [60, 60, 60] is an anomaly\n"
              "file week.csv alarms at most 6%\n"
              "file week.csv alarms at least 1%\n"
              "file week.csv scores as its column score\n"
              "file week.csv auroc at least 1\n"
              "file week.csv average precision at least 1 by its column bad\n"
              "file week.csv recall at least 100% at an alarm rate of 20%\n"
              "file week.csv takes at most 100% of the time of other\n"
              "every feature rising from [1, 1, 1] never makes it look more normal by more than 0.2\n"
              "feature 'pressure bar' varying from [1, 1, 1] never changes the score by more than 0.5\n"
              "feature 7 varying from [1, 1, 1] never changes the score by more than 0.5\n"
              "feature 1 varying from file week.csv never changes the score by more than 0.9\n"
              "load other agrees on at least 90% of week.csv\n");
    struct world world = {.sample = sample};
    const alertron_tests_sources sources = sources_of(&world);
    struct reports *reports = calloc(1, sizeof *reports);
    alertron_error error;
    if (alertron_tests_run(tests, sample->model, &sources, keep, reports, NULL, &error) != ALERTRON_OK)
        fail_msg("%s", error.text);
    assert_int_equal(reports->n, alertron_tests_count(tests));
    assert_string_equal(world.asked,
                        "week.csv;week.csv;week.csv scores score;week.csv labels;week.csv labelsbad;week.csv labels;"
                        "week.csv;week.csv;week.csv;");
    for (size_t i = 0; i < reports->n; i++) {
        assert_int_equal(reports->all[i].line, i + 1);
        assert_int_equal(reports->all[i].outcome, ALERTRON_TEST_PASSED);
    }
    assert_int_equal(reports->all[10].result.feature, 1);
    assert_int_equal(reports->all[11].result.feature, 2); /* a name before a number */
    assert_int_equal(reports->all[12].result.feature, 1);
    free(reports);
    alertron_tests_free(tests);
}

static void a_failure_is_reported_with_its_reading(void **state)
{
    const struct sample *sample = *state;
    alertron_tests *tests =
        parse("# first\n"
              "  reading [1, 1, 1] is high   # never\n"
              "file week.csv alarms at most 0%\n"
              "feature temperature varying from [1, 1, 2] never changes the score by more than 0.01");
    struct world world = {.sample = sample};
    const alertron_tests_sources sources = sources_of(&world);
    struct reports *reports = calloc(1, sizeof *reports);
    alertron_error error;
    assert_int_equal(alertron_tests_run(tests, sample->model, &sources, keep, reports, NULL, &error),
                     ALERTRON_ERROR_SELF_TEST);
    assert_int_equal(reports->n, 3);
    assert_string_equal(reports->texts[0], "reading [1, 1, 1] is high");
    assert_true(reports->readings[0][0] == 1.0 && reports->readings[0][2] == 1.0);
    assert_null(reports->all[0].file);
    char wanted[400];
    alertron__text(wanted, sizeof wanted, "line 2, `reading [1, 1, 1] is high`: %s", reports->all[0].result.text);
    assert_string_equal(error.text, wanted);
    assert_string_equal(reports->all[1].file, "week.csv");
    assert_true(alertron_model_score(sample->model, reports->readings[1]) == reports->all[1].result.score);
    for (size_t row = 0; row < ROWS; row++)
        assert_true(sample->scores[row] <= reports->all[1].result.score);
    assert_true(reports->readings[2][0] == reports->all[2].result.value && reports->readings[2][2] == 2.0);
    assert_true(alertron_model_score(sample->model, reports->readings[2]) == reports->all[2].result.score);
    for (size_t i = 0; i < reports->n; i++)
        assert_int_equal(reports->all[i].outcome, ALERTRON_TEST_FAILED);
    free(reports);
    alertron_tests_free(tests);
}

static void errors_of(const struct sample *sample, const char *text, const alertron_tests_sources *sources,
                      const char *wanted)
{
    alertron_tests *tests = parse(text);
    struct reports *reports = calloc(1, sizeof *reports);
    alertron_error error = {.status = ALERTRON_OK};
    assert_int_equal(alertron_tests_run(tests, sample->model, sources, keep, reports, NULL, &error),
                     ALERTRON_ERROR_SELF_TEST);
    assert_int_equal(reports->n, 1);
    assert_int_equal(reports->all[0].outcome, ALERTRON_TEST_ERROR);
    assert_string_equal(reports->all[0].error.text, wanted);
    assert_non_null(strstr(error.text, wanted));
    assert_string_equal(alertron_test_outcome_name(reports->all[0].outcome), "error");
    free(reports);
    alertron_tests_free(tests);
}

static void what_can_not_be_run_is_an_error_and_no_pass(void **state)
{
    const struct sample *sample = *state;
    struct world world = {.sample = sample};
    alertron_tests_sources sources = sources_of(&world);
    const char *duration = "file week.csv takes at most 100% of the time of other";
    errors_of(sample, "file week.csv is none", NULL, "this needs the file `week.csv`, and files can't be read here");
    errors_of(sample, duration, NULL, "this needs the file `week.csv`, and files can't be read here");
    errors_of(sample, "file missing.csv is none", &sources, "there is no missing.csv");
    errors_of(sample, "file week.csv scores as its column truth", &sources,
              "the file `week.csv` was read without its scores");
    errors_of(sample, "load older agrees on at least 1% of week.csv", &sources, "older is no model");
    errors_of(sample, "reading [1, 2] is none", &sources, "rows of 2 numbers; the model has 3 features");
    errors_of(sample, "reading [1, 2, nan] is none", &sources,
              "row 0 has no score: a number is missing there, and the model takes none that are missing; leave the row "
              "out");
    errors_of(sample, "feature temprature rising from [1, 2, 3] never changes the verdict", &sources,
              "the model has no feature `temprature`; it has: temperature, pressure bar, 7");
    errors_of(sample, "feature 3 rising from [1, 2, 3] never changes the verdict", &sources,
              "the model has no feature `3`; it has: temperature, pressure bar, 7");
    sources.clock.seconds = NULL;
    errors_of(sample, duration, &sources, "this takes the time, and there is no clock here");
    sources.model = NULL;
    errors_of(sample, duration, &sources, "this needs the model `other`, and other models can't be loaded here");
}

static void without_a_report_the_first_failure_ends_it(void **state)
{
    const struct sample *sample = *state;
    alertron_tests *tests = parse("reading [1, 1, 1] is high\nfile week.csv is none");
    struct world world = {.sample = sample};
    const alertron_tests_sources sources = sources_of(&world);
    assert_int_equal(alertron_tests_run(tests, sample->model, &sources, NULL, NULL, NULL, NULL),
                     ALERTRON_ERROR_SELF_TEST);
    assert_string_equal(world.asked, "");
    alertron_tests_free(tests);
    tests = parse("");
    assert_int_equal(alertron_tests_run(tests, sample->model, NULL, NULL, NULL, NULL, NULL), ALERTRON_OK);
    alertron_tests_free(tests);
}

static void memory_that_runs_out_is_told(void **state)
{
    const struct sample *sample = *state;
    alertron_tests *tests = parse("reading [1, 1, 1] is none\n"
                                  "every feature varying from [1, 1, 1] never changes the score by more than 1\n");
    bool done = false;
    for (size_t nth = 1; !done; nth++) {
        failing_allocator failing = {.nth = nth};
        const alertron_allocator allocator = failing_allocator_of(&failing);
        alertron_error error = {.status = ALERTRON_ERROR_MEMORY};
        alertron_status status = alertron_tests_run(tests, sample->model, NULL, NULL, NULL, &allocator, &error);
        done = status == ALERTRON_OK;
        assert_true(done || status == ALERTRON_ERROR_MEMORY);
        assert_int_equal(error.status, ALERTRON_ERROR_MEMORY);
        assert_int_equal(failing.bytes_held, 0);
        assert_true(nth < 100);
    }
    alertron_tests_free(tests);
}

/* --- tests that a model carries
 * ---------------------------------------------------------------------------------------- */

static alertron_model *carrying(const struct sample *sample, const char *text, alertron_error *error)
{
    return alertron_model_with(sample->model, &(alertron_model_changes){.tests = text}, NULL, error);
}

/* The file of the model with other tests in it than alertron_model_with would take; malloced. */
static unsigned char *file_with(const struct sample *sample, const char *text, size_t *n)
{
    alertron_model changed = *sample->model;
    char *tests = malloc(strlen(text) + 1);
    assert_non_null(tests);
    changed.tests = strcpy(tests, text);
    *n = alertron_model_save(&changed, NULL, 0);
    unsigned char *bytes = malloc(*n);
    assert_non_null(bytes);
    alertron_model_save(&changed, bytes, *n);
    free(tests);
    return bytes;
}

static void load_carried(const struct sample *sample, const char *text, alertron_status wanted, const char *why)
{
    size_t n;
    unsigned char *bytes = file_with(sample, text, &n);
    alertron_error error = {.status = ALERTRON_OK};
    alertron_model *model = alertron_model_load(bytes, n, NULL, &error);
    assert_int_equal(error.status, wanted);
    assert_int_equal(model == NULL, wanted != ALERTRON_OK);
    if (why && !strstr(error.text, why))
        fail_msg("\"%s\" is not in \"%s\"", why, error.text);
    if (model)
        assert_string_equal(alertron_model_tests(model), text);
    alertron_model_free(model);
    model = alertron_model_load_with(bytes, n, &(alertron_load_options){.skip_tests = true}, NULL, NULL);
    assert_non_null(model);
    assert_string_equal(alertron_model_tests(model), text);
    alertron_model_free(model);
    if (wanted != ALERTRON_OK) {
        assert_null(carrying(sample, text, &error));
        assert_int_equal(error.status, wanted);
    }
    free(bytes);
}

static void a_model_that_fails_its_own_tests_does_not_load(void **state)
{
    const struct sample *sample = *state;
    load_carried(sample, "", ALERTRON_OK, NULL);
    load_carried(sample, "# nothing\n", ALERTRON_OK, NULL);
    load_carried(sample, "reading [1, 1, 1] is none\nreading [60, 60, 60] is an anomaly", ALERTRON_OK, NULL);
    load_carried(sample, "reading [1, 1, 1] is none\nreading [60, 60, 60] is none # no\n", ALERTRON_ERROR_SELF_TEST,
                 "the tests that the model carries: line 2, `reading [60, 60, 60] is none`: score 0.");
    load_carried(sample, "reading [1, 1] is none", ALERTRON_ERROR_SELF_TEST, "rows of 2 numbers");
}

static void carried_tests_need_nothing_but_the_model(void **state)
{
    const struct sample *sample = *state;
    load_carried(sample, "reading [1, 1, 1] is none\nfile x is none", ALERTRON_ERROR_FORMAT,
                 "the tests that the model carries: line 2, `file x is none`, needs a file; ");
    load_carried(sample, "load x agrees on at least 1% of y", ALERTRON_ERROR_FORMAT, "needs a file");
    load_carried(sample, "every feature rising from file x never changes the verdict", ALERTRON_ERROR_FORMAT,
                 "needs a file");
    load_carried(sample, "reading [1, 1, 1]", ALERTRON_ERROR_FORMAT,
                 "the tests that the model carries: line 1, column 18: the line ends where");
}

/* Finding where a row stands costs by features, not by nodes alone: here few lines score many rows of many numbers. */
static void carried_tests_of_wide_rows_are_bounded(void **state)
{
    (void)state;
    enum { LINES = 7, ROWS_OF_FIT = 300 };
    double *numbers = calloc((size_t)ROWS_OF_FIT * ALERTRON_FEATURES_MAX, sizeof *numbers);
    char *text = malloc(LINES * (2 * ALERTRON_FEATURES_MAX + 100));
    assert_true(numbers && text);
    for (size_t row = 0; row < ROWS_OF_FIT; row++)
        numbers[row * ALERTRON_FEATURES_MAX] = (double)row;
    const alertron_rows rows = alertron_rows_of(numbers, ROWS_OF_FIT, ALERTRON_FEATURES_MAX);
    alertron_model *model = alertron_model_fit(&rows, &(alertron_fit_options){.trees = 50}, NULL, NULL);
    assert_non_null(model);
    size_t n = 0;
    for (int line = 0; line < LINES; line++) {
        n += (size_t)sprintf(text + n, "feature 0 varying from [0");
        for (uint32_t i = 1; i < ALERTRON_FEATURES_MAX; i++)
            n += (size_t)sprintf(text + n, ",0");
        n += (size_t)sprintf(text + n, "] never changes the score by more than 1\n");
    }
    alertron_error error = {.text = ""};
    assert_null(alertron_model_with(model, &(alertron_model_changes){.tests = text}, NULL, &error));
    assert_int_equal(error.status, ALERTRON_ERROR_SELF_TEST);
    assert_non_null(strstr(error.text, "as long as visiting"));
    alertron_model_free(model);
    free(text);
    free(numbers);
}

/* What a file names may hold anything; an error goes to a terminal. */
static void errors_are_texts_that_a_terminal_takes(void **state)
{
    const struct sample *sample = *state;
    static const char text[] = "feature \"x\x1b[31m\xc2\x9b"
                               "y\xff\" rising from [1, 1, 1] never changes the verdict";
    alertron_error error = {.text = ""};
    assert_null(alertron_model_with(sample->model, &(alertron_model_changes){.tests = text}, NULL, &error));
    assert_non_null(strstr(error.text, "x?[31m??y?"));
}

static void changes_that_break_carried_tests_are_refused(void **state)
{
    const struct sample *sample = *state;
    alertron_error error;
    alertron_model *model = carrying(sample, "reading [60, 60, 60] is an anomaly", &error);
    assert_non_null(model);
    alertron_cuts cuts = alertron_model_cuts(model);
    cuts.threshold = cuts.medium = cuts.high = 0.99;
    assert_null(alertron_model_with(model, &(alertron_model_changes){.cuts = &cuts}, NULL, &error));
    assert_int_equal(error.status, ALERTRON_ERROR_SELF_TEST);
    alertron_model *without =
        alertron_model_with(model, &(alertron_model_changes){.cuts = &cuts, .tests = ""}, NULL, &error);
    assert_non_null(without);
    alertron_model_free(without);
    alertron_model_free(model);
}

/* A model whose author would keep the loader busy: as many tests as there is room for, each of much work. */
static void carried_tests_that_take_long_are_refused(void **state)
{
    const struct sample *sample = *state;
    const alertron_fit_options options = {.trees = 300, .seed = 3, .contamination = 0.05};
    alertron_model *large = alertron_model_fit(&sample->rows, &options, NULL, NULL);
    assert_non_null(large);
    static const char line[] = "every feature varying from [1,1,1] never changes the score by more than 1\n";
    char text[ALERTRON_TESTS_MAX + 1];
    size_t n = 0;
    for (; n + sizeof line <= sizeof text; n += sizeof line - 1)
        memcpy(text + n, line, sizeof line);
    alertron_error error;
    assert_null(alertron_model_with(large, &(alertron_model_changes){.tests = text}, NULL, &error));
    assert_int_equal(error.status, ALERTRON_ERROR_SELF_TEST);
    assert_non_null(strstr(error.text, "as long as visiting 134217728 nodes"));
    text[10 * (sizeof line - 1)] = 0;
    alertron_model *modest = alertron_model_with(large, &(alertron_model_changes){.tests = text}, NULL, &error);
    assert_non_null(modest);
    alertron_model_free(modest);
    alertron_model_free(large);
}

static void memory_that_runs_out_while_loading_leaks_nothing(void **state)
{
    const struct sample *sample = *state;
    size_t n;
    unsigned char *bytes =
        file_with(sample, "every feature varying from [1,1,1] never changes the score by more than 1", &n);
    bool done = false;
    for (size_t nth = 1; !done; nth++) {
        failing_allocator failing = {.nth = nth};
        const alertron_allocator allocator = failing_allocator_of(&failing);
        alertron_error error = {.status = ALERTRON_ERROR_MEMORY};
        alertron_model *model = alertron_model_load(bytes, n, &allocator, &error);
        assert_int_equal(error.status, ALERTRON_ERROR_MEMORY);
        done = model != NULL;
        alertron_model_free(model);
        assert_int_equal(failing.bytes_held, 0);
        assert_true(nth < 2000);
    }
    free(bytes);
}

/* --- stack
 * ---------------------------------------------------------------------------------------------------------------- */

/* Sanitizers make frames of their own size. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

#ifndef SANITIZED
enum { STACK_PROMISED = 72 * 1024, STACK_OF_THREADS = 16 * 1024 };

static void *run_carried(void *context)
{
    const struct sample *sample = context;
    static const char text[] = "every feature varying from [1,1,1] never changes the score by more than 1\n"
                               "reading [1, 1, 1] is high";
    alertron_error error;
    alertron_tests *tests = alertron_tests_parse(text, sizeof text - 1, NULL, &error);
    alertron_status status =
        tests ? alertron_tests_run(tests, sample->model, NULL, NULL, NULL, NULL, &error) : ALERTRON_OK;
    alertron_tests_free(tests);
    return status == ALERTRON_ERROR_SELF_TEST ? context : NULL;
}

static void a_small_stack_is_enough(void **state)
{
    pthread_attr_t attributes;
    pthread_t thread;
    void *good = NULL;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, STACK_PROMISED + STACK_OF_THREADS), 0);
    assert_int_equal(pthread_create(&thread, &attributes, run_carried, *state), 0);
    assert_int_equal(pthread_join(thread, &good), 0);
    assert_ptr_equal(good, *state);
    pthread_attr_destroy(&attributes);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_can_be_written_runs),
        cmocka_unit_test(a_failure_is_reported_with_its_reading),
        cmocka_unit_test(what_can_not_be_run_is_an_error_and_no_pass),
        cmocka_unit_test(without_a_report_the_first_failure_ends_it),
        cmocka_unit_test(memory_that_runs_out_is_told),
        cmocka_unit_test(a_model_that_fails_its_own_tests_does_not_load),
        cmocka_unit_test(carried_tests_need_nothing_but_the_model),
        cmocka_unit_test(carried_tests_of_wide_rows_are_bounded),
        cmocka_unit_test(errors_are_texts_that_a_terminal_takes),
        cmocka_unit_test(changes_that_break_carried_tests_are_refused),
        cmocka_unit_test(carried_tests_that_take_long_are_refused),
        cmocka_unit_test(memory_that_runs_out_while_loading_leaks_nothing),
#ifndef SANITIZED
        cmocka_unit_test(a_small_stack_is_enough),
#endif
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
