/* test_check_along.c: what a score does along a feature: no interval is overlooked, and a fall is told. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "check_support.h"
#include "synthetic.h"

static int by_number(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Every number at which a score can change, and its neighbours; malloced. */
static double *every_number(const struct synthetic *synthetic, uint32_t feature, size_t *n)
{
    double *numbers = malloc(sizeof *numbers * (3 * (size_t)synthetic->n_nodes + 2));
    assert_non_null(numbers);
    *n = 0;
    numbers[(*n)++] = -DBL_MAX;
    numbers[(*n)++] = DBL_MAX;
    for (uint32_t i = 0; i < synthetic->n_nodes; i++) {
        const struct tree_node *node = &synthetic->nodes[i];
        if (node->left < 0 || node->feature != feature || !isfinite(node->threshold))
            continue;
        numbers[(*n)++] = node->threshold;
        if (node->threshold < DBL_MAX)
            numbers[(*n)++] = nextafter(node->threshold, INFINITY);
        if (node->threshold > -DBL_MAX)
            numbers[(*n)++] = nextafter(node->threshold, -INFINITY);
    }
    qsort(numbers, *n, sizeof *numbers, by_number);
    return numbers;
}

struct naive {
    double fall, change; /* the deepest and the largest */
    bool band_falls, band_changes;
};

static void go(const alertron_model *model, double *row, uint32_t feature, const double *numbers, size_t n, int step,
               struct naive *naive)
{
    const double start = row[feature], start_score = alertron_model_score(model, row);
    double highest = start_score;
    for (size_t i = 0; i < n; i++) {
        row[feature] = step > 0 ? numbers[i] : numbers[n - 1 - i];
        if (!(start != start) && (step > 0 ? row[feature] <= start : row[feature] >= start))
            continue;
        const double score = alertron_model_score(model, row);
        naive->fall = fmax(naive->fall, highest - score);
        naive->change = fmax(naive->change, fabs(score - start_score));
        naive->band_falls |= alertron_model_severity(model, score) < alertron_model_severity(model, highest);
        naive->band_changes |= alertron_model_severity(model, score) != alertron_model_severity(model, start_score);
        highest = fmax(highest, score);
    }
    row[feature] = start;
}

static void compare_along(const alertron_model *model, double *row, uint32_t feature, alertron_direction direction,
                          const struct naive *naive)
{
    alertron_check check = {.kind = ALERTRON_CHECK_INVARIANCE,
                            .rows = alertron_rows_of(row, 1, alertron_model_features(model)),
                            .feature = feature,
                            .direction = direction};
    if (row[feature] != row[feature] && direction != ALERTRON_VARYING) {
        assert_int_equal(check_refused(model, &check, "no number to begin from"), ALERTRON_ERROR_ARGUMENT);
        return;
    }
    assert_int_equal(check_made(model, &check).passed, !naive->band_changes);
    check.by_score = true;
    alertron_check_result result = check_made(model, &check);
    assert_true(result.figure == naive->change);
    assert_int_equal(result.passed, !(naive->change > 0.0));
    if (naive->change > 0.0) {
        const double start = row[feature];
        row[feature] = result.value;
        assert_true(result.feature == feature && alertron_model_score(model, row) == result.score);
        row[feature] = start;
        check.tolerance = naive->change;
        assert_true(check_made(model, &check).passed);
    }
    if (row[feature] != row[feature])
        return;
    check.kind = ALERTRON_CHECK_MONOTONE;
    check.tolerance = 0.0;
    check.by_score = false;
    assert_int_equal(check_made(model, &check).passed, !naive->band_falls);
    check.by_score = true;
    result = check_made(model, &check);
    assert_true(result.figure == naive->fall);
    assert_int_equal(result.passed, !(naive->fall > 0.0));
}

static alertron_model *synthetic_model(const struct synthetic *synthetic)
{
    const alertron_allocator allocator = alertron__allocator(NULL);
    const struct model_parts parts = {.forest = synthetic_forest(synthetic, NULL),
                                      .samples = 256,
                                      .normalizer = 10.0 * synthetic->n_trees,
                                      .cuts = {.threshold = 0.5,
                                               .medium = 0.6,
                                               .high = 0.7,
                                               .medium_quantile = 0.8,
                                               .high_quantile = 0.95,
                                               .origin = ALERTRON_CUTS_FILE}};
    assert_non_null(parts.forest);
    alertron_model *model = alertron__model_new(&parts, &allocator, NULL);
    assert_non_null(model);
    return model;
}

