/* synthetic.c: random forests of many shapes, rows that meet their thresholds, and what a path length means. */
#include "synthetic.h"
#include "sklearn.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { NODES_MOST = 131071 }; /* of a tree */

enum tree_form { PERFECT, RAGGED, SPARSE, CHAIN, MIXED, BRIM };
enum number_kind { SMOOTH, GRID, SINGLE, EXTREME, NEIGHBOURS };
enum term_kind { NATURAL, FEW, MANY, MAGNITUDES };

static const uint32_t features[] = {1, 2, 3, 7, 10, 33, 50, 200, 600, ALERTRON_FEATURES_MAX};

static const struct synthetic_shape {
    const char *name;
    uint32_t features_least, features_most, trees_least, trees_most, depth_least, depth_most;
    enum tree_form form;
    enum number_kind numbers;
    enum term_kind terms;
    bool missing_values;
} shapes[SYNTHETIC_SHAPES] = {
    {"perfect", 1, 200, 1, 300, 1, 9, PERFECT, SMOOTH, NATURAL, false},
    {"ragged", 1, 200, 1, 300, 2, 9, RAGGED, SMOOTH, NATURAL, false},
    {"leaf", 1, 200, 1, 300, 1, 1, PERFECT, GRID, MAGNITUDES, false},
    {"grid", 1, 200, 1, 200, 2, 9, RAGGED, GRID, FEW, false},
    {"missing", 1, 200, 1, 150, 2, 9, RAGGED, GRID, NATURAL, true},
    {"extreme", 1, 33, 1, 100, 2, 9, RAGGED, EXTREME, MAGNITUDES, false},
    {"neighbours", 1, 50, 1, 100, 2, 9, PERFECT, NEIGHBOURS, MANY, false},
    {"deep", 1, 200, 1, 60, 12, 40, SPARSE, SMOOTH, NATURAL, false},
    {"chain", 1, 200, 1, 40, 10, ALERTRON_DEPTH_MAX, CHAIN, NEIGHBOURS, NATURAL, false},
    {"mixed", 1, 200, 2, 300, 1, 10, MIXED, SINGLE, MANY, false},
    {"32768+", 1, 3, 129, 200, 9, 9, PERFECT, SMOOTH, NATURAL, false}, /* thresholds: 255 or more a tree */
    {"65536+", 1, 2, 258, 300, 9, 9, PERFECT, SMOOTH, FEW, false},
    {"brim", 1, 3, 250, 300, 9, 9, BRIM, SMOOTH, FEW, false}, /* 128 * 255, then by ones past 32,767 */
    {"tall", 1, 50, 1, 8, 9, 11, PERFECT, SINGLE, FEW, false},
    {"missing deep", 1, 33, 1, 40, 3, 40, SPARSE, EXTREME, MANY, true},
    {"order", 1, 10, 1, 300, 1, 4, RAGGED, GRID, MAGNITUDES, false},
    {"vast", 1, 3, 1, 2, 15, 17, PERFECT, SMOOTH, FEW, false}, /* 16,383 to 65,535 thresholds in a tree */
    {"vast grid", 1, 200, 1, 3, 10, 17, PERFECT, GRID, FEW, false},
    {"wide", 600, ALERTRON_FEATURES_MAX, 1, 60, 2, 9, MIXED, SMOOTH, NATURAL, false},
    {"perfect many", 1, 50, 1, 128, 8, 9, PERFECT, SINGLE, MANY, false},
};

static uint32_t between(struct random_state *random, uint32_t least, uint32_t most)
{
    return least + alertron__random_below(random, most - least + 1);
}

/* --- numbers ---------------------------------------------------------------------------------------- */

/* Any double but NaN. */
static double any_double(struct random_state *random)
{
    const double number = alertron__double_of_bits(alertron__random_next(random));
    return isnan(number) ? 0.5 : number;
}

static double extreme(struct random_state *random)
{
    static const double extremes[] = {0.0,        -0.0,     0x1p-1074,       -0x1p-1074, 0x1p-1022,
                                      -0x1p-1022, INFINITY, -INFINITY,       DBL_MAX,    -DBL_MAX,
                                      FLT_MAX,    -FLT_MAX, 0x1p-149,        -0x1p-149,  0x1p-150,
                                      -0x1p-150,  0x1p-126, 0x1.fffffep-127, 0x1p+1023,  -0x1p+1023};
    const uint32_t draw = alertron__random_below(random, 32);
    return draw < sizeof extremes / sizeof *extremes ? extremes[draw] : any_double(random);
}

/* Few numbers, each within three units in the last place of a round one. */
static double neighbour(struct random_state *random)
{
    static const double centres[] = {1.0, -0.1, 0x1p-1070, 1e300, -1e-40, 16777216.0};
    const double centre = centres[alertron__random_below(random, sizeof centres / sizeof *centres)];
    const uint64_t bits = alertron__bits_of_double(centre);
    return alertron__double_of_bits(bits - 3 + alertron__random_below(random, 7));
}

