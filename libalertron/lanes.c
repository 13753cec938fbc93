/* lanes.c: trees as tables, for kernels whose lanes are rows.
 *
 * Vector instructions look a number up in a small table for each lane at once. So each level of a tree becomes a table
 * of cuts, filled up to 2^level places, and a lane's place in it is all that a walk keeps.
 *
 * A lane must then compare its row's position for the node's own feature; which that is differs from lane to lane. But
 * the features' positions follow each other in one range of numbers: a position of a feature before the node's own is
 * never above its cut, one of a feature behind it always is. So the parity of all comparisons is the node's own one,
 * turned round where an odd number of features lies behind: then the children change places, here, once for all.
 */
#include "private.h"

/* Forests of many tiny trees would waste their tables. */
enum { TREE_NODES_MIN = 12 };

/* Above every position: all decisions alike, whatever the row. */
enum { NEVER_ABOVE = 0x7fff };

bool alertron__lanes_suit(const struct forest *forest)
{
    return forest->depth <= LANE_LEVELS + 1 && forest->n_nodes / TREE_NODES_MIN >= forest->n_trees;
}

/* --- a level ---------------------------------------------------------------------------------------------- */

/* A level of the tree that is being made: nodes side by side, each with its place. Levels with splits are not full. */
struct level {
    const struct node *nodes;
    uint32_t n;
    uint8_t places[1 << LANE_LEVELS];
};

/* What all trees of a segment are made with. */
struct lane_maker {
    const struct segment *segment;
    const uint16_t *cut_features;
    uint32_t *marks;   /* of each feature: the last level that has it, and whether its children change places there */
    uint32_t n_levels; /* so far */
    uint16_t *list;    /* where the next level's features go, in rising order */
};

/* Lists the features of the level's splits, and marks those behind which an odd number of them lies. */
static uint32_t list_features(struct lane_maker *maker, const struct level *level)
{
    uint16_t *list = maker->list;
    uint32_t n = 0;
    maker->n_levels++;
    for (uint32_t i = 0; i < level->n; i++) {
        if (alertron__node_left(level->nodes[i]) == 0)
            continue;
        const uint16_t feature = maker->cut_features[alertron__node_cut(level->nodes[i])];
        if (maker->marks[feature] / 2 == maker->n_levels)
            continue;
        maker->marks[feature] = maker->n_levels * 2;
        uint32_t at = n++;
        for (; at > 0 && list[at - 1] > feature; at--)
            list[at] = list[at - 1];
        list[at] = feature;
    }
    for (uint32_t i = 0; i < n; i++)
        maker->marks[list[i]] += (n - 1 - i) % 2;
    return n;
}

/* A leaf goes on downwards, whatever is decided there. */
static void fill_leaf(struct lane_tree *tree, uint32_t depth, uint32_t place, uint8_t code)
{
    for (; place < 1u << tree->levels; place += 1u << depth)
        tree->codes[place] = code;
}

/* Fills the table of the level at this depth, and finds the next level. */
static void fill_level(struct lane_maker *maker, struct lane_tree *tree, uint32_t depth, const struct level *level,
                       struct level *next)
{
    const uint32_t n_features = depth < tree->levels ? list_features(maker, level) : 0;
    next->nodes = level->nodes + level->n;
    next->n = 0;
    for (uint32_t i = 0; i < level->n; i++) {
        const uint32_t cut = alertron__node_cut(level->nodes[i]);
        const uint32_t place = level->places[i], step = 1u << depth;
        if (alertron__node_left(level->nodes[i]) == 0) {
            fill_leaf(tree, depth, place, (uint8_t)(cut - maker->segment->n_cuts));
            continue;
        }
        const uint32_t turned = maker->marks[maker->cut_features[cut]] % 2 * step;
        tree->cuts[step + place] = (uint16_t)cut;
        next->places[next->n++] = (uint8_t)(place + turned);
        next->places[next->n++] = (uint8_t)(place + step - turned);
    }
    if (depth < tree->levels)
        tree->n_features[depth] = (uint16_t)n_features;
    maker->list += n_features;
}

/* --- trees ------------------------------------------------------------------------------------------------- */

static void make_tree(struct lane_maker *maker, const struct node *root, struct lane_tree *tree)
{
    for (uint32_t i = 1; i < 1u << tree->levels; i++)
        tree->cuts[i] = NEVER_ABOVE;
    struct level levels[2] = {{.nodes = root, .n = 1}};
    for (uint32_t depth = 0; depth <= tree->levels; depth++)
        fill_level(maker, tree, depth, &levels[depth % 2], &levels[(depth + 1) % 2]);
}

