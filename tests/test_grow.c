/* test_grow.c: samples, features and thresholds are drawn evenly, trees are whole, memory follows their nodes. */
#include "support.h"

#include "private.h"

#include <math.h>
#include <stdlib.h>

/* --- data and forests ----------------------------------------------------------------------------------------- */

static struct forest *grow_with(const struct growth *wanted, const alertron_allocator *allocator)
{
    const alertron_allocator memory = alertron__allocator(allocator);
    struct growth growth = *wanted;
    growth.allocator = &memory;
    growth.tree_features = growth.tree_features ? growth.tree_features : (uint32_t)growth.rows->width;
    growth.depth = growth.depth ? growth.depth : ALERTRON_DEPTH_MAX;
    alertron_error error = {.text = ""};
    struct forest *forest = alertron__grow(&growth, &error);
    if (!forest)
        fail_msg("%s", error.text);
    assert_int_equal(forest->n_trees, growth.trees);
    return forest;
}

static struct forest *grow(const struct growth *wanted)
{
    return grow_with(wanted, NULL);
}

static alertron_rows random_rows(double *numbers, size_t n, size_t width, uint64_t seed)
{
    struct random_state random = alertron__random_new(seed, 0);
    for (size_t i = 0; i < n * width; i++)
        numbers[i] = alertron__random_unit(&random);
    return alertron_rows_of(numbers, n, width);
}

enum { UNITS_MAX = 1000 };

/* Row i is 1 in feature i and 0 elsewhere, so a tree shows which rows it was grown on: by the features it splits. */
static alertron_rows unit_rows(size_t n)
{
    static double numbers[2 * UNITS_MAX - 1];
    numbers[UNITS_MAX - 1] = 1.0;
    return (alertron_rows){&numbers[UNITS_MAX - 1], ALERTRON_FLOAT64, n, n, 8, -8};
}

/* Within 5 standard deviations of what `draws` draws of chance `p` each give. */
static void assert_chance(double count, double draws, double p)
{
    if (fabs(count - draws * p) > 5.0 * sqrt(draws * p * (1.0 - p)))
        fail_msg("%.0f of %.0f draws, where %.1f were to be expected", count, draws, draws * p);
}

/* --- the sample ----------------------------------------------------------------------------------------------- */

/* As many splits as part all rows of the sample: fewer where one was in it twice. */
static void no_row_is_drawn_twice(void **state)
{
    (void)state;
    static const struct {
        uint32_t rows, samples;
    } shapes[] = {{2, 2}, {3, 2}, {3, 3}, {10, 9}, {63, 32}, {64, 63}, {65, 64}, {129, 64}, {1000, 64}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const alertron_rows rows = unit_rows(shapes[i].rows);
        const struct growth growth = {.rows = &rows, .trees = 300, .samples = shapes[i].samples, .seed = i};
        struct forest *forest = grow(&growth);
        for (uint32_t tree = 0; tree < growth.trees; tree++)
            assert_int_equal(alertron__forest_tree_nodes(forest, tree), 2 * shapes[i].samples - 1);
        alertron__forest_free(forest);
    }
}

/* Of each sample all rows but one are split off. */
static void each_row_is_drawn_as_often_as_any_other(void **state)
{
    (void)state;
    enum { ROWS = 1000, SAMPLES = 50, TREES = 4000 };
    const alertron_rows rows = unit_rows(ROWS);
    const struct growth growth = {.rows = &rows, .trees = TREES, .samples = SAMPLES, .seed = 3};
    struct forest *forest = grow(&growth);
    uint32_t counts[ROWS] = {0};
    for (uint32_t tree = 0; tree < TREES; tree++)
        for (uint32_t i = 0; i < alertron__forest_tree_nodes(forest, tree); i++) {
            const struct tree_node node = alertron__forest_node(forest, tree, i);
            counts[node.feature] += node.left >= 0;
        }
    for (uint32_t row = 0; row < ROWS; row++)
        assert_chance(counts[row], TREES, (SAMPLES - 1.0) / ROWS);
    alertron__forest_free(forest);
}

