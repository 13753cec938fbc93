/* kernel.c: the table of kernels, and the slow path that all of them share.
 *
 * A kernel adds up path lengths of rows without NaN. Each sums the trees in their order, so that all of them,
 * and the slow path, give the same bits.
 */
#include "private.h"

/* Fastest first; the last one suits every forest. */
static const struct kernel *const kernels[] = {&alertron__kernel_portable};

const struct kernel *alertron__kernel_for(const struct forest *forest)
{
    const size_t last = sizeof kernels / sizeof *kernels - 1;
    for (size_t i = 0; i < last; i++)
        if (kernels[i]->suits(forest))
            return kernels[i];
    return kernels[last];
}

double alertron__path_length_missing(const struct forest *forest, const alertron_rows *rows, size_t row)
{
    const unsigned char *numbers = (const unsigned char *)rows->data + (ptrdiff_t)row * rows->row_stride;
    double path_length = 0;
    for (uint32_t tree = 0; tree < forest->n_trees; tree++) {
        uint32_t at = forest->roots[tree];
        while (forest->nodes[at].child != at) {
            const struct node *node = &forest->nodes[at];
            double x = alertron__load_number(numbers + node->feature * rows->column_stride, rows->dtype);
            bool left = x != x ? node->missing_left : x <= node->threshold;
            at = node->child + !left;
        }
        path_length += forest->terms[at];
    }
    return path_length;
}
