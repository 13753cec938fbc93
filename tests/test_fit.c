/* test_fit.c: forests are the same for a seed everywhere, refuse what they cannot be grown on, and keep to their
 * options. */
#include "support.h"

#include "private.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- data, and what is made of it ----------------------------------------------------------------------------- */

enum { ROWS = 500, WIDTH = 3 };

/* A cloud with some rows far out: whole numbers and divisions by powers of two, the same on every machine. */
static alertron_rows cloud(double *numbers)
{
    struct random_state random = alertron__random_new(11, 0);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < WIDTH; j++) {
            int sum = 0;
            for (int k = 0; k < 4; k++)
                sum += (int)alertron__random_below(&random, 1001) - 500;
            numbers[i * WIDTH + j] = sum / 256.0 * (i % 25 == 0 ? 4.0 : 1.0);
        }
    return alertron_rows_of(numbers, ROWS, WIDTH);
}

static alertron_model *fit(const alertron_rows *rows, const alertron_fit_options *options)
{
    alertron_error error = {.text = ""};
    alertron_model *model = alertron_model_fit(rows, options, NULL, &error);
    if (!model)
        fail_msg("%s", error.text);
    return model;
}

static unsigned char *fitted_bytes(const alertron_rows *rows, const alertron_fit_options *options, size_t *n)
{
    alertron_model *model = fit(rows, options);
    *n = alertron_model_save(model, NULL, 0);
    unsigned char *bytes = malloc(*n);
    assert_non_null(bytes);
    alertron_model_save(model, bytes, *n);
    alertron_model_free(model);
    return bytes;
}

static alertron_model_info info_of(const alertron_model *model)
{
    alertron_model_info info;
    alertron_model_describe(model, &info);
    return info;
}

/* --- determinism ---------------------------------------------------------------------------------------------- */

static void the_same_seed_gives_the_same_bytes_and_another_others(void **state)
{
    (void)state;
    double numbers[ROWS * WIDTH];
    const alertron_rows rows = cloud(numbers);
    alertron_fit_options options = {.trees = 20, .contamination = 0.1, .seed = 5};
    size_t n, n_again, n_other;
    unsigned char *bytes = fitted_bytes(&rows, &options, &n), *again = fitted_bytes(&rows, &options, &n_again);
    options.seed = 6;
    unsigned char *other = fitted_bytes(&rows, &options, &n_other);
    assert_int_equal(n, n_again);
    assert_memory_equal(bytes, again, n);
    assert_true(n != n_other || memcmp(bytes, other, n) != 0);
    free(other);
    free(again);
    free(bytes);
}

static uint64_t fnv_of(const unsigned char *bytes, size_t n)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

/* All that is computed comes before the producer's name, which changes with the library's version. Where this fails
 * on one machine only, its arithmetic is not what the library needs: look for fused multiply-add. */
static void the_bytes_are_the_same_on_every_machine(void **state)
{
    (void)state;
    double numbers[ROWS * WIDTH];
    const alertron_rows rows = cloud(numbers);
    const alertron_fit_options options = {.features = 0.7, .contamination = 0.1, .seed = 0x123456789abcdefu};
    size_t n, at = 24;
    unsigned char *bytes = fitted_bytes(&rows, &options, &n);
    while (memcmp(bytes + at, "PROD", 4) != 0)
        at += 16 + (size_t)alertron__load_le(bytes + at + 8, 8);
    const uint64_t hash = fnv_of(bytes + 24, at - 24);
    free(bytes);
    if (hash != 0x28a35d559226f455u)
        fail_msg("the hash is %#llx", (unsigned long long)hash);
}

static void the_layout_of_the_rows_does_not_matter(void **state)
{
    (void)state;
    double numbers[ROWS * WIDTH];
    const alertron_rows rows = cloud(numbers);
    float columns[WIDTH * ROWS];
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < WIDTH; j++)
            columns[j * ROWS + ROWS - 1 - i] = (float)numbers[i * WIDTH + j];
    const alertron_rows other = {columns + ROWS - 1, ALERTRON_FLOAT32, ROWS, WIDTH, -4, 4 * ROWS};
    size_t n, n_other;
    unsigned char *bytes = fitted_bytes(&rows, NULL, &n), *others = fitted_bytes(&other, NULL, &n_other);
    assert_int_equal(n, n_other);
    assert_memory_equal(bytes, others, n);
    free(others);
    free(bytes);
}

