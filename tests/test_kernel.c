/* test_kernel.c: every kernel, view and batch gives the bits of a naive walker. */
#include "support.h"

#include "private.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static bool is_same(double a, double b)
{
    return alertron__bits_of_double(a) == alertron__bits_of_double(b);
}

/* --- random forests, and a naive walker --------------------------------------------------------------- */

/* No deeper than all kernels take. */
enum { ROWS = 300, FEATURES_MOST = 9, TREES_MOST = 21, NODES_MOST = 63, DEPTH_MOST = 9 };

/* A forest as it was described, before the library has laid it out anew. */
struct plain_forest {
    uint32_t n_features, n_trees, n_nodes[TREES_MOST];
    struct tree_node nodes[TREES_MOST][NODES_MOST];
};

/* Numbers that meet each other often, and that float32 holds. */
static double random_number(struct random_state *random)
{
    static const double extremes[] = {INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, 0x1p-149, -0x1p-149, 0.0, -0.0};
    const uint32_t draw = alertron__random_below(random, 40);
    return draw < 8 ? extremes[draw] : (double)alertron__random_below(random, 32) / 8.0 - 2.0;
}

/* A random tree, its nodes in the order depth first: never the order in which the library keeps them. */
static uint32_t plant(struct tree_node *nodes, uint32_t n_features, struct random_state *random)
{
    uint32_t pending[NODES_MOST], n_pending = 0, n = 0, budget = 1 + 2 * alertron__random_below(random, 32);
    int64_t *links[NODES_MOST];
    links[n_pending] = NULL;
    pending[n_pending++] = 1;
    for (budget--; n_pending > 0;) {
        const uint32_t depth = pending[--n_pending];
        if (links[n_pending])
            *links[n_pending] = n;
        struct tree_node *node = &nodes[n++];
        if (budget < 2 || depth == DEPTH_MOST || (depth > 3 && alertron__random_below(random, 4) == 0)) {
            *node = (struct tree_node){.left = -1, .right = -1, .term = depth - 1 + 10 * alertron__random_unit(random)};
            continue;
        }
        budget -= 2;
        *node = (struct tree_node){.feature = alertron__random_below(random, n_features),
                                   .threshold = random_number(random),
                                   .missing_left = alertron__random_below(random, 2)};
        links[n_pending] = &node->right;
        pending[n_pending++] = depth + 1;
        links[n_pending] = &node->left;
        pending[n_pending++] = depth + 1;
    }
    return n;
}

static struct forest *plant_forest(struct plain_forest *plain, uint64_t seed)
{
    const alertron_allocator memory = alertron__allocator(NULL);
    struct random_state random = alertron__random_new(seed, 0);
    plain->n_features = 1 + alertron__random_below(&random, FEATURES_MOST);
    plain->n_trees = 1 + alertron__random_below(&random, TREES_MOST);
    uint32_t n_nodes = 0;
    for (uint32_t tree = 0; tree < plain->n_trees; tree++)
        n_nodes += plain->n_nodes[tree] = plant(plain->nodes[tree], plain->n_features, &random);
    struct forest *forest = alertron__forest_new(plain->n_features, plain->n_trees, n_nodes, &memory, NULL);
    assert_non_null(forest);
    for (uint32_t tree = 0; tree < plain->n_trees; tree++)
        assert_int_equal(alertron__forest_add_tree(forest, plain->nodes[tree], plain->n_nodes[tree], NULL),
                         ALERTRON_OK);
    forest->missing_values = true;
    assert_int_equal(alertron__forest_finish(forest, NULL), ALERTRON_OK);
    return forest;
}

/* What the sum means, without anything clever. */
static double naive_path_length(const struct plain_forest *plain, const double *row)
{
    double sum = 0;
    for (uint32_t tree = 0; tree < plain->n_trees; tree++) {
        const struct tree_node *nodes = plain->nodes[tree], *node = nodes;
        while (node->left != -1) {
            const double x = row[node->feature];
            node = &nodes[(isnan(x) ? node->missing_left : x <= node->threshold) ? node->left : node->right];
        }
        sum += node->term;
    }
    return sum;
}

static double *random_rows(uint32_t n_features, uint64_t seed)
{
    struct random_state random = alertron__random_new(seed, 1);
    double *numbers = malloc(sizeof *numbers * ROWS * n_features);
    assert_non_null(numbers);
    for (size_t i = 0; i < (size_t)ROWS * n_features; i++)
        numbers[i] = random_number(&random);
    return numbers;
}

/* --- views and batches --------------------------------------------------------------------------------- */

/* How a view lies in memory; gaps and shift are in bytes. */
struct layout {
    alertron_dtype dtype;
    bool by_column, rows_backward, columns_backward;
    size_t gap, shift;
};