/* Which row a tree splits off first, and which then: of 5 rows, 4, so that the sample is drawn to its end. */
static void each_pair_of_rows_is_drawn_as_often_as_any_other(void **state)
{
    (void)state;
    enum { ROWS = 5, TREES = 40000 };
    const alertron_rows rows = unit_rows(ROWS);
    for (uint32_t samples = 3; samples <= ROWS; samples++) {
        const struct growth growth = {.rows = &rows, .trees = TREES, .samples = samples, .seed = 4};
        struct forest *forest = grow(&growth);
        uint32_t counts[ROWS][ROWS] = {{0}};
        for (uint32_t tree = 0; tree < TREES; tree++) {
            const struct tree_node root = alertron__forest_node(forest, tree, 0);
            const struct tree_node next = alertron__forest_node(forest, tree, (uint32_t)root.left);
            assert_true(root.left == 1 && next.left == 3);
            counts[root.feature][next.feature]++;
        }
        for (int first = 0; first < ROWS; first++)
            for (int second = 0; second < ROWS; second++)
                assert_chance(counts[first][second], TREES, first == second ? 0.0 : 1.0 / (ROWS * (ROWS - 1)));
        alertron__forest_free(forest);
    }
}

/* With replacement a row that is drawn again is one row: trees part as many as are different, a leaf holds one. */
static void a_bootstrap_draws_each_row_evenly_and_counts_it_once(void **state)
{
    (void)state;
    enum { ROWS = 50, SAMPLES = 50, TREES = 4000 };
    const alertron_rows rows = unit_rows(ROWS);
    const struct growth growth = {.rows = &rows, .trees = TREES, .samples = SAMPLES, .seed = 3, .bootstrap = true};
    struct forest *forest = grow(&growth);
    uint32_t counts[ROWS] = {0};
    for (uint32_t tree = 0; tree < TREES; tree++) {
        uint32_t depths[2 * ROWS] = {1};
        for (uint32_t i = 0; i < alertron__forest_tree_nodes(forest, tree); i++) {
            const struct tree_node node = alertron__forest_node(forest, tree, i);
            if (node.left < 0) {
                assert_true(node.term == depths[i] - 1.0);
                continue;
            }
            depths[node.left] = depths[node.right] = depths[i] + 1;
            counts[node.feature]++;
        }
    }
    const double different = ROWS * (1.0 - pow(1.0 - 1.0 / ROWS, SAMPLES));
    for (uint32_t row = 0; row < ROWS; row++)
        assert_chance(counts[row], TREES, (different - 1.0) / ROWS);
    alertron__forest_free(forest);
}

/* --- features and thresholds ---------------------------------------------------------------------------------- */

