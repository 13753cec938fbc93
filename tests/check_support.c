/* check_support.c: what the tests of checks share. */
#include "check_support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

int sample_setup(void **state)
{
    struct sample *sample = calloc(1, sizeof *sample);
    assert_non_null(sample);
    struct random_state random = alertron__random_new(5, 1);
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        sample->numbers[i] =
            (double)alertron__random_below(&random, 6) + (alertron__random_below(&random, 40) ? 0.0 : 9.0);
    sample->rows = alertron_rows_of(sample->numbers, ROWS, WIDTH);
    static const char *const names[WIDTH] = {"temperature", "pressure", "\xc2\xb5m"};
    const alertron_fit_options options = {.trees = 50, .contamination = 0.1, .seed = 3, .feature_names = names};
    sample->model = alertron_model_fit(&sample->rows, &options, NULL, NULL);
    assert_non_null(sample->model);
    assert_int_equal(alertron_model_score_rows(sample->model, &sample->rows, sample->scores), ALERTRON_OK);
    for (size_t row = 0; row < ROWS; row++)
        sample->labels[row] = sample->numbers[row * WIDTH] > 5.0 || alertron__random_below(&random, 20) == 0;
    *state = sample;
    return 0;
}

int sample_teardown(void **state)
{
    struct sample *sample = *state;
    alertron_model_free(sample->model);
    free(sample);
    return 0;
}

alertron_check_result check_made(const alertron_model *model, const alertron_check *check)
{
    alertron_check_result result;
    alertron_error error;
    alertron_status status = alertron_model_check(model, check, &result, NULL, &error);
    if (status != ALERTRON_OK)
        fail_msg("%s", error.text);
    assert_true(strlen(result.text) > 0 && !strchr(result.text, '\n'));
    return result;
}

alertron_status check_refused(const alertron_model *model, const alertron_check *check, const char *why)
{
    alertron_check_result result, before;
    memset(&result, 0x5a, sizeof result);
    before = result;
    alertron_error error = {.status = ALERTRON_OK};
    alertron_status status = alertron_model_check(model, check, &result, NULL, &error);
    assert_int_equal(status, error.status);
    if (!strstr(error.text, why))
        fail_msg("\"%s\" is not in \"%s\"", why, error.text);
    assert_memory_equal(&result, &before, sizeof result);
    return status;
}

void passes_up_to_its_figure(const alertron_model *model, alertron_check check, double figure)
{
    assert_float_equal(check_made(model, &check).figure, figure, 1e-12);
    const double exact = check_made(model, &check).figure;
    check.relation = ALERTRON_AT_LEAST;
    check.bound = exact;
    assert_true(check_made(model, &check).passed);
    check.bound = nextafter(exact, 2.0);
    assert_false(check_made(model, &check).passed);
    check.relation = ALERTRON_AT_MOST;
    check.bound = exact;
    assert_true(check_made(model, &check).passed);
    check.bound = nextafter(exact, -1.0);
    assert_false(check_made(model, &check).passed);
    check.relation = ALERTRON_IS;
    check.bound = exact + 0.25;
    check.tolerance = 0.26;
    assert_true(check_made(model, &check).passed);
    check.tolerance = 0.24;
    assert_false(check_made(model, &check).passed);
}
