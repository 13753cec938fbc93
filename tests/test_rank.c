/* test_rank.c: a ranked forest is the forest it was, in rising cuts and segments side by side. */
#include "support.h"

#include "private.h"

#include <stdlib.h>
#include <string.h>

enum { LEVELS = 8, NODES_MOST = (1 << LEVELS) - 1 };

/* How a forest is drawn. */
struct shape {
    uint32_t n_features, n_trees, thresholds, terms;
    bool missing_values;
};

static void draw_node(const struct shape *shape, struct random_state *random, uint32_t child, struct tree_node *node)
{
    *node = (struct tree_node){.left = -1, .right = -1};
    if (child == 0)
        node->term = 60.0 * alertron__random_below(random, shape->terms) / shape->terms;
    else
        *node = (struct tree_node){.left = child,
                                   .right = (int64_t)child + 1,
                                   .feature = alertron__random_below(random, shape->n_features),
                                   .threshold = (double)alertron__random_below(random, shape->thresholds) - 50.0,
                                   .missing_left = alertron__random_below(random, 2)};
}

/* Breadth first; a node is a leaf by chance, or on the last level. Returns the number of nodes. */
static uint32_t draw_tree(const struct shape *shape, struct random_state *random, struct tree_node *nodes)
{
    uint32_t n = 1, first = 0;
    for (uint32_t level = 1, end = 1; first < end; first = end, end = n, level++)
        for (uint32_t i = first; i < end; i++) {
            const bool split = level < LEVELS && alertron__random_below(random, 8) > 0;
            draw_node(shape, random, split ? n : 0, &nodes[i]);
            n += split ? 2 : 0;
        }
    return n;
}

static struct forest *draw_forest(const struct shape *shape, uint64_t seed)
{
    const alertron_allocator allocator = alertron__allocator(NULL);
    struct random_state random = alertron__random_new(seed, 0);
    struct forest *forest =
        alertron__forest_new(shape->n_features, shape->n_trees, shape->n_trees * NODES_MOST, &allocator, NULL);
    assert_non_null(forest);
    for (uint32_t tree = 0; tree < shape->n_trees; tree++) {
        struct tree_node nodes[NODES_MOST];
        const uint32_t n = draw_tree(shape, &random, nodes);
        assert_int_equal(alertron__forest_add_tree(forest, nodes, n, NULL), ALERTRON_OK);
    }
    forest->missing_values = shape->missing_values;
    return forest;
}

static void assert_is_draft(const struct draft_node *draft, const struct tree_node *node, bool missing_values)
{
    const double value = draft->child ? node->threshold : node->term;
    assert_true(value == draft->value);
    assert_int_equal(node->left, draft->child ? (int64_t)draft->child : -1);
    if (draft->child == 0)
        return;
    assert_int_equal(node->right, draft->child + 1);
    assert_int_equal(node->feature, draft->feature);
    assert_int_equal(node->missing_left, missing_values && draft->missing_left);
}

static void assert_segments_lie_side_by_side(const struct forest *forest)
{
    uint32_t tree = 0;
    for (uint32_t i = 0; i < forest->n_segments; i++) {
        const struct segment *segment = &forest->segments[i];
        assert_int_equal(segment->first_tree, tree);
        assert_true(segment->end_tree > tree);
        assert_in_range(segment->n_terms, 1, TERMS_MAX);
        tree = segment->end_tree;
        assert_int_equal(segment->starts[0], 0);
        assert_int_equal(segment->starts[forest->n_features], segment->n_cuts);
        for (uint32_t feature = 0; feature < forest->n_features; feature++)
            for (uint32_t cut = segment->starts[feature]; cut + 1 < segment->starts[feature + 1]; cut++)
                assert_true(segment->cuts[cut] < segment->cuts[cut + 1] ||
                            (segment->cuts[cut] == segment->cuts[cut + 1] && segment->missing_right &&
                             segment->missing_right[cut] && !segment->missing_right[cut + 1]));
    }
    assert_int_equal(tree, forest->n_trees);
}

/* Ranks it. Returns the number of segments, 0 where it stays as it was. */
static uint32_t rank_and_compare(const struct shape *shape, uint64_t seed)
{
    struct forest *forest = draw_forest(shape, seed);
    struct draft_node *drafts = malloc(forest->n_nodes * sizeof *drafts);
    assert_non_null(drafts);
    memcpy(drafts, forest->drafts, forest->n_nodes * sizeof *drafts);
    assert_int_equal(alertron__forest_rank(forest, NULL), ALERTRON_OK);
    assert_true((forest->nodes == NULL) == (forest->n_segments == 0));
    assert_true((forest->drafts == NULL) == (forest->n_segments > 0));
    for (uint32_t tree = 0; tree < forest->n_trees; tree++)
        for (uint32_t i = 0; i < alertron__forest_tree_nodes(forest, tree); i++) {
            const struct tree_node node = alertron__forest_node(forest, tree, i);
            assert_is_draft(&drafts[forest->roots[tree] + i], &node, forest->missing_values);
        }
    if (forest->n_segments > 0)
        assert_segments_lie_side_by_side(forest);
    const uint32_t n_segments = forest->n_segments;
    alertron__forest_free(forest);
    free(drafts);
    return n_segments;
}

static void each_node_is_what_it_was(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        const struct shape shape = {.n_features = 1 + (uint32_t)seed % 7 * 3,
                                    .n_trees = 1 + (uint32_t)seed * 5,
                                    .thresholds = seed % 2 ? 100 : 1000000,
                                    .terms = seed % 3 ? 50 : 400,
                                    .missing_values = seed % 2};
        assert_true(rank_and_compare(&shape, seed) > 0);
    }
}

static void as_many_trees_stand_together_as_there_is_room_for(void **state)
{
    (void)state;
    const struct shape few_terms = {.n_features = 4, .n_trees = 100, .thresholds = 1000, .terms = TERMS_MAX};
    assert_int_equal(rank_and_compare(&few_terms, 1), 1);
    const struct shape many_terms = {.n_features = 4, .n_trees = 100, .thresholds = 1000, .terms = 1000000000};
    assert_in_range(rank_and_compare(&many_terms, 1), 30, 100);
}

/* A small file would otherwise make each row look at millions of numbers. */
static void segments_that_cost_more_than_they_save_are_not_made(void **state)
{
    (void)state;
    struct shape shape = {.n_features = 4096, .n_trees = 100, .thresholds = 1000, .terms = 1000000000};
    assert_int_equal(rank_and_compare(&shape, 1), 0);
    shape.terms = TERMS_MAX;
    assert_int_equal(rank_and_compare(&shape, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_node_is_what_it_was),
        cmocka_unit_test(as_many_trees_stand_together_as_there_is_room_for),
        cmocka_unit_test(segments_that_cost_more_than_they_save_are_not_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