static void each_feature_is_split_as_often_as_any_other(void **state)
{
    (void)state;
    enum { FEATURES = 7, TREES = 20000 };
    static const uint32_t shares[] = {1, 3, 6, 7};
    double numbers[64 * FEATURES];
    const alertron_rows rows = random_rows(numbers, 64, FEATURES, 5);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        const struct growth growth = {
            .rows = &rows, .trees = TREES, .samples = 8, .tree_features = shares[i], .depth = 2, .seed = i};
        struct forest *forest = grow(&growth);
        uint32_t counts[FEATURES] = {0};
        for (uint32_t tree = 0; tree < TREES; tree++)
            counts[alertron__forest_node(forest, tree, 0).feature]++;
        for (int feature = 0; feature < FEATURES; feature++)
            assert_chance(counts[feature], TREES, 1.0 / FEATURES);
        alertron__forest_free(forest);
    }
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The greatest distance from an even distribution (Kolmogorov), with a chance of 1 in 1000 to be beyond. */
static void thresholds_are_even_between_the_least_and_the_greatest_value(void **state)
{
    (void)state;
    enum { TREES = 20000 };
    static double thresholds[TREES];
    const double numbers[] = {-3.0, 5.0, 1.0};
    const alertron_rows rows = alertron_rows_of(numbers, 3, 1);
    const struct growth growth = {.rows = &rows, .trees = TREES, .samples = 3, .depth = 2, .seed = 6};
    struct forest *forest = grow(&growth);
    for (uint32_t tree = 0; tree < TREES; tree++)
        thresholds[tree] = alertron__forest_node(forest, tree, 0).threshold;
    qsort(thresholds, TREES, sizeof *thresholds, by_value);
    assert_true(thresholds[0] >= -3.0 && thresholds[TREES - 1] < 5.0);
    double distance = 0.0;
    for (int i = 0; i < TREES; i++)
        distance = fmax(distance, fabs((thresholds[i] + 3.0) / 8.0 - (i + 0.5) / TREES));
    assert_true(distance < 1.95 / sqrt(TREES));
    alertron__forest_free(forest);
}

/* Feature 0 parts two groups, feature 1 differs in one of them only, feature 2 in the other. */
static void what_is_constant_in_one_branch_is_split_in_the_other(void **state)
{
    (void)state;
    enum { TREES = 200 };
    const double numbers[] = {0, 1, 5, 0, 2, 5, 0, 3, 5, 0, 4, 5, 1, 9, 1, 1, 9, 2, 1, 9, 3, 1, 9, 4};
    const alertron_rows rows = alertron_rows_of(numbers, 8, 3);
    const struct growth growth = {.rows = &rows, .trees = TREES, .samples = 8, .seed = 7};
    struct forest *forest = grow(&growth);
    for (uint32_t tree = 0; tree < TREES; tree++)
        assert_int_equal(alertron__forest_tree_nodes(forest, tree), 2 * 8 - 1);
    alertron__forest_free(forest);
}

static void zeros_of_either_sign_give_the_same_trees(void **state)
{
    (void)state;
    const double numbers[] = {-0.0, 0.0, 0x1p-1074, -0.0, 0.0, -0x1p-1074},
                 plain[] = {0, 0, 0x1p-1074, 0, 0, -0x1p-1074};
    const alertron_rows rows = alertron_rows_of(numbers, 6, 1), plain_rows = alertron_rows_of(plain, 6, 1);
    struct growth growth = {.rows = &rows, .trees = 200, .samples = 4, .seed = 8};
    struct forest *forest = grow(&growth);
    growth.rows = &plain_rows;
    struct forest *other = grow(&growth);
    assert_int_equal(forest->n_nodes, other->n_nodes);
    for (uint32_t tree = 0; tree < growth.trees; tree++)
        for (uint32_t i = 0; i < alertron__forest_tree_nodes(forest, tree); i++)
            assert_true(alertron__bits_of_double(alertron__forest_node(forest, tree, i).threshold) ==
                        alertron__bits_of_double(alertron__forest_node(other, tree, i).threshold));
    alertron__forest_free(other);
    alertron__forest_free(forest);
}

/* --- trees ---------------------------------------------------------------------------------------------------- */

struct place {
    uint32_t depth; /* nodes on the path */
    uint32_t n;     /* rows */
};

/* The tree's own rows are all of them here, so how many there are at a node can be counted. */
static void count_rows(const struct forest *forest, uint32_t tree, const alertron_rows *rows, struct place *places)
{
    places[0] = (struct place){1, 0};
    for (uint32_t at = 0; at < alertron__forest_tree_nodes(forest, tree); at++) {
        const struct tree_node node = alertron__forest_node(forest, tree, at);
        if (node.left >= 0)
            places[node.left] = places[node.right] = (struct place){places[at].depth + 1, 0};
    }
    for (size_t row = 0; row < rows->rows; row++) {
        uint32_t at = 0;
        for (;;) {
            const struct tree_node node = alertron__forest_node(forest, tree, at);
            places[at].n++;
            if (node.left < 0)
                break;
            at = alertron__forest_step(&node, ((const double *)rows->data)[row * rows->width + (size_t)node.feature]);
        }
    }
}