/* The same numbers laid out anew; *block is what to free. */
static alertron_rows lay_out(const double *numbers, uint32_t n_features, struct layout layout, unsigned char **block)
{
    const size_t size = layout.dtype == ALERTRON_FLOAT32 ? 4 : 8;
    const size_t inner = size + layout.gap, outer = inner * (layout.by_column ? ROWS : n_features) + layout.gap;
    const size_t row_step = layout.by_column ? inner : outer, column_step = layout.by_column ? outer : inner;
    const size_t last_row = row_step * (ROWS - 1), last_column = column_step * (n_features - 1);
    *block = malloc(last_row + last_column + size + layout.shift);
    assert_non_null(*block);
    unsigned char *first =
        *block + layout.shift + (layout.rows_backward ? last_row : 0) + (layout.columns_backward ? last_column : 0);
    alertron_rows rows = {.data = first, .dtype = layout.dtype, .rows = ROWS, .width = n_features};
    rows.row_stride = layout.rows_backward ? -(ptrdiff_t)row_step : (ptrdiff_t)row_step;
    rows.column_stride = layout.columns_backward ? -(ptrdiff_t)column_step : (ptrdiff_t)column_step;
    for (ptrdiff_t row = 0; row < ROWS; row++)
        for (ptrdiff_t column = 0; column < (ptrdiff_t)n_features; column++) {
            const double wide = numbers[row * (ptrdiff_t)n_features + column];
            const float narrow = (float)wide;
            const void *number = layout.dtype == ALERTRON_FLOAT32 ? (const void *)&narrow : (const void *)&wide;
            memcpy(first + row * rows.row_stride + column * rows.column_stride, number, size);
        }
    return rows;
}

static void assert_batch(const struct forest *forest, const alertron_rows *rows, size_t first, size_t n,
                         const double *expected)
{
    double path_lengths[ROWS + 1];
    for (size_t i = 0; i <= ROWS; i++)
        path_lengths[i] = -1.0;
    alertron_rows batch = *rows;
    batch.data = (const unsigned char *)rows->data + (ptrdiff_t)first * rows->row_stride;
    batch.rows = n;
    alertron__path_lengths(forest, &batch, path_lengths);
    for (size_t i = 0; i < n; i++)
        assert_true(is_same(path_lengths[i], expected[first + i]));
    assert_true(path_lengths[n] == -1.0);
}

static void assert_every_batch(struct forest *forest, const alertron_rows *rows, const double *expected)
{
    static const size_t sizes[] = {1, 2, 7, 8, 9, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, ROWS};
    const char *name;
    for (size_t k = 0; (name = alertron_kernel_name(k)) != NULL; k++) {
        if (alertron__kernel_set(forest, name, NULL) != ALERTRON_OK)
            continue;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            assert_batch(forest, rows, 0, sizes[i], expected);
            assert_batch(forest, rows, ROWS - sizes[i], sizes[i], expected);
        }
    }
}

static void every_view_and_batch_gives_the_naive_walkers_bits(void **state)
{
    (void)state;
    static struct plain_forest plain;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct forest *forest = plant_forest(&plain, seed);
        double *numbers = random_rows(plain.n_features, seed), expected[ROWS];
        for (size_t row = 0; row < ROWS; row++) {
            expected[row] = naive_path_length(&plain, numbers + row * plain.n_features);
            assert_true(is_same(alertron__path_length(forest, numbers + row * plain.n_features), expected[row]));
        }
        for (unsigned bits = 0; bits < 32; bits++) {
            const struct layout layout = {.dtype = bits & 1 ? ALERTRON_FLOAT32 : ALERTRON_FLOAT64,
                                          .by_column = bits & 2,
                                          .rows_backward = bits & 4,
                                          .columns_backward = bits & 8,
                                          .gap = bits & 16 ? 3 : 0,
                                          .shift = bits & 16 ? 1 : 0};
            unsigned char *block;
            const alertron_rows rows = lay_out(numbers, plain.n_features, layout, &block);
            assert_every_batch(forest, &rows, expected);
            free(block);
        }
        free(numbers);
        alertron__forest_free(forest);
    }
}

static void rows_with_and_without_missing_values_give_the_naive_walkers_bits(void **state)
{
    (void)state;
    static struct plain_forest plain;
    for (uint64_t seed = 100; seed < 140; seed++) {
        struct forest *forest = plant_forest(&plain, seed);
        struct random_state random = alertron__random_new(seed, 2);
        double *numbers = random_rows(plain.n_features, seed);
        for (size_t i = 0; i < (size_t)ROWS * plain.n_features; i++)
            if (alertron__random_below(&random, 3) == 0)
                numbers[i] = NAN;
        const struct layout layout = {.dtype = seed & 1 ? ALERTRON_FLOAT32 : ALERTRON_FLOAT64,
                                      .by_column = seed & 2,
                                      .rows_backward = seed & 4,
                                      .gap = 3};
        unsigned char *block;
        const alertron_rows rows = lay_out(numbers, plain.n_features, layout, &block);
        double expected[ROWS];
        for (size_t row = 0; row < ROWS; row++)
            expected[row] = naive_path_length(&plain, numbers + row * plain.n_features);
        assert_every_batch(forest, &rows, expected);
        free(block);
        free(numbers);
        alertron__forest_free(forest);
    }
}

