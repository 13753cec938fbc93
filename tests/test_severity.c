/* test_severity.c: bands at their cuts, quantiles as NumPy gives them, calibration that leaves nothing half done. */
#include "support.h"

#include "private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const alertron_cuts example = {.threshold = 0.5,
                                      .medium = 0.6,
                                      .high = 0.7,
                                      .medium_quantile = 0.80,
                                      .high_quantile = 0.95,
                                      .n_scores = 7,
                                      .origin = ALERTRON_CUTS_FILE};

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool is_same(double a, double b)
{
    return alertron__bits_of_double(a) == alertron__bits_of_double(b);
}

static void assert_same_cuts(const alertron_cuts *a, const alertron_cuts *b)
{
    assert_true(is_same(a->threshold, b->threshold) && is_same(a->medium, b->medium) && is_same(a->high, b->high));
    assert_true(a->medium_quantile == b->medium_quantile && a->high_quantile == b->high_quantile);
    assert_true(a->n_scores == b->n_scores && a->origin == b->origin);
}

/* --- bands -------------------------------------------------------------------------------------------- */

static void a_score_at_the_threshold_is_no_anomaly(void **state)
{
    (void)state;
    assert_int_equal(alertron_cuts_severity(&example, 0.5), ALERTRON_SEVERITY_NONE);
    assert_int_equal(alertron_cuts_severity(&example, nextafter(0.5, 1.0)), ALERTRON_SEVERITY_LOW);
}

static void a_score_at_a_cut_is_in_the_band_above(void **state)
{
    (void)state;
    assert_int_equal(alertron_cuts_severity(&example, nextafter(0.6, 0.0)), ALERTRON_SEVERITY_LOW);
    assert_int_equal(alertron_cuts_severity(&example, 0.6), ALERTRON_SEVERITY_MEDIUM);
    assert_int_equal(alertron_cuts_severity(&example, nextafter(0.7, 0.0)), ALERTRON_SEVERITY_MEDIUM);
    assert_int_equal(alertron_cuts_severity(&example, 0.7), ALERTRON_SEVERITY_HIGH);
    assert_int_equal(alertron_cuts_severity(&example, 1.0), ALERTRON_SEVERITY_HIGH);
}

static void scores_that_are_no_score_have_no_severity(void **state)
{
    (void)state;
    assert_int_equal(alertron_cuts_severity(&example, NAN), ALERTRON_SEVERITY_NONE);
    assert_int_equal(alertron_cuts_severity(&example, -INFINITY), ALERTRON_SEVERITY_NONE);
}

static void a_cut_below_the_threshold_makes_no_anomaly(void **state)
{
    (void)state;
    alertron_cuts cuts = example;
    cuts.medium = cuts.high = 0.1;
    assert_int_equal(alertron_cuts_severity(&cuts, 0.3), ALERTRON_SEVERITY_NONE);
    assert_int_equal(alertron_cuts_severity(&cuts, 0.51), ALERTRON_SEVERITY_HIGH);
}

static void names_are_the_contract(void **state)
{
    (void)state;
    assert_string_equal(alertron_severity_name(ALERTRON_SEVERITY_NONE), "none");
    assert_string_equal(alertron_severity_name(ALERTRON_SEVERITY_LOW), "low");
    assert_string_equal(alertron_severity_name(ALERTRON_SEVERITY_MEDIUM), "medium");
    assert_string_equal(alertron_severity_name(ALERTRON_SEVERITY_HIGH), "high");
    assert_string_equal(alertron_cuts_origin_name(ALERTRON_CUTS_PROVISIONAL), "provisional");
    assert_string_equal(alertron_cuts_origin_name(ALERTRON_CUTS_TRAINING), "training");
    assert_string_equal(alertron_cuts_origin_name(ALERTRON_CUTS_FILE), "file");
    assert_string_equal(alertron_cuts_origin_name(ALERTRON_CUTS_STREAM), "stream");
}

/* --- quantiles ------------------------------------------------------------------------------------------ */