/* A node is a leaf where its rows are one or it is as deep as it may be; its term is what the paper says. */
static void leaves_hold_one_row_or_are_as_deep_as_they_may_be(void **state)
{
    (void)state;
    enum { ROWS = 300, DEPTH = 6 };
    double numbers[ROWS * 3];
    const alertron_rows rows = random_rows(numbers, ROWS, 3, 9);
    const struct growth growth = {.rows = &rows, .trees = 50, .samples = ROWS, .depth = DEPTH, .seed = 9};
    struct forest *forest = grow(&growth);
    for (uint32_t tree = 0; tree < growth.trees; tree++) {
        struct place places[1 << DEPTH];
        count_rows(forest, tree, &rows, places);
        for (uint32_t at = 0; at < alertron__forest_tree_nodes(forest, tree); at++) {
            const struct tree_node node = alertron__forest_node(forest, tree, at);
            const struct place place = places[at];
            assert_true(place.n > 0 && place.depth <= DEPTH);
            assert_true((node.left < 0) == (place.n == 1 || place.depth == DEPTH));
            if (node.left < 0)
                assert_true(node.term == (double)place.depth + alertron__average_path_length(place.n) - 1.0);
        }
    }
    alertron__forest_free(forest);
}

/* c(n) of more rows than are kept in a table. */
static void a_leaf_may_hold_many_rows(void **state)
{
    (void)state;
    static double numbers[10000];
    const alertron_rows rows = alertron_rows_of(numbers, 10000, 1);
    static const uint32_t samples[] = {2, 4095, 4096, 4097, 10000};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const struct growth growth = {.rows = &rows, .trees = 2, .samples = samples[i]};
        struct forest *forest = grow(&growth);
        assert_int_equal(forest->n_nodes, 2);
        assert_true(alertron__forest_node(forest, 1, 0).term == alertron__average_path_length(samples[i]));
        alertron__forest_free(forest);
    }
}

static void a_tree_uses_no_more_features_than_its_share(void **state)
{
    (void)state;
    enum { ROWS = 64, FEATURES = 10 };
    double numbers[ROWS * FEATURES];
    const alertron_rows rows = random_rows(numbers, ROWS, FEATURES, 12);
    for (uint32_t share = 1; share <= FEATURES; share += 3) {
        const struct growth growth = {.rows = &rows, .trees = 100, .samples = ROWS, .tree_features = share, .seed = 12};
        struct forest *forest = grow(&growth);
        for (uint32_t tree = 0; tree < growth.trees; tree++) {
            bool used[FEATURES] = {false};
            uint32_t n_used = 0;
            for (uint32_t i = 0; i < alertron__forest_tree_nodes(forest, tree); i++) {
                const struct tree_node node = alertron__forest_node(forest, tree, i);
                n_used += node.left >= 0 && !used[node.feature];
                used[node.feature] |= node.left >= 0;
            }
            assert_int_equal(n_used, share);
        }
        alertron__forest_free(forest);
    }
}

static void assert_same_tree(const struct forest *a, const struct forest *b, uint32_t tree)
{
    assert_int_equal(alertron__forest_tree_nodes(a, tree), alertron__forest_tree_nodes(b, tree));
    for (uint32_t i = 0; i < alertron__forest_tree_nodes(a, tree); i++) {
        const struct tree_node x = alertron__forest_node(a, tree, i), y = alertron__forest_node(b, tree, i);
        assert_true(x.left == y.left && x.right == y.right);
        assert_true(x.left < 0 ? x.term == y.term : x.feature == y.feature && x.threshold == y.threshold);
    }
}