/* --- refusals ------------------------------------------------------------------------------------------------- */

static void assert_refused(const alertron_rows *rows, const alertron_fit_options *options, alertron_status expected,
                           const char *text)
{
    failing_allocator counting = {0};
    const alertron_allocator allocator = failing_allocator_of(&counting);
    alertron_error error = {.status = ALERTRON_OK};
    assert_null(alertron_model_fit(rows, options, &allocator, &error));
    assert_int_equal(error.status, expected);
    if (!strstr(error.text, text))
        fail_msg("%s", error.text);
    assert_null(alertron_model_fit(rows, options, &allocator, NULL));
    assert_int_equal(counting.bytes_held, 0);
}

static void options_out_of_range_are_refused(void **state)
{
    (void)state;
    static const struct {
        alertron_fit_options options;
        alertron_status expected;
        const char *text;
    } wrong[] = {
        {{.trees = 65537}, ALERTRON_ERROR_LIMIT, "trees"},
        {{.features = -0.1}, ALERTRON_ERROR_ARGUMENT, "features"},
        {{.features = 1.0000001}, ALERTRON_ERROR_ARGUMENT, "features"},
        {{.features = NAN}, ALERTRON_ERROR_ARGUMENT, "features"},
        {{.contamination = -0.1}, ALERTRON_ERROR_ARGUMENT, "contamination"},
        {{.contamination = 0.51}, ALERTRON_ERROR_ARGUMENT, "contamination"},
        {{.contamination = NAN}, ALERTRON_ERROR_ARGUMENT, "contamination"},
        {{.medium_quantile = 0.96}, ALERTRON_ERROR_ARGUMENT, "quantiles"},
        {{.medium_quantile = -1.0}, ALERTRON_ERROR_ARGUMENT, "quantiles"},
        {{.high_quantile = 1.0}, ALERTRON_ERROR_ARGUMENT, "quantiles"},
        {{.high_quantile = NAN}, ALERTRON_ERROR_ARGUMENT, "quantiles"},
    };
    double numbers[ROWS * WIDTH];
    const alertron_rows rows = cloud(numbers);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_refused(&rows, &wrong[i].options, wrong[i].expected, wrong[i].text);
}

static void options_are_refused_before_any_tree_is_grown(void **state)
{
    (void)state;
    double numbers[ROWS * WIDTH];
    const alertron_rows rows = cloud(numbers);
    failing_allocator counting = {0};
    const alertron_allocator allocator = failing_allocator_of(&counting);
    const alertron_fit_options options = {.high_quantile = 2.0};
    assert_null(alertron_model_fit(&rows, &options, &allocator, NULL));
    assert_int_equal(counting.allocations, 0);
}

static void shapes_out_of_range_are_refused(void **state)
{
    (void)state;
    static double numbers[2 * (ALERTRON_FEATURES_MAX + 1)];
    alertron_rows rows = alertron_rows_of(numbers, 0, 3);
    assert_refused(&rows, NULL, ALERTRON_ERROR_ARGUMENT, "at least 2 rows");
    rows.rows = 1;
    assert_refused(&rows, NULL, ALERTRON_ERROR_ARGUMENT, "at least 2 rows");
    rows = alertron_rows_of(numbers, 2, 0);
    assert_refused(&rows, NULL, ALERTRON_ERROR_ARGUMENT, "between 1 and 4096 features");
    rows = alertron_rows_of(numbers, 2, ALERTRON_FEATURES_MAX + 1);
    assert_refused(&rows, NULL, ALERTRON_ERROR_LIMIT, "between 1 and 4096 features");
}