/* Every feature is each of them, from the row as it is. */
static void every_feature_is_each_of_them(void **state)
{
    (void)state;
    struct random_state random = alertron__random_new(78, 0);
    for (uint64_t index = 0; index < 2 * SYNTHETIC_SHAPES; index++) {
        struct synthetic synthetic = synthetic_new(32, index);
        alertron_model *model = synthetic_model(&synthetic);
        double *row = malloc(sizeof *row * synthetic.n_features), change = 0.0;
        assert_non_null(row);
        synthetic_rows(&synthetic, &random, ALERTRON_FLOAT64, 1, row);
        for (uint32_t i = 0; i < synthetic.n_features; i++)
            row[i] = isfinite(row[i]) ? row[i] : 0.0;
        alertron_check check = {.kind = ALERTRON_CHECK_INVARIANCE,
                                .rows = alertron_rows_of(row, 1, synthetic.n_features),
                                .by_score = true};
        for (; check.feature < synthetic.n_features && synthetic.n_features < 50; check.feature++) {
            const double figure = check_made(model, &check).figure;
            change = figure > change ? figure : change;
        }
        check.feature = ALERTRON_EVERY_FEATURE;
        if (synthetic.n_features < 50)
            assert_true(check_made(model, &check).figure == change);
        free(row);
        alertron_model_free(model);
        synthetic_free(&synthetic);
    }
}

/* Forests of all shapes: against the scores at every threshold of the forest and beside it. */
static void no_interval_along_a_feature_is_missed(void **state)
{
    (void)state;
    struct random_state random = alertron__random_new(77, 0);
    for (uint64_t index = 0; index < 2 * SYNTHETIC_SHAPES; index++) {
        struct synthetic synthetic = synthetic_new(31, index);
        alertron_model *model = synthetic_model(&synthetic);
        double *rows = malloc(sizeof *rows * 2 * synthetic.n_features);
        assert_non_null(rows);
        synthetic_rows(&synthetic, &random, ALERTRON_FLOAT64, 2, rows);
        const uint32_t feature = alertron__random_below(&random, synthetic.n_features);
        size_t n;
        double *numbers = every_number(&synthetic, feature, &n);
        for (size_t r = 0; r < 2 && n < 4000; r++)
            for (int direction = ALERTRON_VARYING; direction <= ALERTRON_FALLING; direction++) {
                double *row = rows + r * synthetic.n_features;
                if (!isfinite(row[feature]) && !isnan(row[feature]))
                    row[feature] = 0.0;
                struct naive naive = {0};
                if (isnan(alertron_model_score(model, row)))
                    continue;
                if (direction != ALERTRON_FALLING)
                    go(model, row, feature, numbers, n, 1, &naive);
                if (direction != ALERTRON_RISING)
                    go(model, row, feature, numbers, n, -1, &naive);
                compare_along(model, row, feature, (alertron_direction)direction, &naive);
            }
        free(numbers);
        free(rows);
        alertron_model_free(model);
        synthetic_free(&synthetic);
    }
}

/* Splits below splits of the same feature: here a subtree that is overlooked shows. */
static void no_subtree_is_overlooked(void **state)
{
    (void)state;
    struct random_state random = alertron__random_new(78, 0);
    for (int i = 0; i < 300; i++) {
        struct tree_node nodes[31];
        uint32_t end = 31;
        for (uint32_t at = 0; at < end; at++) {
            const bool leaf = at >= 15;
            nodes[at] = (struct tree_node){.left = leaf ? -1 : 2 * (int64_t)at + 1,
                                           .right = leaf ? -1 : 2 * (int64_t)at + 2,
                                           .threshold = (double)alertron__random_below(&random, 12),
                                           .term = 10.0 * alertron__random_unit(&random)};
        }
        const struct synthetic synthetic = {
            .n_features = 1, .n_trees = 1, .n_nodes = end, .ends = &end, .nodes = nodes, .longest = 10.0};
        alertron_model *model = synthetic_model(&synthetic);
        size_t n;
        double *numbers = every_number(&synthetic, 0, &n), row = 0.5 * alertron__random_below(&random, 25);
        struct naive naive = {0};
        go(model, &row, 0, numbers, n, 1, &naive);
        go(model, &row, 0, numbers, n, -1, &naive);
        compare_along(model, &row, 0, ALERTRON_VARYING, &naive);
        free(numbers);
        alertron_model_free(model);
    }
}