/* Values of numpy.quantile of NumPy 2.4.6. */
static void quantiles_are_numpys_to_the_bit(void **state)
{
    (void)state;
    static const double values[] = {0.61, 0.87, 0.52, 0.7, 0.555, 0.93, 0.64, 0.58, 0.71, 0.5999, 0.77, 0.82, 0.66};
    static const struct {
        double quantile, expected;
    } known[] = {
        {0.8, 0x1.999999999999ap-1},
        {0.95, 0x1.c9ba5e353f7cep-1},
        {0.5, 0x1.51eb851eb851fp-1},
        {0.333, 0x1.384c9febc3322p-1},
        {0.123456, 0x1.2252a5bf41c9dp-1},
        {0.001, 0x1.0a747d805e5f3p-1},
        {0.999, 0x1.dbca9691a75cdp-1},
        {0.0, 0.52},
        {1.0, 0.93},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        double scratch[13];
        memcpy(scratch, values, sizeof values);
        assert_true(is_same(alertron__quantile(scratch, 13, known[i].quantile), known[i].expected));
    }
}

static void quantiles_round_from_the_nearer_neighbour_as_numpy_does(void **state)
{
    (void)state;
    static const struct {
        double least, greatest, quantile, expected;
    } known[] = {
        {0.18, 0.86, 0.54, 0x1.182a9930be0dfp-1},
        {0.49, 0.89, 0.93, 0x1.b95810624dd2fp-1},
        {0.44, 0.95, 0.50, 0x1.63d70a3d70a3dp-1},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        double scratch[2] = {known[i].greatest, known[i].least};
        assert_true(is_same(alertron__quantile(scratch, 2, known[i].quantile), known[i].expected));
    }
}

static void a_quantile_of_one_value_is_that_value(void **state)
{
    (void)state;
    for (int i = 0; i <= 10; i++) {
        double value = 0.3;
        assert_true(alertron__quantile(&value, 1, i / 10.0) == 0.3);
    }
}

/* Ties, orders and sizes at random, against sorting. */
static void quantiles_agree_with_sorting(void **state)
{
    (void)state;
    struct random_state random = alertron__random_new(4, 0);
    for (int round = 0; round < 20000; round++) {
        double values[40], sorted[40];
        const uint32_t n = 1 + alertron__random_below(&random, 40), kinds = 1 + alertron__random_below(&random, 50);
        for (uint32_t i = 0; i < n; i++)
            values[i] = sorted[i] = alertron__random_below(&random, kinds);
        qsort(sorted, n, sizeof *sorted, by_value);
        const uint32_t k = alertron__random_below(&random, n);
        /* The quantile that stands nearly on the k-th value; what is left is the way to the next one. */
        const double quantile = n > 1 ? (double)k / (double)(n - 1) : 0.0;
        const double got = alertron__quantile(values, n, quantile);
        assert_true(fabs(got - sorted[k]) < 1e-9);
        qsort(values, n, sizeof *values, by_value);
        assert_memory_equal(values, sorted, n * sizeof *values);
    }
}

/* Neighbours, zeros of both signs, the smallest and the greatest numbers: all pairs and triples of them. */
static void quantiles_agree_with_sorting_where_doubles_are_close_or_far(void **state)
{
    (void)state;
    static const double numbers[] = {-8e307,
                                     -0x1.0000000000001p0,
                                     -1.0,
                                     -0x1p-1073,
                                     -0x1p-1074,
                                     -0.0,
                                     0.0,
                                     0x1p-1074,
                                     0x1p-1073,
                                     1.0,
                                     0x1.0000000000001p0,
                                     0x1.0000000000002p0,
                                     8e307};
    enum { N = sizeof numbers / sizeof *numbers };
    for (int i = 0; i < N * N * N; i++) {
        double values[3] = {numbers[i % N], numbers[i / N % N], numbers[i / N / N]}, sorted[3];
        memcpy(sorted, values, sizeof sorted);
        qsort(sorted, 3, sizeof *sorted, by_value);
        const double least = alertron__quantile(values, 3, 0.0), greatest = alertron__quantile(values, 3, 1.0);
        assert_true(least == sorted[0] && greatest == sorted[2]);
        qsort(values, 3, sizeof *values, by_value);
        for (int j = 0; j < 3; j++)
            assert_true(values[j] == sorted[j]);
    }
}

static void rise_and_fall(double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = (double)(i < n - i ? 2 * i : 2 * (n - i) - 1);
}

/* Powers of two are as far apart as it takes to have one of them less in each round. */
static void spread_widely(double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = ldexp(1.0, -(int)(i % 1070));
}

static void rise(double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = (double)i;
}