/* A view may show one row many times: so many rows need no memory. */
static void more_nodes_than_a_forest_may_have_are_refused(void **state)
{
    (void)state;
    const double number = 1.0;
    alertron_rows rows = {&number, ALERTRON_FLOAT64, 1000, 1, 0, 0};
    const alertron_fit_options too_many = {.trees = 65536, .samples = 1000};
    assert_refused(&rows, &too_many, ALERTRON_ERROR_LIMIT, "nodes");
    rows.rows = ALERTRON_SAMPLES_MAX + 1;
    const alertron_fit_options too_large = {.trees = 1, .samples = ALERTRON_SAMPLES_MAX + 1};
    assert_refused(&rows, &too_large, ALERTRON_ERROR_LIMIT, "nodes");
}

/* A row and a feature of a view get a number. */
static void put_number(const alertron_rows *rows, unsigned char *data, size_t row, size_t column, uint64_t bits)
{
    unsigned char *at = data + (ptrdiff_t)row * rows->row_stride + (ptrdiff_t)column * rows->column_stride;
    memcpy(at, &bits, rows->dtype == ALERTRON_FLOAT32 ? 4 : 8); /* bits of a float32 stand lowest */
}

/* Wherever the number stands, however the rows lie. */
static void numbers_that_are_not_finite_are_refused_by_row_and_feature(void **state)
{
    (void)state;
    static const uint64_t wide[] = {0x7ff0000000000000u, 0xfff0000000000000u, 0x7ff8000000000000u, 0x7ff0000000000001u,
                                    0xffffffffffffffffu};
    static const uint64_t narrow[] = {0x7f800000u, 0xff800000u, 0x7fc00000u, 0x7f800001u, 0xffffffffu};
    enum { R = 9, C = 4 };
    static const struct {
        ptrdiff_t row_stride, column_stride, first; /* in numbers */
    } layouts[] = {{C, 1, 0},    {1, R, 0}, {C + 3, 1, 0}, {2 * C, 2, 0}, {-C, 1, (R - 1) * C}, {1, -R, (C - 1) * R},
                   {1, R + 2, 0}};
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        for (int at = 0; at < 2 * R * C; at++) {
            const alertron_dtype dtype = at % 2 ? ALERTRON_FLOAT32 : ALERTRON_FLOAT64;
            const ptrdiff_t size = dtype == ALERTRON_FLOAT32 ? 4 : 8;
            unsigned char memory[8 * 2 * R * (C + 3) + 1] = {0};
            unsigned char *data = memory + 1 + layouts[i].first * size;
            const alertron_rows rows = {
                data, dtype, R, C, layouts[i].row_stride * size, layouts[i].column_stride * size};
            const size_t row = (size_t)(at / 2 / C), column = (size_t)(at / 2 % C);
            put_number(&rows, data, row, column, (dtype == ALERTRON_FLOAT32 ? narrow : wide)[at / 2 % 5]);
            char text[40];
            snprintf(text, sizeof text, "row %zu, feature %zu ", row, column);
            assert_refused(&rows, NULL, ALERTRON_ERROR_ARGUMENT, text);
            if (at < 2 * (R * C - 1)) /* the first of two is named */
                put_number(&rows, data, R - 1, C - 1, dtype == ALERTRON_FLOAT32 ? narrow[0] : wide[0]);
            assert_refused(&rows, NULL, ALERTRON_ERROR_ARGUMENT, text);
        }
}

static void missing_values_are_taken_where_asked_for_and_infinite_ones_are_not(void **state)
{
    (void)state;
    static const char *const expected[] = {"row 3, feature 1 is not a number", "row 3, feature 1 is infinite",
                                           "row 3, feature 1 is infinite"};
    static const double odd[] = {NAN, INFINITY, -INFINITY};
    double numbers[ROWS * WIDTH];
    const alertron_rows rows = cloud(numbers);
    alertron_fit_options options = {.contamination = 0.1};
    numbers[0 * WIDTH] = numbers[5 * WIDTH + 2] = odd[0];
    for (size_t i = 1; i < 3; i++) {
        options.missing_values = true;
        numbers[3 * WIDTH + 1] = odd[i];
        assert_refused(&rows, &options, ALERTRON_ERROR_ARGUMENT, expected[i]);
    }
    options.missing_values = false;
    numbers[0 * WIDTH] = numbers[5 * WIDTH + 2] = 0.0;
    numbers[3 * WIDTH + 1] = odd[0];
    assert_refused(&rows, &options, ALERTRON_ERROR_ARGUMENT, expected[0]);
    assert_refused(&rows, &options, ALERTRON_ERROR_ARGUMENT, "or fit with missing values");
}