static double smooth(struct random_state *random)
{
    const double scale = (double)(1u << alertron__random_below(random, 20));
    const double number = alertron__random_unit(random) - 0.5;
    return number * scale;
}

static double number_of(enum number_kind numbers, struct random_state *random)
{
    switch (numbers) {
    case SMOOTH:
        return smooth(random);
    case GRID:
        return ((double)alertron__random_below(random, 16) - 8.0) / 4.0;
    case SINGLE:
        return alertron__rounded_to_single(smooth(random));
    case EXTREME:
        return extreme(random);
    case NEIGHBOURS:
        return neighbour(random);
    }
    return 0.0;
}

static double term_of(enum term_kind terms, uint32_t depth, struct random_state *random)
{
    static const double few[] = {0.0, 0.5, 1.0, 3.25, 100.0};
    /* Floating-point addition does not commute: these show in which order they were added, and from what. */
    static const double magnitudes[] = {-0.0, 0x1p-1074, 0x1p-60, 0x1p-53, 0x1p-52, 0x1p-47, 0.1, 3.7, 127.9};
    switch (terms) {
    case NATURAL:
        return depth - 1 + alertron__average_path_length(alertron__random_below(random, 200));
    case FEW:
        return few[alertron__random_below(random, sizeof few / sizeof *few)];
    case MANY:
        return 100.0 * alertron__random_unit(random);
    case MAGNITUDES:
        return magnitudes[alertron__random_below(random, sizeof magnitudes / sizeof *magnitudes)];
    }
    return 0.0;
}

/* --- trees ------------------------------------------------------------------------------------------- */

/* A node that hangs on its parent but is not made yet. */
struct bud {
    int64_t *link;
    uint32_t depth;
    bool is_leaf; /* whatever the form says */
};

static bool is_leaf(const struct bud *bud, enum tree_form form, uint32_t depth_most, struct random_state *random)
{
    if (bud->is_leaf || bud->depth == depth_most)
        return true;
    if (form == RAGGED && bud->depth > 1)
        return alertron__random_below(random, 4) == 0;
    if (form == SPARSE && bud->depth > 1)
        return alertron__random_below(random, 24) == 0;
    return false;
}

/* A random tree, its nodes depth first: never the order in which the library keeps them. */
static uint32_t grow_tree(struct tree_node *nodes, uint32_t n_features, const struct synthetic_shape *shape,
                          uint32_t tree, struct random_state *random)
{
    static const enum tree_form forms[] = {PERFECT, RAGGED, SPARSE, CHAIN};
    enum tree_form form = shape->form;
    if (form == MIXED)
        form = forms[alertron__random_below(random, 4)];
    const bool stump = form == BRIM && tree >= 128;
    const uint32_t depth_most = stump ? 2 : between(random, shape->depth_least, shape->depth_most);
    const uint32_t budget = form == PERFECT ? NODES_MOST : 511;
    const bool right_handed = alertron__random_below(random, 2);
    struct bud buds[ALERTRON_DEPTH_MAX + 2] = {{.depth = 1}};
    uint32_t n = 0;
    for (uint32_t n_buds = 1; n_buds > 0;) {
        const struct bud bud = buds[--n_buds];
        struct tree_node *node = &nodes[n];
        if (bud.link)
            *bud.link = n;
        n++;
        if (n + n_buds + 2 > budget || is_leaf(&bud, form, depth_most, random)) {
            *node = (struct tree_node){.left = -1, .right = -1, .term = term_of(shape->terms, bud.depth, random)};
            continue;
        }
        node->feature = alertron__random_below(random, n_features);
        node->threshold = number_of(shape->numbers, random);
        node->missing_left = alertron__random_below(random, 2);
        node->term = 0.0;
        const bool chain = form == CHAIN;
        buds[n_buds++] = (struct bud){&node->right, bud.depth + 1, chain && !right_handed};
        buds[n_buds++] = (struct bud){&node->left, bud.depth + 1, chain && right_handed};
    }
    return n;
}

static double greatest_term(const struct tree_node *nodes, uint32_t n)
{
    double greatest = 0.0;
    for (uint32_t i = 0; i < n; i++)
        greatest = nodes[i].term > greatest ? nodes[i].term : greatest;
    return greatest;
}

static void *checked(void *memory)
{
    if (memory)
        return memory;
    fputs("no memory\n", stderr);
    exit(2);
}

