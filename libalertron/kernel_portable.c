/* kernel_portable.c: the kernel for every machine and every forest.
 *
 * A walk down a tree waits at each node for the comparison before it. So eight walks go side by side: eight rows
 * through one tree, or one row through eight trees. All take as many steps as the deepest needs: a leaf is its own
 * left child with the threshold +Inf, so a walk that has arrived stays where it is, without a branch.
 */
#include "private.h"

#include <string.h>

enum { LANES = 8, CHUNK = 256 };

static bool suits_all(const struct forest *forest)
{
    (void)forest;
    return true;
}

static inline uint32_t step(const struct node *nodes, uint32_t at, const unsigned char *row, ptrdiff_t column_stride,
                            alertron_dtype dtype)
{
    const struct node *node = &nodes[at];
    double x = alertron__load_number(row + node->feature * column_stride, dtype);
    return node->child + !(x <= node->threshold);
}

/* Adds one tree's term to the path lengths of up to LANES rows. Lanes past the last row repeat it. */
static inline void add_tree(const struct forest *forest, uint32_t tree, const alertron_rows *rows, size_t first,
                            size_t n, double *path_lengths, alertron_dtype dtype)
{
    const unsigned char *row[LANES];
    uint32_t at[LANES];
    for (size_t lane = 0; lane < LANES; lane++) {
        size_t index = first + (lane < n ? lane : n - 1);
        row[lane] = (const unsigned char *)rows->data + (ptrdiff_t)index * rows->row_stride;
        at[lane] = forest->roots[tree];
    }
    for (uint32_t level = 1; level < forest->depths[tree]; level++)
        for (size_t lane = 0; lane < LANES; lane++)
            at[lane] = step(forest->nodes, at[lane], row[lane], rows->column_stride, dtype);
    for (size_t lane = 0; lane < n; lane++)
        path_lengths[lane] += forest->terms[at[lane]];
}

/* Tree by tree over a chunk of rows: a tree stays in the nearest cache while the rows pass. */
static inline void add_trees(const struct forest *forest, const alertron_rows *rows, size_t first, size_t n,
                             double *path_lengths, alertron_dtype dtype)
{
    for (uint32_t tree = 0; tree < forest->n_trees; tree++)
        for (size_t row = 0; row < n; row += LANES)
            add_tree(forest, tree, rows, first + row, n - row < LANES ? n - row : LANES, path_lengths + row, dtype);
}

static void path_lengths_portable(const struct forest *forest, const alertron_rows *rows, size_t first, size_t n,
                                  double *path_lengths)
{
    memset(path_lengths, 0, n * sizeof *path_lengths);
    for (size_t row = 0; row < n; row += CHUNK) {
        size_t chunk = n - row < CHUNK ? n - row : CHUNK;
        if (rows->dtype == ALERTRON_FLOAT32)
            add_trees(forest, rows, first + row, chunk, path_lengths + row, ALERTRON_FLOAT32);
        else
            add_trees(forest, rows, first + row, chunk, path_lengths + row, ALERTRON_FLOAT64);
    }
}

static double path_length_portable(const struct forest *forest, const double *row)
{
    double path_length = 0;
    for (uint32_t first = 0; first < forest->n_trees; first += LANES) {
        uint32_t n = forest->n_trees - first < LANES ? forest->n_trees - first : LANES;
        uint32_t at[LANES], depth = 1;
        for (uint32_t lane = 0; lane < LANES; lane++) {
            uint32_t tree = first + (lane < n ? lane : n - 1);
            at[lane] = forest->roots[tree];
            depth = forest->depths[tree] > depth ? forest->depths[tree] : depth;
        }
        for (uint32_t level = 1; level < depth; level++)
            for (uint32_t lane = 0; lane < LANES; lane++) {
                const struct node *node = &forest->nodes[at[lane]];
                at[lane] = node->child + !(row[node->feature] <= node->threshold);
            }
        for (uint32_t lane = 0; lane < n; lane++)
            path_length += forest->terms[at[lane]];
    }
    return path_length;
}

const struct kernel alertron__kernel_portable = {
    .name = "portable", .suits = suits_all, .path_lengths = path_lengths_portable, .path_length = path_length_portable};
