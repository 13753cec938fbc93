/* test_agreement.c: two models' scores of the same rows are compared as their definitions say. */
#include "agreement.h"

#include <math.h>

#include "support.h"

static const alertron_cuts cuts = {.threshold = 0.6, .medium = 0.7, .high = 0.8};

static struct agreement agree(const double *a, const double *b, size_t n)
{
    struct agreement agreement;
    assert_true(agreement_of(&agreement, a, b, n, &cuts, &cuts));
    return agreement;
}

static void rows_are_counted_by_both_severities(void **state)
{
    (void)state;
    const double a[] = {0.5, 0.5, 0.65, 0.75, 0.9, 0.9, 0.6}, b[] = {0.5, 0.9, 0.75, 0.5, 0.9, 0.65, 0.6};
    const struct agreement found = agree(a, b, 7);
    const size_t expected[4][4] = {{2, 0, 0, 1}, {0, 0, 1, 0}, {1, 0, 0, 0}, {0, 1, 0, 1}};
    assert_memory_equal(found.severities, expected, sizeof expected);
    assert_int_equal(found.rows, 7);
    assert_int_equal(found.same_side, 5);
    assert_int_equal(found.to_anomaly, 1);
    assert_int_equal(found.to_normal, 1);
}

static void each_model_has_its_own_threshold(void **state)
{
    (void)state;
    const double scores[] = {0.5, 0.65, 0.75};
    const alertron_cuts stricter = {.threshold = 0.7, .medium = 0.8, .high = 0.9};
    struct agreement found;
    assert_true(agreement_of(&found, scores, scores, 3, &cuts, &stricter));
    assert_int_equal(found.to_normal, 1);
    assert_int_equal(found.to_anomaly, 0);
    assert_int_equal(found.severities[ALERTRON_SEVERITY_MEDIUM][ALERTRON_SEVERITY_LOW], 1);
}

static void ranks_are_correlated_not_scores(void **state)
{
    (void)state;
    const double a[] = {0.1, 0.2, 0.3, 0.4, 0.5}, rising[] = {0.1, 0.11, 0.3, 0.8, 0.81}, falling[] = {5, 4, 3, 2, 1};
    assert_true(fabs(agree(a, rising, 5).spearman - 1) < 1e-15);
    assert_true(fabs(agree(a, falling, 5).spearman + 1) < 1e-15);
}

/* 1 - 6 * (sum of squared differences of ranks) / (n * (n * n - 1)) holds without ties: here 1 - 6 * 10 / 60. With them
 * it does not: ranks of a are 1, 2.5, 2.5, 4, and Pearson's of those and 1, 3, 2, 4 is 4.5 / sqrt(4.5 * 5). */
static void ties_share_the_mean_of_their_ranks(void **state)
{
    (void)state;
    const double plain[] = {0.1, 0.2, 0.3, 0.4}, other[] = {0.2, 0.4, 0.1, 0.3};
    assert_true(fabs(agree(plain, other, 4).spearman) < 1e-15);
    const double tied[] = {0.1, 0.2, 0.2, 0.4}, order[] = {0.1, 0.3, 0.2, 0.4};
    assert_true(fabs(agree(tied, order, 4).spearman - 4.5 / sqrt(4.5 * 5)) < 1e-15);
}

static void no_correlation_with_scores_that_are_all_equal(void **state)
{
    (void)state;
    const double same[] = {0.5, 0.5, 0.5}, a[] = {0.1, 0.2, 0.3};
    assert_true(isnan(agree(same, a, 3).spearman));
    assert_true(isnan(agree(a, a, 1).spearman));
}

static void shifts_are_those_of_b_from_a(void **state)
{
    (void)state;
    const double a[] = {0.5, 0.5, 0.5, 0.5}, b[] = {0.5, 0.625, 0.25, 0.625};
    const struct agreement found = agree(a, b, 4);
    assert_true(found.mean_shift == 0);
    assert_true(found.mean_size == 0.125);
    assert_true(found.largest_shift == -0.25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_counted_by_both_severities),
        cmocka_unit_test(each_model_has_its_own_threshold),
        cmocka_unit_test(ranks_are_correlated_not_scores),
        cmocka_unit_test(ties_share_the_mean_of_their_ranks),
        cmocka_unit_test(no_correlation_with_scores_that_are_all_equal),
        cmocka_unit_test(shifts_are_those_of_b_from_a),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
