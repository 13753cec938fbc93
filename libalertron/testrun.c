/* testrun.c: tests against a model. What they need besides it, the program gives. */
#include "check.h"

#include <string.h>

const char *alertron_test_outcome_name(alertron_test_outcome outcome)
{
    static const char *const names[] = {"passed", "failed", "error"};
    return names[outcome];
}

struct run {
    const alertron_model *model;
    const alertron_tests_sources *sources;
    uint64_t work; /* as in struct checking */
    double *reading;
    const alertron_allocator *allocator;
};

/* --- what a test needs ----------------------------------------------------------------------------------------------
 */

static alertron_status unable(alertron_error *error, const char *why, const char *name)
{
    return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET, why, name);
}

/* "temperature, vibration": as many names as there is room for. */
static void list_feature_names(const alertron_model *model, char *out, size_t capacity)
{
    size_t n = 0;
    out[0] = 0;
    for (size_t i = 0; i < alertron_model_features(model) && n < capacity; i++)
        n += alertron__text(out + n, capacity - n, "%s%s", i ? ", " : "", alertron__feature_shown(model, i).bytes);
    if (n >= capacity)
        memcpy(out + capacity - 4, "...", 4);
}

/* By its name, or by its number from 0. */
static alertron_status find_feature(const alertron_model *model, const char *name, size_t *feature,
                                    alertron_error *error)
{
    const size_t n = alertron_model_features(model);
    for (size_t i = 0; i < n; i++) {
        const char *known = alertron_model_feature_name(model, i);
        if (known && strcmp(known, name) == 0) {
            *feature = i;
            return ALERTRON_OK;
        }
    }
    size_t number = 0, digits = 0;
    for (; name[digits] >= '0' && name[digits] <= '9' && number < n; digits++)
        number = 10 * number + (size_t)(name[digits] - '0');
    if (digits > 0 && !name[digits] && number < n) {
        *feature = number;
        return ALERTRON_OK;
    }
    char known[160];
    list_feature_names(model, known, sizeof known);
    return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                           "the model has no feature `%.60s`; it has: %s", name, known);
}

static alertron_status get_data(const struct run *run, const struct model_test *test, alertron_check *check,
                                alertron_error *error)
{
    const alertron_tests_sources *sources = run->sources;
    if (!sources || !sources->data)
        return unable(error, "this needs the file `%.80s`, and files can't be read here", test->file);
    const bool labels = check->kind == ALERTRON_CHECK_AUROC || check->kind == ALERTRON_CHECK_AVERAGE_PRECISION ||
                        check->kind == ALERTRON_CHECK_RECALL;
    alertron_tests_data data = {0};
    alertron_status status =
        sources->data(sources->context, test->file, labels, test->label_column, test->score_column, &data, error);
    if (status != ALERTRON_OK)
        return status;
    if (test->score_column && !data.scores)
        return unable(error, "the file `%.80s` was read without its scores", test->file);
    check->rows = data.rows;
    check->labels = data.labels;
    check->scores = test->score_column ? data.scores : NULL;
    return ALERTRON_OK;
}

/* The test's check with all that it lacks. */
static alertron_status complete(const struct run *run, const struct model_test *test, alertron_check *check,
                                alertron_error *error)
{
    const alertron_tests_sources *sources = run->sources;
    *check = test->check;
    alertron_status status =
        test->feature ? find_feature(run->model, test->feature, &check->feature, error) : ALERTRON_OK;
    if (status == ALERTRON_OK && test->file)
        status = get_data(run, test, check, error);
    if (status != ALERTRON_OK || !test->model)
        return status;
    if (!sources->model)
        return unable(error, "this needs the model `%.80s`, and other models can't be loaded here", test->model);
    if (check->kind == ALERTRON_CHECK_DURATION && !sources->clock.seconds)
        return unable(error, "%s", "this takes the time, and there is no clock here");
    check->clock = sources->clock;
    return sources->model(sources->context, test->model, &check->other, error);
}

/* --- running --------------------------------------------------------------------------------------------------------
 */

/* The row that the result is about, as it was scored. */
static const double *reading_of(const struct run *run, const alertron_rows *rows, const alertron_check_result *result)
{
    if (result->row == ALERTRON_NO_ROW)
        return NULL;
    const unsigned char *at = (const unsigned char *)rows->data + (ptrdiff_t)result->row * rows->row_stride;
    for (size_t i = 0; i < rows->width; i++, at += rows->column_stride)
        run->reading[i] = alertron__load_number(at, rows->dtype);
    if (result->feature != ALERTRON_NO_FEATURE)
        run->reading[result->feature] = result->value;
    return run->reading;
}