static void fall(double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = (double)(n - i);
}

static void stay(double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = 7.0;
}

/* In a second or two at most, also under a sanitizer; what grows with the square of n would take a minute. */
static void quantiles_take_no_forever_whatever_the_order(void **state)
{
    (void)state;
    enum { N = 400000 };
    void (*const fills[])(double *, size_t) = {rise_and_fall, spread_widely, rise, fall, stay};
    double *values = malloc(N * sizeof *values), *sorted = malloc(N * sizeof *sorted);
    assert_true(values && sorted);
    for (size_t i = 0; i < sizeof fills / sizeof *fills; i++) {
        fills[i](values, N);
        memcpy(sorted, values, N * sizeof *values);
        qsort(sorted, N, sizeof *sorted, by_value);
        const clock_t begin = clock();
        const double quantile = alertron__quantile(values, N, 0.5);
        assert_true((double)(clock() - begin) < 5.0 * (double)CLOCKS_PER_SEC);
        assert_true(quantile >= sorted[N / 2 - 1] && quantile <= sorted[N / 2]);
    }
    free(sorted);
    free(values);
}

/* --- calibration ------------------------------------------------------------------------------------------ */

static void calibration_takes_the_quantiles_of_anomalous_scores(void **state)
{
    (void)state;
    alertron_cuts cuts = example;
    /* Eleven above the threshold; 0.5 itself, what is below it, and NaN do not count. */
    double scores[] = {0.95, 0.1, 0.55, 0.5, 0.6, NAN, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.2, 0.99, 0.51};
    alertron_error error;
    assert_int_equal(alertron_cuts_calibrate(&cuts, scores, 15, ALERTRON_CUTS_STREAM, &error), ALERTRON_OK);
    assert_true(cuts.medium == 0.9);
    assert_true(fabs(cuts.high - 0.97) < 1e-15);
    assert_true(cuts.threshold == 0.5);
    assert_int_equal(cuts.n_scores, 11);
    assert_int_equal(cuts.origin, ALERTRON_CUTS_STREAM);
}

static void calibration_reorders_the_scores_and_loses_none(void **state)
{
    (void)state;
    struct random_state random = alertron__random_new(5, 0);
    double scores[300], before[300];
    for (int i = 0; i < 300; i++)
        scores[i] = before[i] = alertron__random_unit(&random);
    alertron_cuts cuts = example;
    assert_int_equal(alertron_cuts_calibrate(&cuts, scores, 300, ALERTRON_CUTS_FILE, NULL), ALERTRON_OK);
    qsort(scores, 300, sizeof *scores, by_value);
    qsort(before, 300, sizeof *before, by_value);
    assert_memory_equal(scores, before, sizeof scores);
}

static void assert_refused(alertron_cuts cuts, double *scores, size_t n, alertron_status status)
{
    const alertron_cuts before = cuts;
    alertron_error error = {.status = ALERTRON_OK};
    assert_int_equal(alertron_cuts_calibrate(&cuts, scores, n, ALERTRON_CUTS_STREAM, &error), status);
    assert_int_equal(error.status, status);
    assert_true(strlen(error.text) > 20);
    assert_same_cuts(&cuts, &before);
    assert_int_equal(alertron_cuts_calibrate(&cuts, scores, n, ALERTRON_CUTS_STREAM, NULL), status);
}

static void too_few_anomalous_scores_change_nothing(void **state)
{
    (void)state;
    double scores[] = {0.51, 0.52, 0.53, 0.54, 0.55, 0.56, 0.57, 0.58, 0.59, 0.4, 0.3, 0.5, NAN};
    assert_refused(example, scores, 13, ALERTRON_ERROR_LIMIT);
    assert_refused(example, NULL, 0, ALERTRON_ERROR_LIMIT);
    double one_more[] = {0.51, 0.52, 0.53, 0.54, 0.55, 0.56, 0.57, 0.58, 0.59, 0.60};
    alertron_cuts cuts = example;
    assert_int_equal(alertron_cuts_calibrate(&cuts, one_more, 10, ALERTRON_CUTS_FILE, NULL), ALERTRON_OK);
}

