/* test_explain.c: shares of features in a row's isolation, against the formula of alertron.h. */
#include "support.h"

#include "private.h"

#include <math.h>
#include <stdlib.h>

static struct tree_node leaf(double term)
{
    return (struct tree_node){.left = -1, .right = -1, .term = term};
}

static struct tree_node split(int64_t left, int64_t feature, double threshold)
{
    return (struct tree_node){.left = left, .right = left + 1, .feature = feature, .threshold = threshold};
}

static void assert_near(double actual, double expected, double tolerance)
{
    if (!(fabs(actual - expected) <= tolerance))
        fail_msg("%.9g is not %.9g", actual, expected);
}

/* Two trees grown on four rows. In the first, x[0] <= 0 leaves a row alone, else x[1] parts the three others into one
 * and two. In the second, x[1] <= 0 leaves a row alone. */
static struct forest *two_trees(void)
{
    const alertron_allocator memory = alertron__allocator(NULL);
    const double c_2 = alertron__average_path_length(2), c_3 = alertron__average_path_length(3);
    const struct tree_node first[] = {split(1, 0, 0), leaf(1), split(3, 1, 5), leaf(2), leaf(2 + c_2)};
    const struct tree_node second[] = {split(1, 1, 0), leaf(1), leaf(1 + c_3)};
    struct forest *forest = alertron__forest_new(3, 2, 8, &memory, NULL);
    assert_non_null(forest);
    assert_int_equal(alertron__forest_add_tree(forest, first, 5, NULL), ALERTRON_OK);
    assert_int_equal(alertron__forest_add_tree(forest, second, 3, NULL), ALERTRON_OK);
    assert_int_equal(alertron__forest_finish(forest, NULL), ALERTRON_OK);
    return forest;
}

static void shares_are_those_of_the_formula(void **state)
{
    (void)state;
    struct forest *forest = two_trees();
    double shares[3];

    /* One split each, 4 rows to 1: a bit beyond the first for either feature. */
    alertron__explain(forest, (const double[]){-1, -1, 0}, shares);
    assert_near(shares[0], 0.5, 1e-12);
    assert_near(shares[1], 0.5, 1e-12);
    assert_true(shares[2] == 0.0);

    /* The second tree sends the row to the three: x[1] told less than a bit. */
    alertron__explain(forest, (const double[]){-1, 1, 0}, shares);
    assert_true(shares[0] == 1.0 && shares[1] == 0.0);

    /* 4 rows to 3 by x[0], to 1 by x[1], half of each; and 4 to 1 by x[1]: only x[1] is above 0. */
    alertron__explain(forest, (const double[]){1, -1, 0}, shares);
    assert_true(shares[0] == 0.0 && shares[1] == 1.0);
    alertron__forest_free(forest);
}

static void where_no_feature_stands_out_all_have_the_same_share(void **state)
{
    (void)state;
    struct forest *forest = two_trees();
    double shares[3];
    alertron__explain(forest, (const double[]){1, 9, 0}, shares);
    for (int i = 0; i < 3; i++)
        assert_near(shares[i], 1.0 / 3.0, 1e-15);
    alertron__forest_free(forest);

    const alertron_allocator memory = alertron__allocator(NULL);
    const struct tree_node alone[] = {leaf(0)};
    forest = alertron__forest_new(2, 1, 1, &memory, NULL);
    assert_int_equal(alertron__forest_add_tree(forest, alone, 1, NULL), ALERTRON_OK);
    assert_int_equal(alertron__forest_finish(forest, NULL), ALERTRON_OK);
    alertron__explain(forest, (const double[]){1, 9}, shares);
    assert_true(shares[0] == 0.5 && shares[1] == 0.5);
    alertron__forest_free(forest);
}

/* --- fitted forests, whose training rows can be counted in every node -------------------------------------- */

enum { ROWS = 300, FEATURES = 5 };

static void make_rows(double *rows)
{
    struct random_state random = alertron__random_new(7, 0);
    for (int i = 0; i < ROWS * FEATURES; i++)
        rows[i] = alertron__random_unit(&random) + alertron__random_unit(&random) + alertron__random_unit(&random);
}

static uint32_t next_node(const struct forest *forest, uint32_t tree, uint32_t at, const double *row)
{
    const struct tree_node node = alertron__forest_node(forest, tree, at);
    return (uint32_t)(row[node.feature] <= node.threshold ? node.left : node.right);
}

/* How many training rows there are in each node of a tree. */
static void count_rows(const struct forest *forest, uint32_t tree, const double *rows, uint32_t *counts)
{
    for (uint32_t i = 0; i < alertron__forest_tree_nodes(forest, tree); i++)
        counts[i] = 0;
    for (int row = 0; row < ROWS; row++) {
        uint32_t at = 0;
        for (counts[0]++; alertron__forest_node(forest, tree, at).left >= 0; counts[at]++)
            at = next_node(forest, tree, at, rows + (ptrdiff_t)row * FEATURES);
    }
}