/* Saved and loaded as well, which scores the golden rows again. */
static void a_model_of_rows_with_missing_values_scores_such_rows(void **state)
{
    (void)state;
    double numbers[ROWS * WIDTH], scores[ROWS];
    const alertron_rows rows = cloud(numbers);
    for (int i = 0; i < ROWS * WIDTH; i += 7)
        numbers[i] = NAN;
    const alertron_fit_options options = {.contamination = 0.1, .missing_values = true, .bootstrap = true};
    size_t n;
    unsigned char *bytes = fitted_bytes(&rows, &options, &n);
    alertron_error error = {.text = ""};
    alertron_model *model = alertron_model_load(bytes, n, NULL, &error);
    assert_non_null(model);
    assert_true(info_of(model).missing_values);
    assert_int_equal(alertron_model_score_rows(model, &rows, scores), ALERTRON_OK);
    int anomalies = 0;
    for (int row = 0; row < ROWS; row++) {
        assert_true(scores[row] > 0.0 && scores[row] <= 1.0);
        anomalies += alertron_model_severity(model, scores[row]) != ALERTRON_SEVERITY_NONE;
    }
    assert_true(abs(anomalies - ROWS / 10) <= 1);
    const double nothing[WIDTH] = {NAN, NAN, NAN};
    assert_true(alertron_model_score(model, nothing) < 0.55); /* who says nothing is no anomaly */
    alertron_model_free(model);
    free(bytes);
}

static void rows_that_lack_every_number_give_trees_of_one_leaf(void **state)
{
    (void)state;
    double numbers[100];
    for (int i = 0; i < 100; i++)
        numbers[i] = NAN;
    const alertron_rows rows = alertron_rows_of(numbers, 50, 2);
    const alertron_fit_options options = {.missing_values = true};
    alertron_model *model = fit(&rows, &options);
    assert_int_equal(info_of(model).depth, 1);
    assert_true(fabs(alertron_model_score(model, numbers) - 0.5) < 1e-12);
    alertron_model_free(model);
}

static void a_bootstrap_says_so_and_keeps_the_normalizer_of_its_draws(void **state)
{
    (void)state;
    double numbers[ROWS * WIDTH];
    const alertron_rows rows = cloud(numbers);
    const alertron_fit_options options = {.bootstrap = true};
    alertron_model *model = fit(&rows, &options);
    const alertron_model_info info = info_of(model);
    assert_true(info.samples == 256 && info.normalizer == 100 * alertron__average_path_length(256));
    assert_non_null(strstr(info.provenance, "bootstrap: yes\n"));
    alertron_model_free(model);
}

static void the_greatest_and_the_smallest_numbers_are_taken(void **state)
{
    (void)state;
    const double numbers[] = {DBL_MAX, -DBL_MAX, 0x1p-1074, -0x1p-1074, 0.0, -0.0};
    const float singles[] = {FLT_MAX, -FLT_MAX, 0x1p-149f, -0x1p-149f, 0.0f, -0.0f};
    const alertron_rows rows = alertron_rows_of(numbers, 3, 2), narrow = {singles, ALERTRON_FLOAT32, 3, 2, 8, 4};
    alertron_model_free(fit(&rows, NULL));
    alertron_model_free(fit(&narrow, NULL));
}

