/* test_forest.c: which trees are refused, and where a walk through one that is not ends. */
#include "support.h"

#include "private.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const alertron_allocator *memory(void)
{
    static alertron_allocator allocator;
    allocator = alertron__allocator(NULL);
    return &allocator;
}

static struct tree_node leaf(double term)
{
    return (struct tree_node){.left = -1, .right = -1, .feature = -2, .threshold = NAN, .term = term};
}

static struct tree_node split(int64_t left, int64_t right, int64_t feature, double threshold)
{
    return (struct tree_node){.left = left, .right = right, .feature = feature, .threshold = threshold, .term = NAN};
}

/* A forest of one tree over `features` features. */
static struct forest *forest_with(const struct tree_node *nodes, uint32_t n, uint32_t features, bool missing_values)
{
    struct forest *forest = alertron__forest_new(features, 1, n, memory(), NULL);
    assert_non_null(forest);
    assert_int_equal(alertron__forest_add_tree(forest, nodes, n, NULL), ALERTRON_OK);
    forest->missing_values = missing_values;
    assert_int_equal(alertron__forest_finish(forest, NULL), ALERTRON_OK);
    return forest;
}

static struct forest *forest_of(const struct tree_node *nodes, uint32_t n, uint32_t features)
{
    return forest_with(nodes, n, features, false);
}

/* --- refusals -------------------------------------------------------------------------------------------- */

/* The tree is refused with a text that says so, and the forest takes a good one afterwards. */
static void assert_refused(const struct tree_node *nodes, uint32_t n, alertron_status expected, const char *text)
{
    const struct tree_node good[] = {split(1, 2, 0, 0.5), leaf(1), leaf(1)};
    struct forest *forest = alertron__forest_new(2, 2, n + 3, memory(), NULL);
    assert_non_null(forest);
    alertron_error error = {.status = ALERTRON_OK};
    assert_int_equal(alertron__forest_add_tree(forest, nodes, n, &error), expected);
    assert_int_equal(error.status, expected);
    assert_non_null(strstr(error.text, text));
    assert_non_null(strstr(error.text, "tree 0"));
    assert_int_equal(forest->n_trees, 0);
    assert_int_equal(forest->n_nodes, 0);
    assert_int_equal(alertron__forest_add_tree(forest, good, 3, &error), ALERTRON_OK);
    assert_int_equal(alertron__forest_add_tree(forest, nodes, n, &error), expected);
    assert_non_null(strstr(error.text, "tree 1"));
    alertron__forest_free(forest);
}

static void children_must_follow_their_parent(void **state)
{
    (void)state;
    struct tree_node nodes[] = {split(1, 2, 0, 0.5), leaf(1), split(2, 3, 0, 0.5), leaf(1), leaf(1)};
    assert_refused(nodes, 5, ALERTRON_ERROR_FORMAT, "node 2: child 2 is outside");
    nodes[2] = split(3, 1, 0, 0.5);
    assert_refused(nodes, 5, ALERTRON_ERROR_FORMAT, "node 2: child 1 is outside");
    nodes[2] = split(0, 3, 0, 0.5);
    assert_refused(nodes, 5, ALERTRON_ERROR_FORMAT, "node 2: child 0 is outside");
}

static void children_must_be_inside_the_tree(void **state)
{
    (void)state;
    static const int64_t outside[] = {3, 4, -2, INT64_MAX, INT64_MIN, (int64_t)1 << 32, ((int64_t)1 << 32) + 1};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        struct tree_node nodes[] = {split(1, outside[i], 0, 0.5), leaf(1), leaf(1)};
        assert_refused(nodes, 3, ALERTRON_ERROR_FORMAT, "is outside the tree of 3 nodes");
        nodes[0] = split(outside[i], 1, 0, 0.5);
        assert_refused(nodes, 3, ALERTRON_ERROR_FORMAT, "is outside the tree of 3 nodes");
    }
}

static void a_node_has_one_parent(void **state)
{
    (void)state;
    struct tree_node nodes[] = {
        split(1, 2, 0, 0.5), split(3, 4, 0, 0.5), split(4, 5, 0, 0.5), leaf(1), leaf(1), leaf(1)};
    assert_refused(nodes, 6, ALERTRON_ERROR_FORMAT, "node 2: child 4 has another parent too");
    const struct tree_node twins[] = {split(1, 1, 0, 0.5), leaf(1), leaf(1)};
    assert_refused(twins, 3, ALERTRON_ERROR_FORMAT, "node 0: child 1 has another parent too");
}

static void every_node_must_be_reached(void **state)
{
    (void)state;
    const struct tree_node nodes[] = {split(1, 2, 0, 0.5), leaf(1), leaf(1), leaf(1)};
    assert_refused(nodes, 4, ALERTRON_ERROR_FORMAT, "only 3 of its 4 nodes hang on the root");
    const struct tree_node lone[] = {leaf(1), leaf(1)};
    assert_refused(lone, 2, ALERTRON_ERROR_FORMAT, "only 1 of its 2 nodes hang on the root");
}