/* Floating-point addition does not commute over three terms: these show whether the order was kept. */
static void trees_are_summed_in_their_order(void **state)
{
    (void)state;
    static const double terms[] = {0x1p-52, 0x1p-52, 1.0, 0x1p-53, 0x1p-53, 100.0, 0x1p-47, 0.1, 0x1p-48, 3.7};
    enum { N = sizeof terms / sizeof *terms };
    const alertron_allocator memory = alertron__allocator(NULL);
    struct forest *forest = alertron__forest_new(1, N, N, &memory, NULL);
    assert_non_null(forest);
    double forward = 0, backward = 0;
    for (int i = 0; i < N; i++) {
        const struct tree_node node = {.left = -1, .right = -1, .term = terms[i]};
        assert_int_equal(alertron__forest_add_tree(forest, &node, 1, NULL), ALERTRON_OK);
        forward += terms[i];
        backward += terms[N - 1 - i];
    }
    assert_int_equal(alertron__forest_finish(forest, NULL), ALERTRON_OK);
    assert_false(is_same(forward, backward));
    assert_true(is_same(alertron__path_length(forest, &(const double){0}), forward));
    const double numbers[ROWS] = {0};
    const alertron_rows rows = alertron_rows_of(numbers, ROWS, 1);
    double expected[ROWS];
    for (int i = 0; i < ROWS; i++)
        expected[i] = forward;
    assert_every_batch(forest, &rows, expected);
    alertron__forest_free(forest);
}

/* --- stack -------------------------------------------------------------------------------------------------- */

/* Sanitizers make frames of their own size. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

#ifndef SANITIZED
enum { STACK_PROMISED = 64 * 1024, STACK_OF_THREADS = 16 * 1024 };

static void *use_model(void *model)
{
    double row[3] = {1, 2, 3}, rows[ROWS * 3] = {0}, scores[ROWS];
    const alertron_rows view = alertron_rows_of(rows, ROWS, 3);
    alertron_model_score(model, row);
    alertron_model_score_rows(model, &view, scores);
    alertron_model_explain(model, row, row);
    return NULL;
}

/* alertron.h says how much: a thread that has no more must not run off its stack. */
static void a_small_stack_is_enough(void **state)
{
    (void)state;
    double numbers[ROWS * 3];
    struct random_state random = alertron__random_new(1, 0);
    for (size_t i = 0; i < ROWS * 3; i++)
        numbers[i] = alertron__random_unit(&random);
    const alertron_rows rows = alertron_rows_of(numbers, ROWS, 3);
    alertron_model *model = alertron_model_fit(&rows, NULL, NULL, NULL);
    assert_non_null(model);
    const char *name;
    for (size_t k = 0; (name = alertron_kernel_name(k)) != NULL; k++) {
        assert_int_equal(alertron_model_set_kernel(model, name, NULL), ALERTRON_OK);
        pthread_attr_t attributes;
        pthread_t thread;
        assert_int_equal(pthread_attr_init(&attributes), 0);
        assert_int_equal(pthread_attr_setstacksize(&attributes, STACK_PROMISED + STACK_OF_THREADS), 0);
        assert_int_equal(pthread_create(&thread, &attributes, use_model, model), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        pthread_attr_destroy(&attributes);
    }
    alertron_model_free(model);
}
#endif

static void kernels_are_forced_by_name_only(void **state)
{
    (void)state;
    const double numbers[] = {1, 2, 3, 4};
    const alertron_rows rows = alertron_rows_of(numbers, 4, 1);
    alertron_model *model = alertron_model_fit(&rows, NULL, NULL, NULL);
    assert_non_null(model);
    alertron_error error;
    alertron_model_info info;
    assert_int_equal(alertron_model_set_kernel(model, "abacus", &error), ALERTRON_ERROR_ARGUMENT);
    assert_non_null(strstr(error.text, "no kernel \"abacus\""));
    assert_int_equal(alertron_model_set_kernel(model, "portable", NULL), ALERTRON_OK);
    alertron_model_describe(model, &info);
    assert_string_equal(info.kernel, "portable");
    /* A forest that is too small for tables stays as it is. */
    if (strcmp(alertron_kernel_name(0), "portable") != 0) {
        assert_int_equal(alertron_model_set_kernel(model, alertron_kernel_name(0), &error), ALERTRON_ERROR_UNSUPPORTED);
        alertron_model_describe(model, &info);
        assert_string_equal(info.kernel, "portable");
    }
    alertron_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_are_forced_by_name_only),
#ifndef SANITIZED
        cmocka_unit_test(a_small_stack_is_enough),
#endif
        cmocka_unit_test(every_view_and_batch_gives_the_naive_walkers_bits),
        cmocka_unit_test(rows_with_and_without_missing_values_give_the_naive_walkers_bits),
        cmocka_unit_test(trees_are_summed_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