static void texts_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static char text[ALERTRON_PROVENANCE_MAX + 1], name[ALERTRON_FEATURE_NAME_MAX + 2];
    memset(text, 'x', ALERTRON_PROVENANCE_MAX);
    memset(name, 'x', ALERTRON_FEATURE_NAME_MAX + 1);
    double numbers[ROWS * WIDTH];
    const alertron_rows rows = cloud(numbers);
    const alertron_fit_options wordy = {.provenance = text};
    assert_refused(&rows, &wordy, ALERTRON_ERROR_LIMIT, "provenance");
    const char *const names[] = {"a", "b", name};
    const alertron_fit_options long_name = {.feature_names = names};
    assert_refused(&rows, &long_name, ALERTRON_ERROR_LIMIT, "name of feature 2");
}

static void memory_that_runs_out_leaks_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c"};
    double numbers[ROWS * WIDTH];
    const alertron_rows rows = cloud(numbers);
    const alertron_fit_options options = {.trees = 3, .contamination = 0.1, .feature_names = names, .provenance = "p"};
    bool done = false;
    for (size_t nth = 1; !done; nth++) {
        failing_allocator failing = {.nth = nth};
        const alertron_allocator allocator = failing_allocator_of(&failing);
        alertron_error error = {.status = ALERTRON_ERROR_MEMORY};
        alertron_model *model = alertron_model_fit(&rows, &options, &allocator, &error);
        assert_int_equal(error.status, ALERTRON_ERROR_MEMORY);
        done = model != NULL;
        alertron_model_free(model);
        assert_int_equal(failing.bytes_held, 0);
        assert_true(done || nth < 200);
    }
}

/* --- odd data ------------------------------------------------------------------------------------------------- */

static void constant_rows_give_trees_of_one_leaf(void **state)
{
    (void)state;
    double numbers[100];
    for (int i = 0; i < 100; i++)
        numbers[i] = 4.0;
    const alertron_rows rows = alertron_rows_of(numbers, 50, 2);
    const alertron_fit_options options = {.contamination = 0.1};
    alertron_model *model = fit(&rows, &options);
    const alertron_model_info info = info_of(model);
    assert_int_equal(info.nodes, info.trees);
    assert_int_equal(info.depth, 1);
    const double score = alertron_model_score(model, numbers);
    assert_true(fabs(score - 0.5) < 1e-12);
    assert_int_equal(alertron_model_severity(model, score), ALERTRON_SEVERITY_NONE);
    assert_int_equal(alertron_model_cuts(model).origin, ALERTRON_CUTS_PROVISIONAL);
    alertron_model_free(model);
}

static void two_rows_are_parted(void **state)
{
    (void)state;
    const double numbers[] = {1.0, 2.0};
    const alertron_rows rows = alertron_rows_of(numbers, 2, 1);
    alertron_model *model = fit(&rows, NULL);
    const alertron_model_info info = info_of(model);
    assert_true(info.samples == 2 && info.depth == 2 && info.nodes == 3 * info.trees && info.normalizer == 100.0);
    assert_true(alertron_model_path_length(model, numbers) == 100.0);
    assert_true(alertron_model_score(model, numbers) == 0.5);
    alertron_model_free(model);
}

static void more_samples_than_rows_take_all_rows(void **state)
{
    (void)state;
    double numbers[ROWS * WIDTH];
    const alertron_rows rows = cloud(numbers);
    const alertron_fit_options options = {.samples = UINT32_MAX, .trees = 5};
    alertron_model *model = fit(&rows, &options);
    assert_int_equal(info_of(model).samples, ROWS);
    assert_true(info_of(model).normalizer == 5 * alertron__average_path_length(ROWS));
    alertron_model_free(model);
}

/* Neighbouring numbers and the widest range: the threshold must part its node's rows all the same. */
static void extreme_numbers_are_parted(void **state)
{
    (void)state;
    const double pairs[][2] = {{-DBL_MAX, DBL_MAX},
                               {1.0, nextafter(1.0, 2.0)},
                               {0.0, 0x1p-1074},
                               {-0x1p-1074, 0.0},
                               {DBL_MAX, nextafter(DBL_MAX, 0.0)}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const alertron_rows rows = alertron_rows_of(pairs[i], 2, 1);
        alertron_model *model = fit(&rows, NULL);
        assert_int_equal(info_of(model).nodes, 300);
        assert_true(alertron_model_path_length(model, &pairs[i][0]) == 100.0);
        assert_true(alertron_model_path_length(model, &pairs[i][1]) == 100.0);
        alertron_model_free(model);
    }
}

