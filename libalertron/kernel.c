/* kernel.c: the table of kernels, what leads them through rows and segments, and the slow walk.
 *
 * A row's numbers become positions among a segment's cuts, once; then a kernel walks the segment's trees on those
 * alone. Rows with missing values go singly, and forests that are not ranked take the slow walk over thresholds. All
 * sum the terms in the trees' order, so all give the same bits.
 */
#include "private.h"

/* Fastest first; the last one suits every forest that is ranked. */
static const struct kernel *const kernels[] = {
#ifdef ALERTRON_KERNELS_X86
    &alertron__kernel_avx512, &alertron__kernel_avx2,
#endif
#ifdef ALERTRON_KERNEL_NEON
    &alertron__kernel_neon,
#endif
    &alertron__kernel_portable};

enum { KERNELS = sizeof kernels / sizeof *kernels };

/* --- choosing --------------------------------------------------------------------------------------- */

const char *alertron_kernel_name(size_t index)
{
    for (size_t i = 0; i < KERNELS; i++)
        if (kernels[i]->runs() && index-- == 0)
            return kernels[i]->name;
    return NULL;
}

/* Rows that go through a kernel at once: as many as there is room for. */
static uint32_t block_rows(const struct forest *forest)
{
    uint32_t rows = BLOCK_ROWS_MAX;
    while (rows > 0 && rows * forest->n_features > POSITIONS_MAX)
        rows /= 2;
    return rows;
}

static bool suits(const struct kernel *kernel, const struct forest *forest)
{
    return forest->nodes && kernel->runs() && block_rows(forest) >= kernel->lanes &&
           (!kernel->uses_lanes || alertron__lanes_suit(forest));
}

static alertron_status use(struct forest *forest, const struct kernel *kernel, alertron_error *error)
{
    if (kernel->uses_lanes && !forest->lanes && !(forest->lanes = alertron__lanes_new(forest, error)))
        return ALERTRON_ERROR_MEMORY;
    if (!kernel->uses_lanes) {
        alertron__lanes_free(forest->lanes, &forest->allocator);
        forest->lanes = NULL;
    }
    forest->kernel = kernel;
    return ALERTRON_OK;
}

alertron_status alertron__kernel_pick(struct forest *forest, alertron_error *error)
{
    for (size_t i = 0; i < KERNELS; i++)
        if (suits(kernels[i], forest))
            return use(forest, kernels[i], error);
    forest->kernel = NULL;
    return ALERTRON_OK;
}

alertron_status alertron__kernel_set(struct forest *forest, const char *name, alertron_error *error)
{
    for (size_t i = 0; i < KERNELS; i++) {
        if (strcmp(kernels[i]->name, name) != 0 || !kernels[i]->runs())
            continue;
        if (suits(kernels[i], forest))
            return use(forest, kernels[i], error);
        return alertron__error(
            error, ALERTRON_ERROR_UNSUPPORTED, ALERTRON_NO_OFFSET,
            "the kernel %s does not take this model: its trees are too deep, too large or too small, "
            "or its features too many",
            name);
    }
    return alertron__error(error, ALERTRON_ERROR_ARGUMENT, ALERTRON_NO_OFFSET,
                           "there is no kernel \"%.40s\" on this machine: see alertron_kernel_name", name);
}

/* --- the slow walk ------------------------------------------------------------------------------------- */

static double walk(const struct forest *forest, const alertron_rows *rows, size_t row)
{
    const unsigned char *numbers = (const unsigned char *)rows->data + (ptrdiff_t)row * rows->row_stride;
    double path_length = 0;
    for (uint32_t tree = 0; tree < forest->n_trees; tree++) {
        struct tree_node node = alertron__forest_node(forest, tree, 0);
        while (node.left >= 0) {
            const double x = alertron__load_number(numbers + node.feature * rows->column_stride, rows->dtype);
            node = alertron__forest_node(forest, tree, alertron__forest_step(&node, x));
        }
        path_length += node.term;
    }
    return path_length;
}

