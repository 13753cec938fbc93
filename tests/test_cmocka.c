/* test_cmocka.c: assertions about models pass and fail as the checks do, and say why with the reading. */
#include "support.h"

#include <string.h>

#include <alertron_cmocka.h>

#define ROWS 400u
#define WIDTH 3u

static double rows_data[ROWS * WIDTH];
static unsigned char labels[ROWS];

/* Two features around 50 and 100, a third that is always 1; every tenth row far out. */
static int setup(void **state)
{
    uint32_t random = 1;
    for (size_t i = 0; i < ROWS; i++) {
        double *row = rows_data + i * WIDTH;
        for (size_t f = 0; f < WIDTH; f++) {
            random = random * 1664525u + 1013904223u;
            row[f] = f == 2 ? 1 : 50 * (double)(f + 1) + (double)(random >> 16) / 65536.0;
        }
        labels[i] = i % 20 == 0;
        row[0] += labels[i] ? 40 : 0;
    }
    const char *const names[] = {"temperature", "pressure", "mode"};
    const alertron_fit_options options = {.contamination = 0.05, .feature_names = names};
    const alertron_rows rows = alertron_rows_of(rows_data, ROWS, WIDTH);
    *state = alertron_model_fit(&rows, &options, NULL, NULL);
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    alertron_model_free(*state);
    return 0;
}

static double a_second_each_time(void *context)
{
    return *(double *)context += 1;
}

static void each_assertion_passes_where_its_check_does(void **state)
{
    const alertron_model *model = *state;
    const alertron_rows rows = alertron_rows_of(rows_data, ROWS, WIDTH);
    double seconds = 0;
    assert_model_severity(model, alertron_reading(50.5, 100.5, 1), ALERTRON_IS, ALERTRON_SEVERITY_NONE);
    assert_model_severity(model, alertron_reading(90, 100.5, 1), ALERTRON_AT_LEAST, ALERTRON_SEVERITY_LOW);
    assert_model_score(model, alertron_reading(50.5, 100.5, 1), 0.4, 0.1);
    assert_model_alarm_rate(model, rows, ALERTRON_SEVERITY_LOW, ALERTRON_AT_MOST, 0.05);
    assert_model_auroc(model, rows, labels, ALERTRON_AT_LEAST, 0.99);
    assert_model_average_precision(model, rows, labels, ALERTRON_AT_LEAST, 0.9);
    assert_model_recall(model, rows, labels, 0.05, ALERTRON_AT_LEAST, 0.9);
    assert_model_monotone(model, alertron_reading(50.5, 100.5, 1), 2, ALERTRON_RISING);
    assert_model_invariant(model, alertron_reading(50.5, 100.5, 1), 2, ALERTRON_VARYING);
    assert_model_agreement(model, rows, model, ALERTRON_IS, 1);
    assert_model_duration(model, rows, model, ((alertron_clock){a_second_each_time, &seconds}), ALERTRON_IS, 1);
    assert_model_tests(model, "reading [50.5, 100.5, 1] is none\n");
}

static void expect_failure(const alertron_model *model, const alertron_check *check, const char *const *said)
{
    char text[ALERTRON_CMOCKA_TEXT_MAX];
    assert_false(alertron_cmocka_passes(model, check, text));
    for (; *said; said++)
        if (!strstr(text, *said))
            fail_msg("\"%s\" is not in: %s", *said, text);
}

static void a_failure_says_what_was_found_and_shows_the_reading(void **state)
{
    const alertron_check check = {.kind = ALERTRON_CHECK_SEVERITY,
                                  .rows = alertron_reading(90, 100.5, 1),
                                  .relation = ALERTRON_IS,
                                  .severity = ALERTRON_SEVERITY_NONE};
    expect_failure(*state, &check,
                   (const char *[]){"none was wanted", "\nthe reading scores 0.", "; the threshold is 0.",
                                    "; caused by\n  temperature              90           ", "\n  pressure ", NULL});
}

static void the_row_that_shows_it_is_taken_from_rows_of_any_layout(void **state)
{
    /* Column after column, in float. */
    const float columns[] = {50.5f, 90, 100.5f, 100.25f, 1, 1};
    const alertron_rows rows = {.data = columns,
                                .dtype = ALERTRON_FLOAT32,
                                .rows = 2,
                                .width = 3,
                                .row_stride = sizeof(float),
                                .column_stride = 2 * sizeof(float)};
    const alertron_check check = {.rows = rows, .severity = ALERTRON_SEVERITY_NONE};
    expect_failure(*state, &check, (const char *[]){"temperature              90 ", "100.25 ", NULL});
}

static void a_number_that_the_check_changed_is_shown_as_changed(void **state)
{
    const alertron_check check = {.kind = ALERTRON_CHECK_INVARIANCE,
                                  .rows = alertron_reading(50.5, 100.5, 1),
                                  .feature = 0,
                                  .direction = ALERTRON_RISING};
    alertron_check_result result;
    assert_int_equal(alertron_model_check(*state, &check, &result, NULL, NULL), ALERTRON_OK);
    char shown[64];
    snprintf(shown, sizeof shown, "temperature              %-12.9g ", result.value);
    assert_true(result.value != 50.5);
    expect_failure(*state, &check, (const char *[]){shown, NULL});
}

static void a_check_that_cannot_be_made_fails(void **state)
{
    const alertron_check check = {.rows = alertron_reading(1, 2), .severity = ALERTRON_SEVERITY_NONE};
    expect_failure(*state, &check, (const char *[]){"the check can't be made: ", NULL});
}

static void tests_fail_with_the_first_that_does_not_pass(void **state)
{
    char text[ALERTRON_CMOCKA_TEXT_MAX];
    assert_false(alertron_cmocka_passes_tests(*state,
                                              "reading [50.5, 100.5, 1] is none\n"
                                              "reading [90, 100.5, 1] is none\n"
                                              "reading [91, 100.5, 1] is none\n",
                                              text));
    assert_non_null(strstr(text, "line 2, reading [90, 100.5, 1] is none: "));
    assert_non_null(strstr(text, "\nthe reading scores "));
    assert_null(strstr(text, "[91"));
    assert_false(alertron_cmocka_passes_tests(*state, "reading [90, 100.5, 1] is fine\n", text));
    assert_non_null(strstr(text, "fine"));
    assert_false(alertron_cmocka_passes_tests(*state, "file a.csv is none\n", text));
    assert_non_null(strstr(text, "a.csv"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_assertion_passes_where_its_check_does),
        cmocka_unit_test(a_failure_says_what_was_found_and_shows_the_reading),
        cmocka_unit_test(the_row_that_shows_it_is_taken_from_rows_of_any_layout),
        cmocka_unit_test(a_number_that_the_check_changed_is_shown_as_changed),
        cmocka_unit_test(a_check_that_cannot_be_made_fails),
        cmocka_unit_test(tests_fail_with_the_first_that_does_not_pass),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