static void zeros_of_both_signs_are_equal(void **state)
{
    (void)state;
    const double numbers[] = {0.0, -0.0, 0.0, -0.0};
    const alertron_rows rows = alertron_rows_of(numbers, 4, 1);
    alertron_model *model = fit(&rows, NULL);
    assert_int_equal(info_of(model).nodes, 100);
    alertron_model_free(model);
}

/* --- shape ---------------------------------------------------------------------------------------------------- */

static void defaults_are_those_of_the_paper(void **state)
{
    (void)state;
    double numbers[ROWS * WIDTH];
    const alertron_rows rows = cloud(numbers);
    alertron_model *model = fit(&rows, NULL);
    const alertron_model_info info = info_of(model);
    assert_true(info.trees == 100 && info.samples == 256 && info.depth == 9 && info.features == WIDTH);
    assert_true(info.normalizer == 100 * alertron__average_path_length(256) && !info.missing_values);
    const alertron_cuts cuts = alertron_model_cuts(model);
    assert_true(cuts.threshold == 0.5 && cuts.medium_quantile == 0.8 && cuts.high_quantile == 0.95);
    alertron_model_free(model);
}

/* Each row is alone in its feature, so a tree on all rows splits all features that it may use. */
static void the_share_of_features_is_rounded_down_but_not_to_none(void **state)
{
    (void)state;
    enum { N = 10 };
    double numbers[N * N] = {0};
    for (int i = 0; i < N; i++)
        numbers[i * N + i] = 1.0;
    const alertron_rows rows = alertron_rows_of(numbers, N, N);
    static const struct {
        double share;
        size_t splits; /* of a tree, where none is deeper than 5 nodes */
    } shares[] = {{0.01, 1}, {0.19, 1}, {0.2, 2}, {0.3, 3}, {0.39, 3}, {0.0, 4}, {1.0, 4}};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        const alertron_fit_options options = {.features = shares[i].share};
        alertron_model *model = fit(&rows, &options);
        assert_int_equal(info_of(model).nodes, (2 * shares[i].splits + 1) * info_of(model).trees);
        alertron_model_free(model);
    }
}

/* --- threshold and cuts --------------------------------------------------------------------------------------- */

static void contamination_is_the_share_of_anomalies_and_all_bands_occur(void **state)
{
    (void)state;
    static const double shares[] = {0.03, 0.1, 0.25, 0.5};
    double numbers[ROWS * WIDTH], scores[ROWS];
    const alertron_rows rows = cloud(numbers);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        const alertron_fit_options options = {.contamination = shares[i]};
        alertron_model *model = fit(&rows, &options);
        assert_int_equal(alertron_model_score_rows(model, &rows, scores), ALERTRON_OK);
        size_t bands[4] = {0};
        for (int row = 0; row < ROWS; row++)
            bands[alertron_model_severity(model, scores[row])]++;
        const double anomalies = ROWS * shares[i], found = (double)(ROWS - bands[0]);
        assert_true(fabs(found - anomalies) <= 1.0);
        assert_true(bands[1] > 0 && bands[2] > 0 && bands[3] > 0);
        assert_true(fabs((double)(bands[2] + bands[3]) - 0.20 * found) <= 1.0);
        assert_true(fabs((double)bands[3] - 0.05 * found) <= 1.0);
        const alertron_cuts cuts = alertron_model_cuts(model);
        assert_int_equal(cuts.origin, ALERTRON_CUTS_TRAINING);
        assert_true((double)cuts.n_scores == found);
        alertron_model_free(model);
    }
}