static void a_leaf_has_no_child_at_all(void **state)
{
    (void)state;
    struct tree_node nodes[] = {split(-1, 2, 0, 0.5), leaf(1), leaf(1)};
    assert_refused(nodes, 3, ALERTRON_ERROR_FORMAT, "node 0: child -1 is outside");
    nodes[0] = split(1, -1, 0, 0.5);
    assert_refused(nodes, 3, ALERTRON_ERROR_FORMAT, "node 0: child -1 is outside");
}

static void features_must_be_the_models(void **state)
{
    (void)state;
    static const int64_t outside[] = {2, -1, -2, 65536, 65537, INT64_MAX, INT64_MIN, (int64_t)1 << 32};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        const struct tree_node nodes[] = {split(1, 2, outside[i], 0.5), leaf(1), leaf(1)};
        assert_refused(nodes, 3, ALERTRON_ERROR_FORMAT, "is outside the model's 2");
    }
}

static void thresholds_must_be_numbers(void **state)
{
    (void)state;
    const struct tree_node nodes[] = {split(1, 2, 0, NAN), leaf(1), leaf(1)};
    assert_refused(nodes, 3, ALERTRON_ERROR_FORMAT, "node 0: the threshold is not a number");
}

static void path_lengths_of_leaves_must_be_possible(void **state)
{
    (void)state;
    static const double impossible[] = {NAN, -1.0, -0x1p-1074, 128.0, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
        const struct tree_node nodes[] = {split(1, 2, 0, 0.5), leaf(1), leaf(impossible[i])};
        assert_refused(nodes, 3, ALERTRON_ERROR_FORMAT, "node 2: the leaf's path length");
    }
}

/* A chain whose longest path has `depth` nodes: 2 * depth - 1 nodes. */
static uint32_t make_chain(struct tree_node *nodes, uint32_t depth)
{
    for (uint32_t i = 0; i + 1 < depth; i++) {
        nodes[2 * i] = split(2 * i + 1, 2 * i + 2, 0, i);
        nodes[2 * i + 1] = leaf(i + 1);
    }
    nodes[2 * depth - 2] = leaf(depth - 1);
    return 2 * depth - 1;
}

static void trees_may_be_as_deep_as_the_bound_and_no_deeper(void **state)
{
    (void)state;
    struct tree_node nodes[2 * ALERTRON_DEPTH_MAX + 1];
    uint32_t n = make_chain(nodes, ALERTRON_DEPTH_MAX + 1);
    assert_refused(nodes, n, ALERTRON_ERROR_LIMIT, "a path of 65 nodes; at most 64");
    n = make_chain(nodes, ALERTRON_DEPTH_MAX);
    struct forest *forest = forest_of(nodes, n, 1);
    assert_int_equal(forest->depth, ALERTRON_DEPTH_MAX);
    for (uint32_t i = 0; i < ALERTRON_DEPTH_MAX; i++) {
        const double row[] = {i};
        const double expected = i + 1 < ALERTRON_DEPTH_MAX ? i + 1 : ALERTRON_DEPTH_MAX - 1;
        assert_true(alertron__path_length(forest, row) == expected);
    }
    alertron__forest_free(forest);
}

static void a_forest_takes_no_more_than_its_counts_promised(void **state)
{
    (void)state;
    const struct tree_node nodes[] = {split(1, 2, 0, 0.5), leaf(1), leaf(1)};
    struct forest *forest = alertron__forest_new(1, 2, 5, memory(), NULL);
    assert_non_null(forest);
    assert_int_equal(alertron__forest_add_tree(forest, nodes, 0, NULL), ALERTRON_ERROR_FORMAT);
    assert_int_equal(alertron__forest_add_tree(forest, nodes, 3, NULL), ALERTRON_OK);
    assert_int_equal(alertron__forest_add_tree(forest, nodes, 3, NULL), ALERTRON_ERROR_FORMAT);
    assert_int_equal(alertron__forest_add_tree(forest, nodes, UINT32_MAX, NULL), ALERTRON_ERROR_FORMAT);
    assert_int_equal(alertron__forest_add_tree(forest, nodes + 1, 1, NULL), ALERTRON_OK);
    assert_int_equal(alertron__forest_add_tree(forest, nodes + 1, 1, NULL), ALERTRON_ERROR_FORMAT);
    assert_int_equal(forest->n_trees, 2);
    assert_int_equal(forest->n_nodes, 4);
    alertron__forest_free(forest);
}

