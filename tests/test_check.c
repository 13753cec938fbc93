/* test_check.c: checks find what their definition says, show the row that matters, and refuse what can not be checked.
 * Rankings are in test_check_rank.c, what goes along a feature in test_check_along.c. */
#include "check_support.h"

#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- severity, score, alarm rate ------------------------------------------------------------------------------ */

static bool as_wanted(alertron_relation relation, int is, int wanted)
{
    return relation == ALERTRON_AT_LEAST ? is >= wanted : relation == ALERTRON_AT_MOST ? is <= wanted : is == wanted;
}

static void severities_are_compared_row_by_row(void **state)
{
    const struct sample *sample = *state;
    for (size_t row = 0; row < ROWS; row++)
        for (int relation = ALERTRON_IS; relation <= ALERTRON_AT_MOST; relation++)
            for (int wanted = ALERTRON_SEVERITY_NONE; wanted <= ALERTRON_SEVERITY_HIGH; wanted++) {
                const alertron_check check = {.rows = alertron_rows_of(sample->numbers + row * WIDTH, 1, WIDTH),
                                              .relation = (alertron_relation)relation,
                                              .severity = (alertron_severity)wanted};
                const alertron_check_result result = check_made(sample->model, &check);
                const int is = (int)alertron_model_severity(sample->model, sample->scores[row]);
                assert_int_equal(result.passed, as_wanted(check.relation, is, wanted));
                assert_true(result.row == 0 && result.figure == sample->scores[row] && result.score == result.figure);
            }
}

static void a_severity_that_is_wrong_is_told(void **state)
{
    const struct sample *sample = *state;
    alertron_check check = {.rows = sample->rows, .relation = ALERTRON_AT_LEAST, .severity = ALERTRON_SEVERITY_LOW};
    const alertron_check_result result = check_made(sample->model, &check);
    size_t missed = 0;
    for (size_t row = 0; row < ROWS; row++) {
        missed += !(sample->scores[row] > alertron_model_cuts(sample->model).threshold);
        assert_true(sample->scores[row] >= result.score);
    }
    char end[64];
    alertron__text(end, sizeof end, "; at least low was wanted; so it is in %zu of 400 rows", missed);
    assert_non_null(strstr(result.text, " is none"));
    assert_non_null(strstr(result.text, end));
    check = (alertron_check){.rows = alertron_rows_of(sample->numbers, 1, WIDTH), .severity = ALERTRON_SEVERITY_HIGH};
    assert_non_null(strstr(check_made(sample->model, &check).text, " is none; high was wanted"));
}

static void scores_stand_to_their_bound(void **state)
{
    const struct sample *sample = *state;
    alertron_check check = {
        .kind = ALERTRON_CHECK_SCORE, .rows = sample->rows, .relation = ALERTRON_AT_LEAST, .bound = 1.0};
    for (size_t row = 0; row < ROWS; row++)
        check.bound = sample->scores[row] < check.bound ? sample->scores[row] : check.bound;
    assert_true(check_made(sample->model, &check).passed);
    check.bound = nextafter(check.bound, 1.0);
    assert_false(check_made(sample->model, &check).passed);
    check.relation = ALERTRON_AT_MOST;
    check.bound = sample->scores[7];
    const alertron_check_result result = check_made(sample->model, &check);
    for (size_t row = 0; row < ROWS; row++)
        assert_true(sample->scores[row] <= result.figure);
}

static void golden_scores_are_each_rows_own(void **state)
{
    const struct sample *sample = *state;
    double golden[ROWS];
    memcpy(golden, sample->scores, sizeof golden);
    alertron_check check = {.kind = ALERTRON_CHECK_SCORE, .rows = sample->rows, .scores = golden, .bound = 0.123};
    assert_true(check_made(sample->model, &check).passed);
    golden[17] += 0.001;
    golden[18] += 0.01;
    check.tolerance = 0.0011;
    const alertron_check_result result = check_made(sample->model, &check);
    assert_false(result.passed);
    assert_int_equal(result.row, 18);
    assert_non_null(strstr(result.text, "of row 18; "));
    assert_non_null(strstr(result.text, "within 0.0011; so it is in 1 of 400 rows"));
    check.tolerance = 0.0101;
    assert_true(check_made(sample->model, &check).passed);
    golden[3] = NAN;
    assert_int_equal(check_refused(sample->model, &check, "row 3 is not a number"), ALERTRON_ERROR_ARGUMENT);
}