static void without_scores_the_forest_is_the_same_and_the_cuts_are_provisional(void **state)
{
    (void)state;
    double numbers[ROWS * WIDTH], scores[ROWS], others[ROWS];
    const alertron_rows rows = cloud(numbers);
    alertron_fit_options options = {.seed = 3, .medium_quantile = 0.7};
    alertron_model *model = fit(&rows, &options);
    options.provisional_cuts = true;
    alertron_model *other = fit(&rows, &options);
    assert_int_equal(alertron_model_score_rows(model, &rows, scores), ALERTRON_OK);
    assert_int_equal(alertron_model_score_rows(other, &rows, others), ALERTRON_OK);
    assert_memory_equal(scores, others, sizeof scores);
    assert_int_equal(alertron_model_cuts(model).origin, ALERTRON_CUTS_TRAINING);
    const alertron_cuts cuts = alertron_model_cuts(other);
    assert_true(cuts.origin == ALERTRON_CUTS_PROVISIONAL && cuts.n_scores == 0);
    assert_true(cuts.threshold == 0.5 && cuts.medium_quantile == 0.7 && cuts.medium > 0.5 && cuts.high > cuts.medium);
    alertron_model_free(other);
    alertron_model_free(model);
}

static void without_scores_there_is_no_contamination(void **state)
{
    (void)state;
    double numbers[ROWS * WIDTH];
    const alertron_rows rows = cloud(numbers);
    const alertron_fit_options options = {.provisional_cuts = true, .contamination = 0.01};
    assert_refused(&rows, &options, ALERTRON_ERROR_ARGUMENT, "provisional_cuts");
}

static void texts_are_kept_with_the_model(void **state)
{
    (void)state;
    static const char *const names[] = {"temperature", "\xc2\xb5m", ""};
    double numbers[ROWS * WIDTH];
    const alertron_rows rows = cloud(numbers);
    const alertron_fit_options options = {
        .contamination = 0.1, .seed = 42, .feature_names = names, .provenance = "site: north\n"};
    alertron_model *model = fit(&rows, &options);
    for (int i = 0; i < WIDTH; i++)
        assert_string_equal(alertron_model_feature_name(model, (size_t)i), names[i]);
    assert_string_equal(info_of(model).provenance,
                        "rows: 500\nfeatures a tree: 3\ncontamination: 0.1\nseed: 42\nsite: north\n");
    assert_string_equal(info_of(model).producer, "alertron " ALERTRON_VERSION);
    alertron_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_bytes_and_another_others),
        cmocka_unit_test(the_bytes_are_the_same_on_every_machine),
        cmocka_unit_test(the_layout_of_the_rows_does_not_matter),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(options_are_refused_before_any_tree_is_grown),
        cmocka_unit_test(shapes_out_of_range_are_refused),
        cmocka_unit_test(more_nodes_than_a_forest_may_have_are_refused),
        cmocka_unit_test(numbers_that_are_not_finite_are_refused_by_row_and_feature),
        cmocka_unit_test(missing_values_are_taken_where_asked_for_and_infinite_ones_are_not),
        cmocka_unit_test(a_model_of_rows_with_missing_values_scores_such_rows),
        cmocka_unit_test(rows_that_lack_every_number_give_trees_of_one_leaf),
        cmocka_unit_test(a_bootstrap_says_so_and_keeps_the_normalizer_of_its_draws),
        cmocka_unit_test(the_greatest_and_the_smallest_numbers_are_taken),
        cmocka_unit_test(texts_that_do_not_fit_are_refused),
        cmocka_unit_test(memory_that_runs_out_leaks_nothing),
        cmocka_unit_test(constant_rows_give_trees_of_one_leaf),
        cmocka_unit_test(two_rows_are_parted),
        cmocka_unit_test(more_samples_than_rows_take_all_rows),
        cmocka_unit_test(extreme_numbers_are_parted),
        cmocka_unit_test(zeros_of_both_signs_are_equal),
        cmocka_unit_test(defaults_are_those_of_the_paper),
        cmocka_unit_test(the_share_of_features_is_rounded_down_but_not_to_none),
        cmocka_unit_test(contamination_is_the_share_of_anomalies_and_all_bands_occur),
        cmocka_unit_test(without_scores_the_forest_is_the_same_and_the_cuts_are_provisional),
        cmocka_unit_test(without_scores_there_is_no_contamination),
        cmocka_unit_test(texts_are_kept_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
