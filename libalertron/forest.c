/* forest.c: the trees in memory, checked. */
#include "private.h"

#include <string.h>

#define NODE(tree, index) "tree %u, node %zu: " /* how a refusal begins */

/* Where a tree's nodes go, breadth first, so that siblings lie side by side. */
struct layout {
    const struct tree_node *nodes;
    uint32_t n, placed, depth;
    uint32_t *sources;   /* index in nodes of each placed node */
    unsigned char *seen; /* by index in nodes */
};

struct forest *alertron__forest_new(uint32_t n_features, uint32_t n_trees, uint32_t n_nodes,
                                    const alertron_allocator *allocator, alertron_error *error)
{
    struct forest *forest = alertron__new(allocator, 1, sizeof *forest);
    if (!forest) {
        alertron__error_memory(error);
        return NULL;
    }
    *forest =
        (struct forest){.n_features = n_features, .trees_max = n_trees, .nodes_max = n_nodes, .allocator = *allocator};
    forest->roots = alertron__new(allocator, n_trees, sizeof *forest->roots);
    forest->depths = alertron__new(allocator, n_trees, sizeof *forest->depths);
    forest->drafts = alertron__new(allocator, n_nodes, sizeof *forest->drafts);
    if (!forest->roots || !forest->depths || !forest->drafts) {
        alertron__error_memory(error);
        alertron__forest_free(forest);
        return NULL;
    }
    return forest;
}

void alertron__forest_free(struct forest *forest)
{
    if (!forest)
        return;
    alertron_allocator allocator = forest->allocator;
    alertron__lanes_free(forest->lanes, &allocator);
    alertron__segments_free(forest);
    alertron__release(&allocator, forest->sizes, forest->n_nodes, sizeof *forest->sizes);
    alertron__release(&allocator, forest->drafts, forest->nodes_max, sizeof *forest->drafts);
    alertron__release(&allocator, forest->depths, forest->trees_max, sizeof *forest->depths);
    alertron__release(&allocator, forest->roots, forest->trees_max, sizeof *forest->roots);
    alertron__release(&allocator, forest, 1, sizeof *forest);
}

size_t alertron__forest_bytes(const struct forest *forest)
{
    size_t bytes = sizeof *forest + forest->trees_max * (sizeof *forest->roots + sizeof *forest->depths) +
                   forest->n_nodes * sizeof *forest->sizes;
    if (forest->drafts)
        bytes += forest->nodes_max * sizeof *forest->drafts;
    if (forest->lanes)
        bytes += alertron__lanes_bytes(forest->lanes);
    return bytes + alertron__segments_bytes(forest);
}

static alertron_status check_leaf(uint32_t tree, size_t index, const struct tree_node *node, alertron_error *error)
{
    if (node->term >= 0.0 && node->term < (double)ALERTRON_DEPTH_MAX + 64.0)
        return ALERTRON_OK;
    return alertron__error(error, ALERTRON_ERROR_FORMAT, ALERTRON_NO_OFFSET,
                           NODE(tree, index) "the leaf's path length is not a number in its range", tree, index);
}

static alertron_status check_split(const struct forest *forest, size_t index, const struct layout *layout,
                                   alertron_error *error)
{
    const struct tree_node *node = &layout->nodes[index];
    const uint32_t tree = forest->n_trees;
    const int64_t children[2] = {node->left, node->right};
    for (int i = 0; i < 2; i++) {
        int64_t child = children[i];
        if (child <= (int64_t)index || child >= (int64_t)layout->n)
            return alertron__error(
                error, ALERTRON_ERROR_FORMAT, ALERTRON_NO_OFFSET,
                NODE(tree, index) "child %lld is outside the tree of %u nodes or not after its parent", tree, index,
                (long long)child, layout->n);
        if (layout->seen[child] || (i == 1 && child == children[0]))
            return alertron__error(error, ALERTRON_ERROR_FORMAT, ALERTRON_NO_OFFSET,
                                   NODE(tree, index) "child %lld has another parent too", tree, index,
                                   (long long)child);
    }
    if (node->feature < 0 || node->feature >= (int64_t)forest->n_features)
        return alertron__error(error, ALERTRON_ERROR_FORMAT, ALERTRON_NO_OFFSET,
                               NODE(tree, index) "feature %lld is outside the model's %u", tree, index,
                               (long long)node->feature, forest->n_features);
    if (node->threshold != node->threshold)
        return alertron__error(error, ALERTRON_ERROR_FORMAT, ALERTRON_NO_OFFSET,
                               NODE(tree, index) "the threshold is not a number", tree, index);
    return ALERTRON_OK;
}

/* Breadth first: every placed node places its children behind all that are placed already. */
static alertron_status place_nodes(struct forest *forest, struct layout *layout, alertron_error *error)
{
    const uint32_t root = forest->n_nodes;
    uint32_t level_end = 1;
    layout->placed = layout->depth = 1;
    for (uint32_t i = 0; i < layout->placed; i++) {
        if (i == level_end) {
            layout->depth++;
            level_end = layout->placed;
        }
        const size_t index = layout->sources[i];
        const struct tree_node *node = &layout->nodes[index];
        const bool leaf = node->left == -1 && node->right == -1;
        alertron_status status =
            leaf ? check_leaf(forest->n_trees, index, node, error) : check_split(forest, index, layout, error);
        if (status != ALERTRON_OK)
            return status;
        struct draft_node *draft = &forest->drafts[root + i];
        if (leaf) {
            *draft = (struct draft_node){.value = node->term};
            continue;
        }
        *draft = (struct draft_node){.value = node->threshold,
                                     .child = layout->placed,
                                     .feature = (uint16_t)node->feature,
                                     .missing_left = node->missing_left};
        layout->seen[node->left] = layout->seen[node->right] = 1;
        layout->sources[layout->placed++] = (uint32_t)node->left;
        layout->sources[layout->placed++] = (uint32_t)node->right;
    }
    return ALERTRON_OK;
}