static void naive_shares(const struct forest *forest, const double *rows, const double *row, double *shares)
{
    double sum = 0;
    uint32_t counts[2 * ROWS];
    for (int i = 0; i < FEATURES; i++)
        shares[i] = 0;
    for (uint32_t tree = 0; tree < forest->n_trees; tree++) {
        double excess[FEATURES] = {0}, splits = 0;
        count_rows(forest, tree, rows, counts);
        for (uint32_t at = 0; alertron__forest_node(forest, tree, at).left >= 0; splits++) {
            const uint32_t next = next_node(forest, tree, at, row);
            excess[alertron__forest_node(forest, tree, at).feature] += log2((double)counts[at] / counts[next]) - 1;
            at = next;
        }
        for (int i = 0; i < FEATURES && splits > 0; i++)
            shares[i] += excess[i] / splits;
    }
    for (int i = 0; i < FEATURES; i++)
        sum += shares[i] = fmax(shares[i], 0);
    for (int i = 0; i < FEATURES; i++)
        shares[i] = sum > 0 ? shares[i] / sum : 1.0 / FEATURES;
}

static void shares_agree_with_counted_training_rows(void **state)
{
    (void)state;
    double rows[ROWS * FEATURES];
    make_rows(rows);
    const alertron_rows view = alertron_rows_of(rows, ROWS, FEATURES);
    const alertron_fit_options options = {.trees = 30, .samples = ROWS, .provisional_cuts = true};
    alertron_model *model = alertron_model_fit(&view, &options, NULL, NULL);
    assert_non_null(model);
    for (int i = 0; i < 40; i++) {
        double *row = rows + (ptrdiff_t)i * FEATURES, kept = row[i % FEATURES], expected[FEATURES], shares[FEATURES];
        row[i % FEATURES] = i % 2 ? 9 : -9; /* an anomaly, or nothing is above 0 and rounding decides */
        double anomaly[FEATURES];
        memcpy(anomaly, row, sizeof anomaly);
        row[i % FEATURES] = kept;
        naive_shares(model->forest, rows, anomaly, expected);
        alertron_model_explain(model, anomaly, shares);
        double sum = 0;
        for (int k = 0; k < FEATURES; k++) {
            assert_near(shares[k], expected[k], 0.02);
            assert_true(shares[k] >= 0 && shares[i % FEATURES] >= shares[k]);
            sum += shares[k];
        }
        assert_near(sum, 1, 1e-12);
    }
    alertron_model_free(model);
}

/* The slow walk attributes as the fast one does; sums in another order may differ in the last bits. */
static void forests_without_a_kernel_explain_the_same(void **state)
{
    (void)state;
    double rows[ROWS * FEATURES];
    make_rows(rows);
    const alertron_rows view = alertron_rows_of(rows, ROWS, FEATURES);
    const alertron_fit_options options = {.trees = 21, .provisional_cuts = true};
    alertron_model *model = alertron_model_fit(&view, &options, NULL, NULL);
    assert_non_null(model);
    double fast[40][FEATURES], slow[FEATURES];
    for (int i = 0; i < 40; i++)
        alertron_model_explain(model, rows + (ptrdiff_t)i * FEATURES, fast[i]);
    model->forest->kernel = NULL;
    for (int i = 0; i < 40; i++) {
        alertron_model_explain(model, rows + (ptrdiff_t)i * FEATURES, slow);
        for (int k = 0; k < FEATURES; k++)
            assert_near(slow[k], fast[i][k], 1e-9);
    }
    alertron_model_free(model);
}

static void a_missing_value_is_explained_where_it_is_scored(void **state)
{
    (void)state;
    const alertron_allocator memory = alertron__allocator(NULL);
    const double c_3 = alertron__average_path_length(3);
    struct tree_node nodes[] = {split(1, 1, 0), leaf(1), leaf(1 + c_3)};
    nodes[0].missing_left = true;
    for (int missing = 0; missing < 2; missing++) {
        struct forest *forest = alertron__forest_new(2, 1, 3, &memory, NULL);
        assert_int_equal(alertron__forest_add_tree(forest, nodes, 3, NULL), ALERTRON_OK);
        forest->missing_values = missing;
        assert_int_equal(alertron__forest_finish(forest, NULL), ALERTRON_OK);
        double shares[2];
        alertron__explain(forest, (const double[]){0, NAN}, shares);
        assert_true(missing ? shares[0] == 0 && shares[1] == 1 : isnan(shares[0]) && isnan(shares[1]));
        alertron__forest_free(forest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_those_of_the_formula),
        cmocka_unit_test(where_no_feature_stands_out_all_have_the_same_share),
        cmocka_unit_test(shares_agree_with_counted_training_rows),
        cmocka_unit_test(forests_without_a_kernel_explain_the_same),
        cmocka_unit_test(a_missing_value_is_explained_where_it_is_scored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