static void run_test(struct run *run, const struct model_test *test, alertron_test_report *report)
{
    alertron_check check;
    *report = (alertron_test_report){.line = test->line,
                                     .text = test->text,
                                     .file = test->file,
                                     .error = {.offset = ALERTRON_NO_OFFSET},
                                     .result = {.row = ALERTRON_NO_ROW, .feature = ALERTRON_NO_FEATURE}};
    alertron_status status = complete(run, test, &check, &report->error);
    if (status == ALERTRON_OK)
        status = alertron__model_check(run->model, &check, &run->work, &report->result, run->allocator, &report->error);
    report->error.status = status;
    if (status != ALERTRON_OK) {
        report->outcome = ALERTRON_TEST_ERROR;
        return;
    }
    report->outcome = report->result.passed ? ALERTRON_TEST_PASSED : ALERTRON_TEST_FAILED;
    report->reading = reading_of(run, &check.rows, &report->result);
}

/* The first report that is bad makes the error. */
static alertron_status tell_first(const alertron_test_report *report, const char *whose, alertron_error *error)
{
    const bool failed = report->outcome == ALERTRON_TEST_FAILED;
    if (report->error.status == ALERTRON_ERROR_MEMORY)
        return alertron__error_memory(error);
    return alertron__error(error, ALERTRON_ERROR_SELF_TEST, ALERTRON_NO_OFFSET, "%sline %zu, `%.70s%s`: %s", whose,
                           report->line, report->text, strlen(report->text) > 70 ? "..." : "",
                           failed ? report->result.text : report->error.text);
}

static alertron_status run_tests(const alertron_tests *tests, struct run *run, alertron_test_report_callback *callback,
                                 void *context, const char *whose, alertron_error *error)
{
    alertron_status status = ALERTRON_OK;
    const size_t width = alertron_model_features(run->model);
    run->reading = alertron__new(run->allocator, width, sizeof *run->reading);
    if (!run->reading)
        return alertron__error_memory(error);
    for (const struct model_test *test = tests->first; test && (callback || status == ALERTRON_OK); test = test->next) {
        alertron_test_report report;
        run_test(run, test, &report);
        if (report.outcome != ALERTRON_TEST_PASSED && status == ALERTRON_OK)
            status = tell_first(&report, whose, error);
        if (callback)
            callback(context, &report);
    }
    alertron__release(run->allocator, run->reading, width, sizeof *run->reading);
    return status;
}

alertron_status alertron_tests_run(const alertron_tests *tests, const alertron_model *model,
                                   const alertron_tests_sources *sources, alertron_test_report_callback *report,
                                   void *context, const alertron_allocator *allocator, alertron_error *error)
{
    const alertron_allocator memory = alertron__allocator(allocator);
    struct run run = {.model = model, .sources = sources, .work = UINT64_MAX, .allocator = &memory};
    return run_tests(tests, &run, report, context, "", error);
}

/* --- tests that a model carries
 * --------------------------------------------------------------------------------------- */

#define CARRIED "the tests that the model carries: "

#ifdef ALERTRON_NO_TESTS

/* For machines without room for it: a linker that drops unused functions drops the language and the checks. */
alertron_status alertron__model_self_test(const alertron_model *model, const alertron_allocator *allocator,
                                          alertron_error *error)
{
    (void)allocator;
    if (!*model->tests)
        return ALERTRON_OK;
    return alertron__error(error, ALERTRON_ERROR_UNSUPPORTED, ALERTRON_NO_OFFSET,
                           CARRIED "this build can't run them (ALERTRON_NO_TESTS): load it elsewhere first, and here "
                                   "with skip_tests");
}

#else

static alertron_status refuse_carried(const struct model_test *test, alertron_error *error)
{
    return alertron__error(error, ALERTRON_ERROR_FORMAT, ALERTRON_NO_OFFSET,
                           CARRIED "line %zu, `%.70s`, needs a %s; a model carries tests that need nothing but itself",
                           test->line, test->text, test->file ? "file" : "model");
}

alertron_status alertron__model_self_test(const alertron_model *model, const alertron_allocator *allocator,
                                          alertron_error *error)
{
    if (!*model->tests)
        return ALERTRON_OK;
    alertron_error inner;
    alertron_tests *tests = alertron_tests_parse(model->tests, strlen(model->tests), allocator, &inner);
    if (!tests)
        return alertron__error(error, inner.status, ALERTRON_NO_OFFSET, "%s%s",
                               inner.status == ALERTRON_ERROR_MEMORY ? "" : CARRIED, inner.text);
    alertron_status status = ALERTRON_OK;
    for (const struct model_test *test = tests->first; test && status == ALERTRON_OK; test = test->next)
        if (test->file || test->model)
            status = refuse_carried(test, error);
    struct run run = {.model = model, .work = ALERTRON_TESTS_WORK_MAX, .allocator = allocator};
    if (status == ALERTRON_OK)
        status = run_tests(tests, &run, NULL, NULL, CARRIED, error);
    alertron_tests_free(tests);
    return status;
}

#endif