static void alarm_rates_are_counted(void **state)
{
    const struct sample *sample = *state;
    for (int severity = ALERTRON_SEVERITY_NONE; severity <= ALERTRON_SEVERITY_HIGH; severity++) {
        const int least = severity ? severity : ALERTRON_SEVERITY_LOW;
        size_t alarms = 0;
        for (size_t row = 0; row < ROWS; row++)
            alarms += (int)alertron_model_severity(sample->model, sample->scores[row]) >= least;
        passes_up_to_its_figure(sample->model,
                                (alertron_check){.kind = ALERTRON_CHECK_ALARM_RATE,
                                                 .rows = sample->rows,
                                                 .severity = (alertron_severity)severity},
                                (double)alarms / ROWS);
    }
}

static void alarm_rates_show_the_row_nearest_to_what_is_wrong(void **state)
{
    const struct sample *sample = *state;
    alertron_check check = {.kind = ALERTRON_CHECK_ALARM_RATE, .rows = sample->rows, .relation = ALERTRON_AT_MOST};
    const alertron_check_result many = check_made(sample->model, &check);
    assert_false(many.passed);
    check.relation = ALERTRON_AT_LEAST;
    check.bound = 1.0;
    const alertron_check_result few = check_made(sample->model, &check);
    const double threshold = alertron_model_cuts(sample->model).threshold;
    for (size_t row = 0; row < ROWS; row++) {
        assert_true(sample->scores[row] <= many.score);
        assert_true(sample->scores[row] > threshold || sample->scores[row] <= few.score);
    }
    assert_true(few.score <= threshold);
    assert_non_null(strstr(few.text, "% of 400 rows; at least 100% was wanted"));
}

/* A figure just beside its bound must not look as if it stood on it. */
static void figures_are_told_apart_from_their_bound(void **state)
{
    (void)state;
    assert_string_equal(alertron__number_beside(0.912345, 0.95, 4).bytes, "0.9123");
    assert_string_equal(alertron__number_beside(0.9499999, 0.95, 4).bytes, "0.9499999");
    assert_string_equal(alertron__number_beside(0.95000001, 0.95, 4).bytes, "0.95000001");
    assert_string_equal(alertron__number_beside(0.95, 0.95, 4).bytes, "0.95");
    assert_string_equal(alertron__number_beside(1.0, 0.95, 4).bytes, "1");
    assert_string_equal(alertron__number_beside(nextafter(0.5, 0.0), 0.5, 4).bytes, "0.49999999999999994");
    assert_string_equal(alertron__number_beside(1e300, 0.5, 4).bytes, "1e+300");
}

/* --- agreement and duration ----------------------------------------------------------------------------------- */

static void agreement_is_about_sides(void **state)
{
    const struct sample *sample = *state;
    const alertron_fit_options options = {.trees = 20, .contamination = 0.2, .seed = 4};
    alertron_model *other = alertron_model_fit(&sample->rows, &options, NULL, NULL);
    assert_non_null(other);
    const double threshold = alertron_model_cuts(sample->model).threshold,
                 others = alertron_model_cuts(other).threshold;
    size_t agreed = 0, farthest = ROWS;
    double apart = -1.0;
    for (size_t row = 0; row < ROWS; row++) {
        const double score = alertron_model_score(other, sample->numbers + row * WIDTH);
        const bool same = (sample->scores[row] > threshold) == (score > others);
        agreed += same;
        if (!same && fabs(score - sample->scores[row]) > apart) {
            apart = fabs(score - sample->scores[row]);
            farthest = row;
        }
    }
    assert_in_range(agreed, 1, ROWS - 1);
    const alertron_check check = {.kind = ALERTRON_CHECK_AGREEMENT, .rows = sample->rows, .other = other};
    assert_int_equal(check_made(sample->model, &check).row, farthest);
    passes_up_to_its_figure(sample->model, check, (double)agreed / ROWS);
    const alertron_check same = {
        .kind = ALERTRON_CHECK_AGREEMENT, .rows = sample->rows, .other = sample->model, .bound = 1.0};
    assert_true(check_made(sample->model, &same).passed);
    alertron_model_free(other);
}

/* A clock by which the first model takes a millisecond a round and the second `ratio` of one; each round begins and
 * ends with a look at it. */
struct fake_clock {
    double now, steps[2];
    unsigned looks, n_steps;
};

static double look(void *context)
{
    struct fake_clock *clock = context;
    if (clock->looks++ % 2)
        clock->now += clock->steps[clock->n_steps++ % 2];
    return clock->now;
}