struct synthetic synthetic_new(uint64_t seed, uint64_t index)
{
    const struct synthetic_shape *shape = &shapes[index % SYNTHETIC_SHAPES];
    struct random_state random = alertron__random_new(seed, index);
    struct synthetic synthetic = {.shape = shape->name, .missing_values = shape->missing_values};
    do
        synthetic.n_features = features[alertron__random_below(&random, sizeof features / sizeof *features)];
    while (synthetic.n_features < shape->features_least || synthetic.n_features > shape->features_most);
    synthetic.n_trees = between(&random, shape->trees_least, shape->trees_most);
    synthetic.ends = checked(malloc(synthetic.n_trees * sizeof *synthetic.ends));
    for (uint32_t tree = 0, capacity = 0; tree < synthetic.n_trees; tree++) {
        if (capacity < synthetic.n_nodes + NODES_MOST) {
            capacity = 2 * capacity + NODES_MOST;
            synthetic.nodes = checked(realloc(synthetic.nodes, capacity * sizeof *synthetic.nodes));
        }
        struct tree_node *nodes = synthetic.nodes + synthetic.n_nodes;
        const uint32_t n = grow_tree(nodes, synthetic.n_features, shape, tree, &random);
        synthetic.n_nodes += n;
        synthetic.ends[tree] = synthetic.n_nodes;
        synthetic.longest += greatest_term(nodes, n);
    }
    return synthetic;
}

void synthetic_free(struct synthetic *synthetic)
{
    free(synthetic->ends);
    free(synthetic->nodes);
}

struct forest *synthetic_forest(const struct synthetic *synthetic, alertron_error *error)
{
    const alertron_allocator allocator = alertron__allocator(NULL);
    struct forest *forest =
        alertron__forest_new(synthetic->n_features, synthetic->n_trees, synthetic->n_nodes, &allocator, error);
    if (!forest)
        return NULL;
    forest->missing_values = synthetic->missing_values;
    for (uint32_t tree = 0, root = 0; tree < synthetic->n_trees; root = synthetic->ends[tree++])
        if (alertron__forest_add_tree(forest, synthetic->nodes + root, synthetic->ends[tree] - root, error) !=
            ALERTRON_OK) {
            alertron__forest_free(forest);
            return NULL;
        }
    return forest;
}

double synthetic_path_length(const struct synthetic *synthetic, const double *row)
{
    double path_length = 0.0;
    for (uint32_t tree = 0, root = 0; tree < synthetic->n_trees; root = synthetic->ends[tree++]) {
        const struct tree_node *nodes = synthetic->nodes + root, *node = nodes;
        while (node->left != -1) {
            const double x = row[node->feature];
            const bool left = isnan(x) ? node->missing_left : x <= node->threshold;
            node = &nodes[left ? node->left : node->right];
        }
        path_length += node->term;
    }
    return path_length;
}

/* --- rows -------------------------------------------------------------------------------------------- */

/* x, or its neighbour below or above among the numbers that the dtype holds. */
static double near(double x, alertron_dtype dtype, struct random_state *random)
{
    static const double ways[] = {0.0, -INFINITY, INFINITY};
    const double way = ways[alertron__random_below(random, 3)];
    if (dtype == ALERTRON_FLOAT32) {
        const float narrow = (float)alertron__rounded_to_single(x);
        return way == 0.0 ? narrow : nextafterf(narrow, (float)way);
    }
    return way == 0.0 ? x : nextafter(x, way);
}

static void fill_row(const struct synthetic *synthetic, struct random_state *random, alertron_dtype dtype, double *row)
{
    static const enum number_kind kinds[] = {SMOOTH, GRID, EXTREME, NEIGHBOURS};
    const enum number_kind kind = kinds[alertron__random_below(random, 4)];
    for (uint32_t feature = 0; feature < synthetic->n_features; feature++) {
        const double number = number_of(kind, random);
        row[feature] = dtype == ALERTRON_FLOAT32 ? alertron__rounded_to_single(number) : number;
    }
    for (uint32_t draw = 0; draw < synthetic->n_features; draw++) {
        const struct tree_node *node = &synthetic->nodes[alertron__random_below(random, synthetic->n_nodes)];
        if (node->left != -1)
            row[node->feature] = near(node->threshold, dtype, random);
    }
}

/* NaN of either sign. */
static void forget(struct random_state *random, double *number)
{
    static const uint64_t missing[] = {0x7ff8000000000000u, 0xfff8000000000000u};
    *number = alertron__double_of_bits(missing[alertron__random_below(random, 2)]);
}

void synthetic_rows(const struct synthetic *synthetic, struct random_state *random, alertron_dtype dtype, size_t n,
                    double *numbers)
{
    const bool complete = !synthetic->missing_values && alertron__random_below(random, 4) > 0;
    for (size_t i = 0; i < n; i++) {
        double *row = numbers + i * synthetic->n_features;
        fill_row(synthetic, random, dtype, row);
        for (uint32_t n_missing = complete ? 0 : alertron__random_below(random, 4); n_missing > 0; n_missing--)
            forget(random, &row[alertron__random_below(random, synthetic->n_features)]);
    }
}