static void memory_that_runs_out_leaks_nothing(void **state)
{
    (void)state;
    struct tree_node nodes[2 * 9];
    const uint32_t n = make_chain(nodes, 9);
    bool done = false;
    for (size_t nth = 1; !done; nth++) {
        failing_allocator failing = {.nth = nth};
        const alertron_allocator allocator = failing_allocator_of(&failing);
        alertron_error error = {.status = ALERTRON_OK};
        struct forest *forest = alertron__forest_new(1, 1, n, &allocator, &error);
        if (forest)
            forest->missing_values = true;
        if (forest && alertron__forest_add_tree(forest, nodes, n, &error) == ALERTRON_OK)
            done = alertron__forest_finish(forest, &error) == ALERTRON_OK;
        if (done)
            assert_int_equal(alertron__forest_bytes(forest), failing.bytes_held);
        else
            assert_int_equal(error.status, ALERTRON_ERROR_MEMORY);
        alertron__forest_free(forest);
        assert_int_equal(failing.bytes_held, 0);
    }
}

/* --- one walk -------------------------------------------------------------------------------------------- */

static double path_of(const struct forest *forest, double x)
{
    const double row[] = {x};
    return alertron__path_length(forest, row);
}

static void a_number_equal_to_the_threshold_goes_left(void **state)
{
    (void)state;
    static const double thresholds[] = {0.5, 0.0, -0.0, 1e300, -1e300, DBL_MAX, -DBL_MAX, 0x1p-1074, -0x1p-1074};
    for (size_t i = 0; i < sizeof thresholds / sizeof *thresholds; i++) {
        const struct tree_node nodes[] = {split(1, 2, 0, thresholds[i]), leaf(1), leaf(2)};
        struct forest *forest = forest_of(nodes, 3, 1);
        assert_true(path_of(forest, thresholds[i]) == 1);
        assert_true(path_of(forest, nextafter(thresholds[i], INFINITY)) == 2);
        assert_true(path_of(forest, nextafter(thresholds[i], -INFINITY)) == 1);
        assert_true(path_of(forest, INFINITY) == 2);
        assert_true(path_of(forest, -INFINITY) == 1);
        alertron__forest_free(forest);
    }
}

static void infinite_thresholds_split_off_the_infinities(void **state)
{
    (void)state;
    const struct tree_node all_left[] = {split(1, 2, 0, INFINITY), leaf(1), leaf(2)};
    struct forest *forest = forest_of(all_left, 3, 1);
    assert_true(path_of(forest, INFINITY) == 1 && path_of(forest, 0) == 1);
    alertron__forest_free(forest);
    const struct tree_node nearly_all_right[] = {split(1, 2, 0, -INFINITY), leaf(1), leaf(2)};
    forest = forest_of(nearly_all_right, 3, 1);
    assert_true(path_of(forest, -INFINITY) == 1 && path_of(forest, -DBL_MAX) == 2);
    alertron__forest_free(forest);
}

static void a_tree_of_one_leaf_gives_its_path_length_to_all(void **state)
{
    (void)state;
    const struct tree_node nodes[] = {leaf(7.25)};
    struct forest *forest = forest_of(nodes, 1, 1);
    assert_int_equal(forest->depth, 1);
    assert_true(path_of(forest, -INFINITY) == 7.25 && path_of(forest, INFINITY) == 7.25);
    alertron__forest_free(forest);
}

static void missing_values_go_where_their_node_says(void **state)
{
    (void)state;
    struct tree_node nodes[] = {split(1, 2, 0, 0.5), split(3, 4, 1, 0.5), leaf(3), leaf(1), leaf(2)};
    for (int directions = 0; directions < 4; directions++) {
        nodes[0].missing_left = directions & 1;
        nodes[1].missing_left = directions >> 1 & 1;
        struct forest *forest = forest_with(nodes, 5, 2, true);
        assert_true(alertron__path_length(forest, (const double[]){NAN, 0}) == (directions & 1 ? 1 : 3));
        assert_true(alertron__path_length(forest, (const double[]){0, NAN}) == (directions & 2 ? 1 : 2));
        assert_true(alertron__path_length(forest, (const double[]){0.5, 0.6}) == 2);
        alertron__forest_free(forest);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_must_follow_their_parent),
        cmocka_unit_test(children_must_be_inside_the_tree),
        cmocka_unit_test(a_node_has_one_parent),
        cmocka_unit_test(every_node_must_be_reached),
        cmocka_unit_test(a_leaf_has_no_child_at_all),
        cmocka_unit_test(features_must_be_the_models),
        cmocka_unit_test(thresholds_must_be_numbers),
        cmocka_unit_test(path_lengths_of_leaves_must_be_possible),
        cmocka_unit_test(trees_may_be_as_deep_as_the_bound_and_no_deeper),
        cmocka_unit_test(a_forest_takes_no_more_than_its_counts_promised),
        cmocka_unit_test(memory_that_runs_out_leaks_nothing),
        cmocka_unit_test(a_number_equal_to_the_threshold_goes_left),
        cmocka_unit_test(infinite_thresholds_split_off_the_infinities),
        cmocka_unit_test(a_tree_of_one_leaf_gives_its_path_length_to_all),
        cmocka_unit_test(missing_values_go_where_their_node_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