static void too_many_equal_scores_change_nothing(void **state)
{
    (void)state;
    double one_score[20], two_scores[20];
    for (int i = 0; i < 20; i++) {
        one_score[i] = 0.8;
        two_scores[i] = i < 10 ? 0.6 : 0.8;
    }
    assert_refused(example, one_score, 20, ALERTRON_ERROR_LIMIT);
    assert_refused(example, two_scores, 20, ALERTRON_ERROR_LIMIT);
    for (int i = 0; i < 20; i++)
        two_scores[i] = i < 19 ? 0.6 : 0.8;
    assert_refused(example, two_scores, 20, ALERTRON_ERROR_LIMIT);
}

static void a_highest_score_that_many_share_is_high_and_medium_is_below(void **state)
{
    (void)state;
    double scores[20];
    for (int i = 0; i < 20; i++)
        scores[i] = i % 2 ? 0.9 : 0.51 + i / 200.0;
    alertron_cuts cuts = example;
    assert_int_equal(alertron_cuts_calibrate(&cuts, scores, 20, ALERTRON_CUTS_FILE, NULL), ALERTRON_OK);
    assert_true(cuts.high == 0.9 && fabs(cuts.medium - 0.582) < 1e-12);
    assert_int_equal(cuts.n_scores, 20);
    qsort(scores, 20, sizeof *scores, by_value);
    assert_true(scores[0] == 0.51 && scores[9] < 0.61 && scores[10] == 0.9);
}

static void a_lowest_score_that_many_share_is_low_and_medium_is_above(void **state)
{
    (void)state;
    double scores[20];
    for (int i = 0; i < 20; i++)
        scores[i] = i < 17 ? 0.6 : 0.6 + i / 100.0;
    alertron_cuts cuts = example;
    assert_int_equal(alertron_cuts_calibrate(&cuts, scores, 20, ALERTRON_CUTS_FILE, NULL), ALERTRON_OK);
    assert_true(cuts.medium == 0.6 + 17 / 100.0 && cuts.high > cuts.medium && cuts.high < 0.79);
    assert_int_equal(alertron_cuts_severity(&cuts, 0.6), ALERTRON_SEVERITY_LOW);
}

static void quantiles_out_of_order_are_refused(void **state)
{
    (void)state;
    static const double pairs[][2] = {{0.0, 0.9}, {0.9, 0.9}, {0.9, 0.8}, {0.8, 1.0},
                                      {NAN, 0.9}, {0.8, NAN}, {-0.1, 2}};
    double scores[20];
    for (int i = 0; i < 20; i++)
        scores[i] = 0.6 + i / 100.0;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        alertron_cuts cuts = example;
        cuts.medium_quantile = pairs[i][0];
        cuts.high_quantile = pairs[i][1];
        alertron_error error;
        assert_int_equal(alertron_cuts_calibrate(&cuts, scores, 20, ALERTRON_CUTS_FILE, &error),
                         ALERTRON_ERROR_ARGUMENT);
        assert_true(cuts.medium == 0.6 && cuts.high == 0.7 && cuts.n_scores == 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_score_at_the_threshold_is_no_anomaly),
        cmocka_unit_test(a_score_at_a_cut_is_in_the_band_above),
        cmocka_unit_test(scores_that_are_no_score_have_no_severity),
        cmocka_unit_test(a_cut_below_the_threshold_makes_no_anomaly),
        cmocka_unit_test(names_are_the_contract),
        cmocka_unit_test(quantiles_are_numpys_to_the_bit),
        cmocka_unit_test(quantiles_round_from_the_nearer_neighbour_as_numpy_does),
        cmocka_unit_test(a_quantile_of_one_value_is_that_value),
        cmocka_unit_test(quantiles_agree_with_sorting),
        cmocka_unit_test(quantiles_agree_with_sorting_where_doubles_are_close_or_far),
        cmocka_unit_test(quantiles_take_no_forever_whatever_the_order),
        cmocka_unit_test(calibration_takes_the_quantiles_of_anomalous_scores),
        cmocka_unit_test(calibration_reorders_the_scores_and_loses_none),
        cmocka_unit_test(too_few_anomalous_scores_change_nothing),
        cmocka_unit_test(too_many_equal_scores_change_nothing),
        cmocka_unit_test(a_highest_score_that_many_share_is_high_and_medium_is_below),
        cmocka_unit_test(a_lowest_score_that_many_share_is_low_and_medium_is_above),
        cmocka_unit_test(quantiles_out_of_order_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