static void make_segment(struct lanes *lanes, const struct forest *forest, struct lane_maker *maker,
                         uint16_t *cut_features)
{
    const struct segment *segment = maker->segment;
    for (uint32_t feature = 0; feature < forest->n_features; feature++)
        for (uint32_t cut = segment->starts[feature]; cut < segment->starts[feature + 1]; cut++)
            cut_features[cut] = (uint16_t)feature;
    for (uint32_t tree = segment->first_tree; tree < segment->end_tree; tree++) {
        lanes->trees[tree].levels = forest->depths[tree] - 1;
        lanes->trees[tree].first_feature = (uint32_t)(maker->list - lanes->features);
        make_tree(maker, forest->nodes + forest->roots[tree], &lanes->trees[tree]);
    }
}

static bool make_lanes(struct lanes *lanes, const struct forest *forest)
{
    const alertron_allocator *allocator = &forest->allocator;
    uint16_t *cut_features = alertron__new(allocator, CUTS_MAX, sizeof *cut_features);
    uint32_t *marks = alertron__new(allocator, forest->n_features, sizeof *marks);
    lanes->trees = alertron__new(allocator, lanes->n_trees, sizeof *lanes->trees);
    lanes->features = alertron__new(allocator, lanes->n_features, sizeof *lanes->features);
    const bool made = cut_features && marks && lanes->trees && lanes->features;
    struct lane_maker maker = {.cut_features = cut_features, .marks = marks, .list = lanes->features};
    for (uint32_t i = 0; made && i < forest->n_segments; i++) {
        maker.segment = &forest->segments[i];
        make_segment(lanes, forest, &maker, cut_features);
    }
    alertron__release(allocator, marks, forest->n_features, sizeof *marks);
    alertron__release(allocator, cut_features, CUTS_MAX, sizeof *cut_features);
    return made;
}

struct lanes *alertron__lanes_new(const struct forest *forest, alertron_error *error)
{
    struct lanes *lanes = alertron__new(&forest->allocator, 1, sizeof *lanes);
    if (lanes) {
        /* No tree's levels have more features than splits. */
        *lanes = (struct lanes){.n_trees = forest->n_trees, .n_features = forest->n_nodes / 2};
        if (make_lanes(lanes, forest))
            return lanes;
        alertron__lanes_free(lanes, &forest->allocator);
    }
    alertron__error_memory(error);
    return NULL;
}

void alertron__lanes_free(struct lanes *lanes, const alertron_allocator *allocator)
{
    if (!lanes)
        return;
    alertron__release(allocator, lanes->features, lanes->n_features, sizeof *lanes->features);
    alertron__release(allocator, lanes->trees, lanes->n_trees, sizeof *lanes->trees);
    alertron__release(allocator, lanes, 1, sizeof *lanes);
}

size_t alertron__lanes_bytes(const struct lanes *lanes)
{
    return sizeof *lanes + lanes->n_trees * sizeof *lanes->trees + lanes->n_features * sizeof *lanes->features;
}

/* --- kernels that look up bytes ------------------------------------------------------------------------------ */

static void split_cuts(const struct lane_tree *tree, struct lane_bytes *bytes)
{
    for (uint32_t i = 0; i < 1 << LANE_LEVELS; i++) {
        bytes->low[i] = (uint8_t)tree->cuts[i];
        bytes->high[i] = (uint8_t)(tree->cuts[i] >> 8);
    }
}

void alertron__lanes_add_terms(const struct forest *forest, const struct segment *segment, const struct block *block,
                               uint32_t n_lanes, find_places *find, double *path_lengths)
{
    for (uint32_t i = segment->first_tree; i < segment->end_tree; i++) {
        const struct lane_tree *tree = &forest->lanes->trees[i];
        const uint16_t *features = forest->lanes->features + tree->first_feature;
        struct lane_bytes bytes;
        split_cuts(tree, &bytes);
        for (uint32_t row = 0; row < block->n; row += n_lanes) {
            uint8_t places[LANES_MAX];
            find(tree, &bytes, features, block->positions + row, block->stride, places);
            for (uint32_t lane = 0; lane < n_lanes; lane++)
                path_lengths[row + lane] += segment->terms[tree->codes[places[lane]]];
        }
    }
}
