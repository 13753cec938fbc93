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
    forest->nodes = alertron__new(allocator, n_nodes, sizeof *forest->nodes);
    forest->terms = alertron__new(allocator, n_nodes, sizeof *forest->terms);
    if (!forest->roots || !forest->depths || !forest->nodes || !forest->terms) {
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
    alertron__release(&allocator, forest->terms, forest->nodes_max, sizeof *forest->terms);
    alertron__release(&allocator, forest->nodes, forest->nodes_max, sizeof *forest->nodes);
    alertron__release(&allocator, forest->depths, forest->trees_max, sizeof *forest->depths);
    alertron__release(&allocator, forest->roots, forest->trees_max, sizeof *forest->roots);
    alertron__release(&allocator, forest, 1, sizeof *forest);
}

size_t alertron__forest_bytes(const struct forest *forest)
{
    return sizeof *forest + forest->trees_max * (sizeof *forest->roots + sizeof *forest->depths) +
           forest->nodes_max * (sizeof *forest->nodes + sizeof *forest->terms);
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

static void place_leaf(struct forest *forest, uint32_t at, const struct tree_node *node)
{
    forest->nodes[at] = (struct node){.threshold = alertron__infinity(), .child = at};
    forest->terms[at] = node->term;
}

static void place_split(struct forest *forest, uint32_t at, uint32_t child, const struct tree_node *node)
{
    forest->nodes[at] = (struct node){.threshold = node->threshold,
                                      .child = child,
                                      .feature = (uint16_t)node->feature,
                                      .missing_left = node->missing_left};
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
        if (leaf) {
            place_leaf(forest, root + i, node);
            continue;
        }
        place_split(forest, root + i, root + layout->placed, node);
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

struct forest *alertron__forest_fitted(struct forest *roomy, alertron_error *error)
{
    struct forest *forest =
        alertron__forest_new(roomy->n_features, roomy->n_trees, roomy->n_nodes, &roomy->allocator, error);
    if (forest) {
        memcpy(forest->roots, roomy->roots, roomy->n_trees * sizeof *forest->roots);
        memcpy(forest->depths, roomy->depths, roomy->n_trees * sizeof *forest->depths);
        memcpy(forest->nodes, roomy->nodes, roomy->n_nodes * sizeof *forest->nodes);
        memcpy(forest->terms, roomy->terms, roomy->n_nodes * sizeof *forest->terms);
        forest->n_trees = roomy->n_trees;
        forest->n_nodes = roomy->n_nodes;
        forest->depth = roomy->depth;
        forest->missing_values = roomy->missing_values;
    }
    alertron__forest_free(roomy);
    return forest;
}

void alertron__forest_finish(struct forest *forest)
{
    forest->kernel = alertron__kernel_for(forest);
}