static bool has_missing(const alertron_rows *rows, size_t row)
{
    const unsigned char *numbers = (const unsigned char *)rows->data + (ptrdiff_t)row * rows->row_stride;
    for (size_t column = 0; column < rows->width; column++) {
        const double x = alertron__load_number(numbers + (ptrdiff_t)column * rows->column_stride, rows->dtype);
        if (x != x)
            return true;
    }
    return false;
}

static double walk_unless_missing(const struct forest *forest, const alertron_rows *rows, size_t row)
{
    if (!forest->missing_values && has_missing(rows, row))
        return alertron__double_of_bits(0x7ff8000000000000u);
    return walk(forest, rows, row);
}

/* A row with NaN, by a ranked forest. */
static double missing_path_length(const struct forest *forest, const alertron_rows *rows, size_t row)
{
    if (!forest->missing_values)
        return alertron__double_of_bits(0x7ff8000000000000u);
    double path_length = 0;
    for (uint32_t i = 0; i < forest->n_segments; i++)
        path_length = alertron__add_row_with_missing(forest, &forest->segments[i], rows, row, path_length);
    return path_length;
}

/* --- rows ---------------------------------------------------------------------------------------------- */

/* Rows with the last lanes filled. */
static uint32_t whole_lanes(uint32_t n, uint32_t lanes)
{
    return (n + lanes - 1) / lanes * lanes;
}

/* Lanes without a row walk, too: at position 0. */
static void fill_spare_lanes(const struct forest *forest, const struct block *block, uint32_t lanes)
{
    const size_t n = whole_lanes(block->n, lanes) - block->n;
    for (uint32_t feature = 0; n > 0 && feature < forest->n_features; feature++)
        memset(block->positions + (size_t)feature * block->stride + block->n, 0, n * sizeof *block->positions);
}

/* A block of at most BLOCK_ROWS_MAX rows through all segments. */
static void block_path_lengths(const struct forest *forest, const alertron_rows *rows, size_t first,
                               const struct block *block, double *path_lengths)
{
    const struct kernel *kernel = forest->kernel;
    const bool singly = block->n <= kernel->few;
    _Alignas(64) double sums[BLOCK_ROWS_MAX];
    memset(sums, 0, whole_lanes(block->n, kernel->lanes) * sizeof *sums);
    if (!singly)
        fill_spare_lanes(forest, block, kernel->lanes);
    bool missing = false;
    for (uint32_t i = 0; i < forest->n_segments; i++) {
        const struct segment *segment = &forest->segments[i];
        missing |= (singly ? alertron__find_positions : kernel->find_positions)(segment, rows, first, block);
        (singly ? alertron__add_rows_singly : kernel->add_terms)(forest, segment, block, sums);
    }
    memcpy(path_lengths, sums, block->n * sizeof *sums);
    for (uint32_t row = 0; missing && row < block->n; row++)
        if (has_missing(rows, first + row))
            path_lengths[row] = missing_path_length(forest, rows, first + row);
}

void alertron__path_lengths(const struct forest *forest, const alertron_rows *rows, double *path_lengths)
{
    if (!forest->kernel) {
        for (size_t row = 0; row < rows->rows; row++)
            path_lengths[row] = walk_unless_missing(forest, rows, row);
        return;
    }
    _Alignas(64) uint16_t positions[POSITIONS_MAX];
    struct block block = {.positions = positions, .stride = block_rows(forest)};
    for (size_t row = 0; row < rows->rows; row += block.n) {
        block.n = rows->rows - row < block.stride ? (uint32_t)(rows->rows - row) : block.stride;
        block_path_lengths(forest, rows, row, &block, path_lengths + row);
    }
}

double alertron__path_length(const struct forest *forest, const double *row)
{
    const alertron_rows rows = alertron_rows_of(row, 1, forest->n_features);
    double path_length;
    alertron__path_lengths(forest, &rows, &path_length);
    return path_length;
}
