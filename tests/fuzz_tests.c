/* fuzz_tests.c: whatever text comes, reading it ends in an error with a place in the text or in tests; those run on a
 * model, and each is reported once, with a reading that scores what the report says. What a model may carry, it can be
 * given, and it loads again if it passes. */
#include "private.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 40, WIDTH = 3 };

static void expect(bool condition)
{
    if (!condition)
        abort();
}

/* Made once, and kept until the end. */
static struct {
    double numbers[ROWS * WIDTH], scores[ROWS];
    unsigned char labels[ROWS];
    alertron_rows rows;
    alertron_model *model;
    double now;
} world;

static void make_world(void)
{
    static const char *const names[WIDTH] = {"t", "p", "7"};
    const alertron_fit_options options = {.trees = 5, .samples = 32, .contamination = 0.3, .feature_names = names};
    struct random_state random = alertron__random_new(1, 1);
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        world.numbers[i] = alertron__random_unit(&random) * 100.0;
    for (size_t i = 0; i < ROWS; i++)
        world.labels[i] = i % 4 == 0;
    world.rows = alertron_rows_of(world.numbers, ROWS, WIDTH);
    world.model = alertron_model_fit(&world.rows, &options, NULL, NULL);
    expect(world.model != NULL);
    alertron_model_score_rows(world.model, &world.rows, world.scores);
}

static alertron_status get_data(void *context, const char *name, bool labels, const char *label_column,
                                const char *score_column, alertron_tests_data *data, alertron_error *error)
{
    (void)context, (void)label_column;
    if (*name == 'x')
        return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET, "no file %s", name);
    *data = (alertron_tests_data){world.rows, labels ? world.labels : NULL, score_column ? world.scores : NULL};
    return ALERTRON_OK;
}

static alertron_status get_model(void *context, const char *name, const alertron_model **model, alertron_error *error)
{
    (void)context, (void)name, (void)error;
    *model = world.model;
    return ALERTRON_OK;
}

static double get_time(void *context)
{
    (void)context;
    return world.now += 1.0;
}

static void look_at(void *context, const alertron_test_report *report)
{
    ++*(size_t *)context;
    expect(*report->text != 0 && !strchr(report->text, '\n') && report->line > 0);
    const char *text = report->outcome == ALERTRON_TEST_ERROR ? report->error.text : report->result.text;
    expect(*text != 0 && strlen(text) < sizeof report->result.text);
    for (const char *at = text; *at; at++)
        expect((unsigned char)*at >= 0x20 || report->outcome == ALERTRON_TEST_ERROR);
    if (report->reading)
        expect(alertron_model_score(world.model, report->reading) == report->result.score);
}

/* `text` ends in a NUL here, as alertron_model_with wants it. */
static void carry(const char *text)
{
    alertron_error error = {.status = ALERTRON_OK};
    alertron_model *model = alertron_model_with(world.model, &(alertron_model_changes){.tests = text}, NULL, &error);
    expect((model != NULL) == (error.status == ALERTRON_OK));
    if (!model)
        return;
    const size_t n = alertron_model_save(model, NULL, 0);
    unsigned char *bytes = malloc(n);
    expect(bytes != NULL);
    alertron_model_save(model, bytes, n);
    alertron_model *loaded = alertron_model_load(bytes, n, NULL, NULL);
    expect(loaded != NULL && strcmp(alertron_model_tests(loaded), text) == 0);
    alertron_model_free(loaded);
    free(bytes);
    alertron_model_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!world.model)
        make_world();
    /* Bytes of exactly this size, so that reading beyond them shows. */
    char *text = malloc(size ? size : 1);
    expect(text != NULL);
    memcpy(text, data, size);
    alertron_error error = {.status = ALERTRON_OK};
    alertron_tests *tests = alertron_tests_parse(text, size, NULL, &error);
    free(text);
    if (!tests) {
        expect(error.status != ALERTRON_OK && *error.text != 0 && !strchr(error.text, '\n') && error.offset <= size);
        return 0;
    }
    const alertron_tests_sources sources = {.data = get_data, .model = get_model, .clock = {.seconds = get_time}};
    size_t reports = 0;
    alertron_status status = alertron_tests_run(tests, world.model, &sources, look_at, &reports, NULL, &error);
    expect(status == ALERTRON_OK || status == ALERTRON_ERROR_SELF_TEST);
    expect(reports == alertron_tests_count(tests));
    alertron_tests_free(tests);
    char *carried = malloc(size + 1);
    expect(carried != NULL);
    memcpy(carried, data, size);
    carried[size] = 0;
    carry(carried);
    free(carried);
    return 0;
}