static void duration_is_what_the_clock_says(void **state)
{
    const struct sample *sample = *state;
    struct fake_clock clock = {.steps = {0.5, 0.75}}; /* the first look is at the other model, to find how often */
    const alertron_check check = {.kind = ALERTRON_CHECK_DURATION,
                                  .rows = sample->rows,
                                  .relation = ALERTRON_AT_MOST,
                                  .bound = 1.2,
                                  .other = sample->model,
                                  .clock = {look, &clock}};
    alertron_check_result result = check_made(sample->model, &check);
    assert_float_equal(result.figure, 1.5, 1e-12);
    assert_false(result.passed);
    assert_int_equal(result.row, ALERTRON_NO_ROW);
    assert_string_equal(result.text, "takes 150% of the other model's time; at most 120% was wanted");
    clock = (struct fake_clock){.steps = {0.75, 0.5}};
    assert_true(check_made(sample->model, &check).passed);
    clock = (struct fake_clock){.steps = {0.0, 0.0}};
    assert_int_equal(check_refused(sample->model, &check, "stands still"), ALERTRON_ERROR_ARGUMENT);
    clock = (struct fake_clock){.steps = {1.0, -1.0}};
    assert_int_equal(check_refused(sample->model, &check, "goes back"), ALERTRON_ERROR_ARGUMENT);
}

/* --- refusals ------------------------------------------------------------------------------------------------- */

static void what_can_not_be_checked_is_refused(void **state)
{
    const struct sample *sample = *state;
    const alertron_model *model = sample->model;
    const alertron_check good = {.kind = ALERTRON_CHECK_SCORE, .rows = sample->rows, .bound = 0.5};
    alertron_check check = good;
    check.rows.width = 2;
    assert_int_equal(check_refused(model, &check, "rows of 2 numbers; the model has 3 features"),
                     ALERTRON_ERROR_ARGUMENT);
    check = good;
    check.rows.rows = 0;
    assert_int_equal(check_refused(model, &check, "no row"), ALERTRON_ERROR_ARGUMENT);
    check = good;
    check.bound = NAN;
    assert_int_equal(check_refused(model, &check, "bound"), ALERTRON_ERROR_ARGUMENT);
    check = good;
    check.tolerance = -1.0;
    assert_int_equal(check_refused(model, &check, "tolerance"), ALERTRON_ERROR_ARGUMENT);
    check = good;
    check.kind = (alertron_check_kind)(ALERTRON_CHECK_DURATION + 1);
    assert_int_equal(check_refused(model, &check, "kind"), ALERTRON_ERROR_ARGUMENT);
    check = good;
    check.relation = (alertron_relation)3;
    assert_int_equal(check_refused(model, &check, "relation"), ALERTRON_ERROR_ARGUMENT);
    check = good;
    check.kind = ALERTRON_CHECK_RECALL;
    assert_int_equal(check_refused(model, &check, "labels"), ALERTRON_ERROR_ARGUMENT);
    check.labels = sample->labels;
    check.alarm_rate = 1.5;
    assert_int_equal(check_refused(model, &check, "alarm rate"), ALERTRON_ERROR_ARGUMENT);
    check = good;
    check.kind = ALERTRON_CHECK_MONOTONE;
    check.feature = WIDTH;
    assert_int_equal(check_refused(model, &check, "feature"), ALERTRON_ERROR_ARGUMENT);
    check.kind = ALERTRON_CHECK_AGREEMENT;
    assert_int_equal(check_refused(model, &check, "another model"), ALERTRON_ERROR_ARGUMENT);
    check.kind = ALERTRON_CHECK_DURATION;
    check.other = model;
    assert_int_equal(check_refused(model, &check, "clock"), ALERTRON_ERROR_ARGUMENT);
    const alertron_rows two = alertron_rows_of(sample->numbers, ROWS, 2);
    alertron_model *narrow = alertron_model_fit(&two, &(alertron_fit_options){.trees = 1}, NULL, NULL);
    assert_non_null(narrow);
    check.other = narrow;
    assert_int_equal(check_refused(model, &check, "another number of features"), ALERTRON_ERROR_ARGUMENT);
    alertron_model_free(narrow);
}

static void a_row_without_a_score_is_refused_by_every_kind(void **state)
{
    const struct sample *sample = *state;
    double numbers[2 * WIDTH] = {1, 2, 3, 4, NAN, 6}, golden[2] = {0.5, 0.5};
    const unsigned char labels[2] = {0, 1};
    struct fake_clock clock = {.steps = {1.0, 1.0}};
    for (int kind = ALERTRON_CHECK_SEVERITY; kind <= ALERTRON_CHECK_DURATION; kind++) {
        const alertron_check check = {.kind = (alertron_check_kind)kind,
                                      .rows = alertron_rows_of(numbers, 2, WIDTH),
                                      .labels = labels,
                                      .scores = golden,
                                      .other = sample->model,
                                      .clock = {look, &clock}};
        assert_int_equal(check_refused(sample->model, &check, "row 1 has no score"), ALERTRON_ERROR_ARGUMENT);
    }
}