static alertron_status check_whole(const struct forest *forest, const struct layout *layout, alertron_error *error)
{
    if (layout->placed != layout->n)
        return alertron__error(error, ALERTRON_ERROR_FORMAT, ALERTRON_NO_OFFSET,
                               "tree %u: only %u of its %u nodes hang on the root", forest->n_trees, layout->placed,
                               layout->n);
    if (layout->depth > ALERTRON_DEPTH_MAX)
        return alertron__error(error, ALERTRON_ERROR_LIMIT, ALERTRON_NO_OFFSET,
                               "tree %u: a path of %u nodes; at most %u can be loaded", forest->n_trees, layout->depth,
                               ALERTRON_DEPTH_MAX);
    return ALERTRON_OK;
}

alertron_status alertron__forest_add_tree(struct forest *forest, const struct tree_node *nodes, uint32_t n,
                                          alertron_error *error)
{
    if (n == 0 || forest->n_trees == forest->trees_max || n > forest->nodes_max - forest->n_nodes)
        return alertron__error(error, ALERTRON_ERROR_FORMAT, ALERTRON_NO_OFFSET,
                               "tree %u: %u nodes are not what the file's counts promised", forest->n_trees, n);
    struct layout layout = {.nodes = nodes, .n = n};
    layout.sources = alertron__new(&forest->allocator, n, sizeof *layout.sources);
    layout.seen = alertron__new(&forest->allocator, n, sizeof *layout.seen);
    alertron_status status;
    if (!layout.sources || !layout.seen) {
        status = alertron__error_memory(error);
        goto release;
    }
    status = place_nodes(forest, &layout, error);
    if (status == ALERTRON_OK)
        status = check_whole(forest, &layout, error);
    if (status == ALERTRON_OK) {
        forest->roots[forest->n_trees] = forest->n_nodes;
        forest->depths[forest->n_trees++] = layout.depth;
        forest->n_nodes += n;
        forest->depth = layout.depth > forest->depth ? layout.depth : forest->depth;
    }
release:
    alertron__release(&forest->allocator, layout.seen, n, sizeof *layout.seen);
    alertron__release(&forest->allocator, layout.sources, n, sizeof *layout.sources);
    return status;
}

alertron_status alertron__forest_finish(struct forest *forest, alertron_error *error)
{
    alertron_status status = alertron__forest_measure(forest, error);
    if (status == ALERTRON_OK)
        status = alertron__forest_rank(forest, error);
    return status == ALERTRON_OK ? alertron__kernel_pick(forest, error) : status;
}

uint32_t alertron__forest_tree_nodes(const struct forest *forest, uint32_t tree)
{
    const uint32_t end = tree + 1 < forest->n_trees ? forest->roots[tree + 1] : forest->n_nodes;
    return end - forest->roots[tree];
}

uint32_t alertron__forest_tree_of(const struct forest *forest, uint32_t at)
{
    uint32_t tree = 0;
    for (uint32_t n = forest->n_trees; n > 1; n -= n / 2)
        tree += forest->roots[tree + n / 2] <= at ? n / 2 : 0;
    return tree;
}

static const struct segment *segment_of(const struct forest *forest, uint32_t tree)
{
    const struct segment *segment = forest->segments;
    for (uint32_t n = forest->n_segments; n > 1; n -= n / 2)
        segment += segment[n / 2].first_tree <= tree ? n / 2 : 0;
    return segment;
}

static struct tree_node ranked_node(const struct forest *forest, uint32_t tree, uint32_t at)
{
    const uint32_t cut = alertron__node_cut(forest->nodes[at]), way = alertron__node_left(forest->nodes[at]);
    const struct segment *segment = segment_of(forest, tree);
    if (way == 0)
        return (struct tree_node){.left = -1, .right = -1, .term = segment->terms[cut - segment->n_cuts]};
    const uint32_t left = at - forest->roots[tree] + way;
    return (struct tree_node){.left = left,
                              .right = left + 1,
                              .feature = alertron__cut_feature(forest, segment, cut),
                              .threshold = segment->cuts[cut],
                              .missing_left = segment->missing_right && !segment->missing_right[cut]};
}

struct tree_node alertron__forest_node(const struct forest *forest, uint32_t tree, uint32_t index)
{
    const uint32_t at = forest->roots[tree] + index;
    if (!forest->drafts)
        return ranked_node(forest, tree, at);
    const struct draft_node *draft = &forest->drafts[at];
    if (draft->child == 0)
        return (struct tree_node){.left = -1, .right = -1, .term = draft->value};
    return (struct tree_node){.left = draft->child,
                              .right = (int64_t)draft->child + 1,
                              .feature = draft->feature,
                              .threshold = draft->value,
                              .missing_left = forest->missing_values && draft->missing_left};
}
