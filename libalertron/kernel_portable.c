/* kernel_portable.c: the kernel for every machine, and the definition of the others.
 *
 * A row's positions become one byte a cut: whether the row is above it. A step down a tree is then an addition: to the
 * left child, and one further where the row is above the node's cut. A leaf has itself as the left child and no row is
 * above its cut, so a walk that has arrived stays. Each step waits for the one before it, so many trees go side by
 * side.
 */
#include "private.h"

enum { SEARCHES = 8, WALKS = 16 };

static bool runs_everywhere(void)
{
    return true;
}

/* alertron__cuts_below for many numbers side by side, as each step of one waits for the step before it. */
static void search(const double *cuts, uint32_t n, const double *x, uint32_t *below)
{
    for (uint32_t i = 0; i < SEARCHES; i++)
        below[i] = 0;
    while (n > 0) {
        const uint32_t half = n > 1 ? n / 2 : 1;
        for (uint32_t i = 0; i < SEARCHES; i++)
            below[i] += half & -(uint32_t)(cuts[below[i] + half - 1] < x[i]);
        n -= half;
    }
}

bool alertron__find_positions(const struct segment *segment, const alertron_rows *rows, size_t first,
                              const struct block *block)
{
    bool missing = false;
    for (uint32_t feature = 0; feature < rows->width; feature++) {
        const uint32_t start = segment->starts[feature], n = segment->starts[feature + 1] - start;
        const double *cuts = segment->cuts + start;
        const unsigned char *at = (const unsigned char *)rows->data + (ptrdiff_t)first * rows->row_stride +
                                  (ptrdiff_t)feature * rows->column_stride;
        uint16_t *positions = block->positions + feature * block->stride;
        uint32_t row = 0;
        for (; row + SEARCHES <= block->n; row += SEARCHES) {
            double x[SEARCHES];
            uint32_t below[SEARCHES];
            for (uint32_t i = 0; i < SEARCHES; i++) {
                x[i] = alertron__load_number(at + (ptrdiff_t)(row + i) * rows->row_stride, rows->dtype);
                missing |= x[i] != x[i];
            }
            search(cuts, n, x, below);
            for (uint32_t i = 0; i < SEARCHES; i++)
                positions[row + i] = (uint16_t)(start + below[i]);
        }
        for (; row < block->n; row++) {
            const double x = alertron__load_number(at + (ptrdiff_t)row * rows->row_stride, rows->dtype);
            missing |= x != x;
            positions[row] = (uint16_t)(start + alertron__cuts_below(cuts, n, x));
        }
    }
    return missing;
}

/* The leaf of each of n trees from `tree` on. */
static inline void find_leaves(const struct forest *forest, uint32_t tree, uint32_t n, const unsigned char *above,
                               const struct node **at)
{
    for (uint32_t i = 0; i < n; i++)
        at[i] = forest->nodes + forest->roots[tree + i];
    for (uint32_t level = 1; level < forest->depth; level++)
        for (uint32_t i = 0; i < n; i++) {
            const struct node node = *at[i];
            at[i] += alertron__node_left(node) + (size_t)above[alertron__node_cut(node)];
        }
}

static double add_row(const struct forest *forest, const struct segment *segment, const unsigned char *above,
                      double path_length)
{
    const double *terms = segment->terms;
    for (uint32_t tree = segment->first_tree; tree < segment->end_tree; tree += WALKS) {
        const uint32_t rest = segment->end_tree - tree, n = rest < WALKS ? rest : WALKS;
        const struct node *at[WALKS];
        if (n == WALKS)
            find_leaves(forest, tree, WALKS, above, at);
        else
            find_leaves(forest, tree, n, above, at);
        for (uint32_t i = 0; i < n; i++)
            path_length += terms[alertron__node_cut(*at[i]) - segment->n_cuts];
    }
    return path_length;
}

/* A feature's cuts: the row is above those that lie before its position. */
static void mark_feature(unsigned char *above, const struct segment *segment, uint32_t feature, uint32_t position)
{
    const uint32_t start = segment->starts[feature], end = segment->starts[feature + 1];
    memset(above + start, 1, position - start);
    memset(above + position, 0, end - position);
}

void alertron__add_rows_singly(const struct forest *forest, const struct segment *segment, const struct block *block,
                               double *path_lengths)
{
    unsigned char above[CUTS_MAX + TERMS_MAX];
    memset(above + segment->n_cuts, 0, segment->n_terms);
    for (uint32_t row = 0; row < block->n; row++) {
        for (uint32_t feature = 0; feature < forest->n_features; feature++)
            mark_feature(above, segment, feature, block->positions[feature * block->stride + row]);
        path_lengths[row] = add_row(forest, segment, above, path_lengths[row]);
    }
}

double alertron__add_row_with_missing(const struct forest *forest, const struct segment *segment,
                                      const alertron_rows *rows, size_t row, double path_length)
{
    unsigned char above[CUTS_MAX + TERMS_MAX];
    memset(above + segment->n_cuts, 0, segment->n_terms);
    const unsigned char *at = (const unsigned char *)rows->data + (ptrdiff_t)row * rows->row_stride;
    for (uint32_t feature = 0; feature < forest->n_features; feature++, at += rows->column_stride) {
        const uint32_t start = segment->starts[feature], n = segment->starts[feature + 1] - start;
        const double x = alertron__load_number(at, rows->dtype);
        if (x != x)
            memcpy(above + start, segment->missing_right + start, n);
        else
            mark_feature(above, segment, feature, start + alertron__cuts_below(segment->cuts + start, n, x));
    }
    return add_row(forest, segment, above, path_length);
}

const struct kernel alertron__kernel_portable = {.name = "portable",
                                                 .lanes = 1,
                                                 .runs = runs_everywhere,
                                                 .find_positions = alertron__find_positions,
                                                 .add_terms = alertron__add_rows_singly};
