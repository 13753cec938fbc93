/* test_scores.c: the scores of a file of readings are those of its rows, in their order, however many there are. */
#include "scores.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

enum { ROWS = 30000, WIDTH = 3 }; /* more than a block */

struct fixture {
    double *numbers;
    alertron_model *model;
    char path[32], why[512];
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->numbers = calloc(ROWS * WIDTH, sizeof *fixture->numbers);
    for (size_t i = 0; i < (size_t)ROWS * WIDTH; i++)
        fixture->numbers[i] = (double)(i * 7919 % 1009);
    const alertron_rows rows = alertron_rows_of(fixture->numbers, ROWS, WIDTH);
    fixture->model = alertron_model_fit(&rows, &(alertron_fit_options){.trees = 10}, NULL, NULL);
    assert_non_null(fixture->model);
    snprintf(fixture->path, sizeof fixture->path, "/tmp/test_scores.XXXXXX");
    const int file = mkstemp(fixture->path);
    assert_true(file >= 0);
    FILE *out = fdopen(file, "w");
    fprintf(out, "a,b,c\n");
    for (size_t row = 0; row < ROWS; row++)
        fprintf(out, "%.0f,%.0f,%.0f\n", fixture->numbers[row * WIDTH], fixture->numbers[row * WIDTH + 1],
                fixture->numbers[row * WIDTH + 2]);
    fclose(out);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    unlink(fixture->path);
    alertron_model_free(fixture->model);
    free(fixture->numbers);
    free(fixture);
    return 0;
}

static struct scores gather(struct fixture *fixture, double above)
{
    struct scores scores = {0};
    if (!scores_of_file(&scores, fixture->model, fixture->path, NULL, above, fixture->why, sizeof fixture->why))
        fail_msg("%s", fixture->why);
    return scores;
}

static void every_row_has_its_score(void **state)
{
    struct fixture *fixture = *state;
    struct scores scores = gather(fixture, -INFINITY);
    assert_int_equal(scores.n, ROWS);
    assert_int_equal(scores.rows, ROWS);
    for (size_t row = 0; row < ROWS; row++)
        assert_true(scores.values[row] == alertron_model_score(fixture->model, fixture->numbers + row * WIDTH));
    scores_free(&scores);
}

static void only_scores_above_the_bound_are_gathered(void **state)
{
    struct fixture *fixture = *state;
    struct scores all = gather(fixture, -INFINITY), some = gather(fixture, 0.5);
    size_t n = 0;
    for (size_t row = 0; row < ROWS; row++)
        if (all.values[row] > 0.5)
            assert_true(some.values[n++] == all.values[row]);
    assert_true(n > 0 && n < ROWS);
    assert_int_equal(some.n, n);
    assert_int_equal(some.rows, ROWS);
    scores_free(&some);
    scores_free(&all);
}

/* As the fit does it, whose threshold and histogram of the same rows these are. */
static void quantile_and_counts_are_those_of_the_fit(void **state)
{
    struct fixture *fixture = *state;
    const alertron_rows rows = alertron_rows_of(fixture->numbers, ROWS, WIDTH);
    const alertron_fit_options options = {.trees = 10, .contamination = 0.03};
    alertron_model *model = alertron_model_fit(&rows, &options, NULL, NULL);
    struct scores scores = gather(fixture, -INFINITY);
    uint64_t counts[ALERTRON_SCORE_BINS];
    scores_count(&scores, counts);
    assert_memory_equal(counts, alertron_model_training_scores(model), sizeof counts);
    assert_true(scores_quantile(&scores, 1 - 0.03) == alertron_model_cuts(model).threshold);
    alertron_model_free(model);
    scores_free(&scores);
}

static void quantiles_lie_between_order_statistics(void **state)
{
    (void)state;
    double values[] = {4, 1, 3, 2};
    struct scores scores = {.values = values, .n = 4, .rows = 4};
    assert_true(scores_quantile(&scores, 0) == 1);
    assert_true(scores_quantile(&scores, 0.5) == 2.5);
    assert_true(scores_quantile(&scores, 0.9) == 3.7);
    assert_true(scores_quantile(&scores, 1) == 4);
}

static void bands_are_counted(void **state)
{
    (void)state;
    double values[] = {0.5, 0.6, 0.61, 0.7, 0.75, 0.8, 0.9};
    const struct scores scores = {.values = values, .n = 7, .rows = 7};
    const alertron_cuts cuts = {.threshold = 0.6, .medium = 0.7, .high = 0.8};
    size_t by_severity[4];
    scores_by_severity(&scores, &cuts, by_severity);
    assert_memory_equal(by_severity, ((size_t[4]){2, 1, 2, 2}), sizeof by_severity);
}

static void a_file_without_rows_is_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(truncate(fixture->path, 6), 0);
    struct scores scores = {0};
    assert_false(
        scores_of_file(&scores, fixture->model, fixture->path, NULL, -INFINITY, fixture->why, sizeof fixture->why));
    assert_non_null(strstr(fixture->why, "no rows"));
    scores_free(&scores);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_row_has_its_score, setup, teardown),
        cmocka_unit_test_setup_teardown(only_scores_above_the_bound_are_gathered, setup, teardown),
        cmocka_unit_test_setup_teardown(quantile_and_counts_are_those_of_the_fit, setup, teardown),
        cmocka_unit_test(quantiles_lie_between_order_statistics),
        cmocka_unit_test(bands_are_counted),
        cmocka_unit_test_setup_teardown(a_file_without_rows_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