static void rows_are_read_where_they_lie(void **state)
{
    const struct sample *sample = *state;
    float columns[WIDTH * ROWS];
    for (size_t row = 0; row < ROWS; row++)
        for (size_t column = 0; column < WIDTH; column++)
            columns[column * ROWS + ROWS - 1 - row] = (float)sample->numbers[row * WIDTH + column];
    const alertron_rows view = {columns + ROWS - 1,
                                ALERTRON_FLOAT32,
                                ROWS,
                                WIDTH,
                                -(ptrdiff_t)sizeof(float),
                                (ptrdiff_t)(ROWS * sizeof(float))};
    for (int kind = ALERTRON_CHECK_SEVERITY; kind <= ALERTRON_CHECK_AGREEMENT; kind++) {
        alertron_check check = {.kind = (alertron_check_kind)kind,
                                .rows = sample->rows,
                                .relation = ALERTRON_AT_LEAST,
                                .bound = 0.97,
                                .labels = sample->labels,
                                .feature = ALERTRON_EVERY_FEATURE,
                                .other = sample->model};
        const alertron_check_result plain = check_made(sample->model, &check);
        check.rows = view;
        const alertron_check_result turned = check_made(sample->model, &check);
        assert_string_equal(plain.text, turned.text);
        assert_true(plain.figure == turned.figure && plain.row == turned.row);
    }
}

static void memory_that_runs_out_leaks_nothing(void **state)
{
    const struct sample *sample = *state;
    for (int kind = ALERTRON_CHECK_SEVERITY; kind <= ALERTRON_CHECK_AGREEMENT; kind++) {
        bool done = false;
        for (size_t nth = 1; !done; nth++) {
            failing_allocator failing = {.nth = nth};
            const alertron_allocator allocator = failing_allocator_of(&failing);
            const alertron_check check = {.kind = (alertron_check_kind)kind,
                                          .rows = alertron_rows_of(sample->numbers, 50, WIDTH),
                                          .labels = sample->labels,
                                          .feature = ALERTRON_EVERY_FEATURE,
                                          .other = sample->model};
            alertron_check_result result;
            alertron_error error = {.status = ALERTRON_ERROR_MEMORY};
            alertron_status status = alertron_model_check(sample->model, &check, &result, &allocator, &error);
            done = status == ALERTRON_OK;
            assert_true(done || status == ALERTRON_ERROR_MEMORY);
            assert_int_equal(error.status, ALERTRON_ERROR_MEMORY);
            assert_int_equal(failing.bytes_held, 0);
            assert_true(done || nth < 100);
        }
    }
}

static void a_golden_score_is_shown_with_the_digits_that_differ(void **state)
{
    const struct sample *sample = *state;
    const alertron_check check = {.kind = ALERTRON_CHECK_SCORE,
                                  .rows = alertron_rows_of(sample->numbers, 1, WIDTH),
                                  .bound = sample->scores[0] + 3e-8,
                                  .tolerance = 1e-8};
    const alertron_check_result result = check_made(sample->model, &check);
    assert_false(result.passed);
    const double shown = strtod(result.text + strlen("score "), NULL);
    assert_true(fabs(shown - sample->scores[0]) <= 0.6e-8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(severities_are_compared_row_by_row),
        cmocka_unit_test(a_severity_that_is_wrong_is_told),
        cmocka_unit_test(scores_stand_to_their_bound),
        cmocka_unit_test(golden_scores_are_each_rows_own),
        cmocka_unit_test(alarm_rates_are_counted),
        cmocka_unit_test(alarm_rates_show_the_row_nearest_to_what_is_wrong),
        cmocka_unit_test(figures_are_told_apart_from_their_bound),
        cmocka_unit_test(agreement_is_about_sides),
        cmocka_unit_test(duration_is_what_the_clock_says),
        cmocka_unit_test(what_can_not_be_checked_is_refused),
        cmocka_unit_test(a_row_without_a_score_is_refused_by_every_kind),
        cmocka_unit_test(rows_are_read_where_they_lie),
        cmocka_unit_test(a_golden_score_is_shown_with_the_digits_that_differ),
        cmocka_unit_test(memory_that_runs_out_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, sample_setup, sample_teardown);
}
