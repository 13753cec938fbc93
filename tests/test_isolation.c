/* test_isolation.c: the formulas of the score against the C library's mathematics. */
#include "support.h"

#include "private.h"

#include <math.h>

/* --- c(n) ------------------------------------------------------------------------------------------ */

static double formula(double n)
{
    return 2.0 * (log(n - 1.0) + 0.57721566490153286) - 2.0 * (n - 1.0) / n;
}

static void average_path_length_of_few_rows_is_exact(void **state)
{
    (void)state;
    assert_true(alertron__average_path_length(0) == 0.0);
    assert_true(alertron__average_path_length(1) == 0.0);
    assert_true(alertron__average_path_length(2) == 1.0);
}

/* Values of _average_path_length of scikit-learn 1.7.1 with NumPy 2.4.6. */
static void average_path_length_is_scikit_learns(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        double expected;
    } known[] = {
        {3, 0x1.3517aa6149ab3p+0},    {4, 0x1.da061f1c9bc30p+0},        {5, 0x1.29dbcb065482fp+1},
        {10, 0x1.dfdb50d2b7abcp+1},   {100, 0x1.0bab62947eaf8p+3},      {256, 0x1.47d529d31da8fp+3},
        {1000, 0x1.9f09c178a4c05p+3}, {16777216, 0x1.03676a71f2924p+5},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_true(alertron__average_path_length(known[i].n) == known[i].expected);
}

static void average_path_length_is_within_one_ulp_of_the_formula(void **state)
{
    (void)state;
    for (uint64_t n = 3; n <= 200000; n++)
        assert_in_range(ulps_between(alertron__average_path_length(n), formula((double)n)), 0, 1);
    struct random_state random = alertron__random_new(1, 0);
    for (int i = 0; i < 200000; i++) {
        uint64_t n = 3 + (alertron__random_next(&random) >> (12 + i % 50));
        assert_in_range(ulps_between(alertron__average_path_length(n), formula((double)n)), 0, 1);
    }
}

static void average_path_length_rises_with_the_rows(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 100000; n++)
        assert_true(alertron__average_path_length(n) < alertron__average_path_length(n + 1));
}

/* --- 2 ** -q ----------------------------------------------------------------------------------------- */

static void score_is_one_at_zero_and_a_half_at_the_mean(void **state)
{
    (void)state;
    assert_true(alertron__score(0.0, 1024.0) == 1.0);
    assert_true(alertron__score(1024.0, 1024.0) == 0.5);
    assert_true(alertron__score(1.3, 1.3) == 0.5);
}

static void score_is_exact_for_whole_exponents(void **state)
{
    (void)state;
    for (int q = 0; q <= 1074; q++)
        assert_true(alertron__score(q, 1.0) == ldexp(1.0, -q));
}

static void score_is_within_one_ulp_of_pow(void **state)
{
    (void)state;
    struct random_state random = alertron__random_new(2, 0);
    static const double spans[] = {0.01, 0.1, 1.0, 2.0, 40.0, 1000.0};
    for (int i = 0; i < 600000; i++) {
        double q = alertron__random_unit(&random) * spans[i % 6];
        assert_in_range(ulps_between(alertron__score(q, 1.0), pow(2.0, -q)), 0, 1);
    }
}

/* Where the interpolation changes from one table entry to the next. */
static void score_is_within_one_ulp_of_pow_around_the_tables_edges(void **state)
{
    (void)state;
    for (int i = 0; i <= 4096; i++) {
        double edge = (double)i / 64.0, q = edge;
        for (int step = 0; step < 4; step++) {
            assert_in_range(ulps_between(alertron__score(q, 1.0), pow(2.0, -q)), 0, 1);
            q = nextafter(q, INFINITY);
        }
        q = edge;
        for (int step = 0; step < 4 && q > 0.0; step++) {
            assert_in_range(ulps_between(alertron__score(q, 1.0), pow(2.0, -q)), 0, 1);
            q = nextafter(q, 0.0);
        }
    }
}

static void score_fades_through_denormal_numbers_to_zero(void **state)
{
    (void)state;
    struct random_state random = alertron__random_new(3, 0);
    for (int i = 0; i < 200000; i++) {
        double q = 1000.0 + 80.0 * alertron__random_unit(&random);
        assert_in_range(ulps_between(alertron__score(q, 1.0), pow(2.0, -q)), 0, 1);
    }
    assert_true(alertron__score(1074.0, 1.0) == 0x1p-1074);
    assert_true(alertron__score(1075.0, 1.0) == 0.0);
    assert_true(alertron__score(1079.99, 1.0) == 0.0);
}

static void score_of_a_tiny_path_is_close_to_one(void **state)
{
    (void)state;
    static const double tiny[] = {0x1p-1074, 0x1p-1022, 1e-300, 1e-17, 0x1p-53, 0x1p-52, 1e-10};
    for (size_t i = 0; i < sizeof tiny / sizeof *tiny; i++)
        assert_in_range(ulps_between(alertron__score(tiny[i], 1.0), pow(2.0, -tiny[i])), 0, 1);
}

static void score_of_a_huge_path_is_zero(void **state)
{
    (void)state;
    assert_true(alertron__score(1080.0, 1.0) == 0.0);
    assert_true(alertron__score(1e300, 1.0) == 0.0);
    assert_true(alertron__score(INFINITY, 1.0) == 0.0);
    assert_true(alertron__score(1.0, 0x1p-1074) == 0.0);
}

static void score_of_nan_is_nan(void **state)
{
    (void)state;
    assert_true(isnan(alertron__score(NAN, 1.0)));
    assert_true(isnan(alertron__score(NAN, 0.0)));
}

/* scikit-learn 1.7.1 scores a forest of one-row trees with 0.5. */
static void score_with_a_zero_normalizer_is_a_half(void **state)
{
    (void)state;
    assert_true(alertron__score(0.0, 0.0) == 0.5);
    assert_true(alertron__score(100.0, 0.0) == 0.5);
}

static void score_falls_as_the_path_grows(void **state)
{
    (void)state;
    for (int i = 0; i < 100000; i++)
        assert_true(alertron__score(i, 20000.0) > alertron__score(i + 1, 20000.0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(average_path_length_of_few_rows_is_exact),
        cmocka_unit_test(average_path_length_is_scikit_learns),
        cmocka_unit_test(average_path_length_is_within_one_ulp_of_the_formula),
        cmocka_unit_test(average_path_length_rises_with_the_rows),
        cmocka_unit_test(score_is_one_at_zero_and_a_half_at_the_mean),
        cmocka_unit_test(score_is_exact_for_whole_exponents),
        cmocka_unit_test(score_is_within_one_ulp_of_pow),
        cmocka_unit_test(score_is_within_one_ulp_of_pow_around_the_tables_edges),
        cmocka_unit_test(score_fades_through_denormal_numbers_to_zero),
        cmocka_unit_test(score_of_a_tiny_path_is_close_to_one),
        cmocka_unit_test(score_of_a_huge_path_is_zero),
        cmocka_unit_test(score_of_nan_is_nan),
        cmocka_unit_test(score_with_a_zero_normalizer_is_a_half),
        cmocka_unit_test(score_falls_as_the_path_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