static void a_forest_begins_with_the_trees_of_a_smaller_one(void **state)
{
    (void)state;
    double numbers[600];
    const alertron_rows rows = random_rows(numbers, 200, 3, 15);
    for (int bootstrap = 0; bootstrap < 2; bootstrap++) {
        struct growth growth = {
            .rows = &rows, .trees = 7, .samples = 64, .tree_features = 2, .seed = 15, .bootstrap = bootstrap};
        struct forest *few = grow(&growth);
        growth.trees = 30;
        struct forest *many = grow(&growth);
        for (uint32_t tree = 0; tree < 7; tree++)
            assert_same_tree(few, many, tree);
        alertron__forest_free(many);
        alertron__forest_free(few);
    }
}

/* --- missing values ------------------------------------------------------------------------------------------- */

static void rows_without_nan_give_the_same_trees_where_missing_values_are_taken(void **state)
{
    (void)state;
    double numbers[600];
    const alertron_rows rows = random_rows(numbers, 200, 3, 16);
    struct growth growth = {.rows = &rows, .trees = 30, .samples = 64, .seed = 16};
    struct forest *without = grow(&growth);
    growth.missing_values = true;
    struct forest *with = grow(&growth);
    assert_true(with->missing_values && !without->missing_values);
    for (uint32_t tree = 0; tree < growth.trees; tree++)
        assert_same_tree(with, without, tree);
    alertron__forest_free(with);
    alertron__forest_free(without);
}

/* Of the numbers there are, the share that goes left is the chance that NaN does: with NaN among the rows and without.
 */
static void missing_values_go_where_a_random_row_goes(void **state)
{
    (void)state;
    enum { TREES = 20000 };
    const double numbers[] = {0.0, NAN, 1.0, 2.0, NAN, 3.0, 10.0};
    for (size_t step = 1; step <= 2; step++) {
        const alertron_rows rows = {numbers, ALERTRON_FLOAT64, step == 1 ? 7 : 4, 1, (ptrdiff_t)(8 * step), 8};
        const struct growth growth = {.rows = &rows,
                                      .trees = TREES,
                                      .samples = (uint32_t)rows.rows,
                                      .depth = 2,
                                      .seed = 17,
                                      .missing_values = true};
        struct forest *forest = grow(&growth);
        double left = 0.0, expected = 0.0, variance = 0.0;
        for (uint32_t tree = 0; tree < TREES; tree++) {
            const struct tree_node root = alertron__forest_node(forest, tree, 0);
            double n_present = 0.0, n_left = 0.0;
            for (size_t i = 0; i < 7; i += step) {
                n_present += !isnan(numbers[i]);
                n_left += numbers[i] <= root.threshold;
            }
            const double chance = n_left / n_present;
            left += root.missing_left;
            expected += chance;
            variance += chance * (1.0 - chance);
        }
        assert_true(variance > 100.0 && fabs(left - expected) < 5.0 * sqrt(variance));
        alertron__forest_free(forest);
    }
}

/* A third of the numbers is missing; feature 3 has none, and feature 4 but one that differs from none. */
static void leaves_count_the_rows_that_come_to_them_missing_values_and_all(void **state)
{
    (void)state;
    enum { ROWS = 300, WIDTH = 5, DEPTH = 7 };
    static double numbers[ROWS * WIDTH];
    const alertron_rows rows = random_rows(numbers, ROWS, WIDTH, 18);
    struct random_state random = alertron__random_new(18, 1);
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        if (i % WIDTH == 3 || (i % WIDTH == 4 && i > WIDTH) || alertron__random_below(&random, 3) == 0)
            numbers[i] = NAN;
    const struct growth growth = {
        .rows = &rows, .trees = 50, .samples = ROWS, .depth = DEPTH, .seed = 18, .missing_values = true};
    struct forest *forest = grow(&growth);
    for (uint32_t tree = 0; tree < growth.trees; tree++) {
        struct place places[1 << DEPTH];
        count_rows(forest, tree, &rows, places);
        assert_true(alertron__forest_tree_nodes(forest, tree) > 40);
        for (uint32_t at = 0; at < alertron__forest_tree_nodes(forest, tree); at++) {
            const struct tree_node node = alertron__forest_node(forest, tree, at);
            assert_true(places[at].n > 0 && (node.left < 0 || node.feature < 3));
            if (node.left < 0)
                assert_true(node.term == (double)places[at].depth + alertron__average_path_length(places[at].n) - 1.0);
        }
    }
    alertron__forest_free(forest);
}