/* x <= 1: score s1; 1 < x <= 2: s2; above: s3; by one tree. */
static alertron_model *staircase(double first, double second, double third)
{
    const alertron_allocator allocator = alertron__allocator(NULL);
    const struct tree_node nodes[] = {{.left = 1, .right = 2, .feature = 1, .threshold = 1.0},
                                      {.left = -1, .right = -1, .term = first},
                                      {.left = 3, .right = 4, .feature = 1, .threshold = 2.0},
                                      {.left = -1, .right = -1, .term = second},
                                      {.left = -1, .right = -1, .term = third}};
    static const char *const names[] = {"still", "hot\nwater"};
    struct model_parts parts = {.forest = alertron__forest_new(2, 1, 5, &allocator, NULL),
                                .samples = 5,
                                .normalizer = 1.0,
                                .cuts = {0.3, 0.6, 0.7, 0.75, 0.9375, 20, ALERTRON_CUTS_FILE},
                                .feature_names = names};
    assert_non_null(parts.forest);
    assert_int_equal(alertron__forest_add_tree(parts.forest, nodes, 5, NULL), ALERTRON_OK);
    alertron_model *model = alertron__model_new(&parts, &allocator, NULL);
    assert_non_null(model);
    return model;
}

static void a_fall_is_told_with_where_it_was_higher(void **state)
{
    (void)state;
    alertron_model *model = staircase(2.0, 1.0, 3.0); /* scores 0.25, 0.5, 0.125 */
    const double row[] = {7.0, 0.0, 7.0, 0.5};
    alertron_check check = {.kind = ALERTRON_CHECK_MONOTONE,
                            .rows = alertron_rows_of(row, 2, 2),
                            .feature = ALERTRON_EVERY_FEATURE,
                            .direction = ALERTRON_RISING};
    alertron_check_result result = check_made(model, &check);
    assert_false(result.passed);
    assert_string_equal(result.text, "hot?water at 2.0000000000000004 scores 0.125, none; before, at 2, it was 0.5, "
                                     "low (row 0)");
    assert_true(result.row == 0 && result.feature == 1 && result.value > 2.0 && result.score == 0.125);
    check.direction = ALERTRON_FALLING;
    assert_true(check_made(model, &check).passed);
    check.kind = ALERTRON_CHECK_INVARIANCE;
    check.direction = ALERTRON_VARYING;
    check.feature = 0;
    assert_true(check_made(model, &check).passed);
    check.feature = 1;
    result = check_made(model, &check);
    assert_string_equal(result.text, "hot?water at 2 scores 0.5, low; unchanged, at 0, it was 0.25, none (row 0)");
    check.by_score = true;
    check.tolerance = 0.25;
    assert_true(check_made(model, &check).passed);
    check.tolerance = 0.24;
    assert_false(check_made(model, &check).passed);
    alertron_model_free(model);
}

/* Falls within a band do not look more normal, unless the check is about the score. */
static void a_severity_that_stays_is_not_more_normal(void **state)
{
    (void)state;
    alertron_model *model = staircase(3.0, 2.0, 2.5);
    const double row[] = {0.0, 0.0};
    alertron_check check = {.kind = ALERTRON_CHECK_MONOTONE,
                            .rows = alertron_rows_of(row, 1, 2),
                            .feature = 1,
                            .direction = ALERTRON_RISING};
    assert_true(check_made(model, &check).passed);
    check.by_score = true;
    check.tolerance = 0.01;
    assert_false(check_made(model, &check).passed);
    alertron_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_feature_is_each_of_them),
        cmocka_unit_test(no_interval_along_a_feature_is_missed),
        cmocka_unit_test(no_subtree_is_overlooked),
        cmocka_unit_test(a_fall_is_told_with_where_it_was_higher),
        cmocka_unit_test(a_severity_that_stays_is_not_more_normal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