/* --- memory --------------------------------------------------------------------------------------------------- */

/* Rows that are all the same give one node a tree, where a forest may have half a million. */
static void memory_follows_the_nodes_that_there_are(void **state)
{
    (void)state;
    enum { SAMPLES = 4096, TREES = 64 };
    static double numbers[SAMPLES];
    const alertron_rows rows = alertron_rows_of(numbers, SAMPLES, 1);
    const struct growth growth = {.rows = &rows, .trees = TREES, .samples = SAMPLES};
    failing_allocator counting = {0};
    const alertron_allocator allocator = failing_allocator_of(&counting);
    alertron__forest_free(grow_with(&growth, &allocator));
    assert_true(counting.bytes_peak < 16 * 1024 + SAMPLES * 32);
    assert_int_equal(counting.bytes_held, 0);
}

static void memory_that_runs_out_while_nodes_are_added_leaks_nothing(void **state)
{
    (void)state;
    static double numbers[2000];
    const alertron_rows rows = random_rows(numbers, 2000, 1, 14);
    bool done = false;
    for (size_t nth = 1; !done; nth++) {
        failing_allocator failing = {.nth = nth};
        const alertron_allocator allocator = failing_allocator_of(&failing);
        const struct growth growth = {
            .rows = &rows, .trees = 3, .samples = 2000, .tree_features = 1, .depth = 12, .allocator = &allocator};
        alertron_error error = {.status = ALERTRON_ERROR_MEMORY};
        struct forest *forest = alertron__grow(&growth, &error);
        assert_int_equal(error.status, ALERTRON_ERROR_MEMORY);
        done = forest != NULL;
        alertron__forest_free(forest);
        assert_int_equal(failing.bytes_held, 0);
        assert_true(done || nth < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_row_is_drawn_twice),
        cmocka_unit_test(each_row_is_drawn_as_often_as_any_other),
        cmocka_unit_test(each_pair_of_rows_is_drawn_as_often_as_any_other),
        cmocka_unit_test(a_bootstrap_draws_each_row_evenly_and_counts_it_once),
        cmocka_unit_test(each_feature_is_split_as_often_as_any_other),
        cmocka_unit_test(thresholds_are_even_between_the_least_and_the_greatest_value),
        cmocka_unit_test(what_is_constant_in_one_branch_is_split_in_the_other),
        cmocka_unit_test(zeros_of_either_sign_give_the_same_trees),
        cmocka_unit_test(leaves_hold_one_row_or_are_as_deep_as_they_may_be),
        cmocka_unit_test(a_leaf_may_hold_many_rows),
        cmocka_unit_test(a_tree_uses_no_more_features_than_its_share),
        cmocka_unit_test(a_forest_begins_with_the_trees_of_a_smaller_one),
        cmocka_unit_test(rows_without_nan_give_the_same_trees_where_missing_values_are_taken),
        cmocka_unit_test(missing_values_go_where_a_random_row_goes),
        cmocka_unit_test(leaves_count_the_rows_that_come_to_them_missing_values_and_all),
        cmocka_unit_test(memory_follows_the_nodes_that_there_are),
        cmocka_unit_test(memory_that_runs_out_while_nodes_are_added_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
