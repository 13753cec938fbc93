/* test_model.c: a model refuses what it cannot score, treats NaN as promised, and checks itself. */
#include "support.h"

#include "private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_same(double a, double b)
{
    return alertron__bits_of_double(a) == alertron__bits_of_double(b);
}

/* Two trees over two features; the second sends missing values to the right. */
static struct forest *two_trees(bool missing_values, const alertron_allocator *allocator)
{
    struct tree_node nodes[] = {{.left = 1, .right = 2, .feature = 0, .threshold = 10.0, .missing_left = true},
                                {.left = -1, .right = -1, .term = 3.0},
                                {.left = -1, .right = -1, .term = 1.0}};
    struct forest *forest = alertron__forest_new(2, 2, 6, allocator, NULL);
    if (!forest)
        return NULL;
    alertron_status status = alertron__forest_add_tree(forest, nodes, 3, NULL);
    nodes[0] = (struct tree_node){.left = 1, .right = 2, .feature = 1, .threshold = -1.0};
    nodes[1].term = 2.5;
    if (status == ALERTRON_OK)
        status = alertron__forest_add_tree(forest, nodes, 3, NULL);
    if (status != ALERTRON_OK) {
        alertron__forest_free(forest);
        return NULL;
    }
    forest->missing_values = missing_values;
    return forest;
}

static struct model_parts parts_of(struct forest *forest)
{
    return (struct model_parts){.forest = forest,
                                .samples = 256,
                                .normalizer = 4.0,
                                .cuts = {.threshold = 0.5, .medium_quantile = 0.8, .high_quantile = 0.95},
                                .producer = "a test",
                                .provenance = "made: by hand"};
}

static alertron_model *model_of(const struct model_parts *parts)
{
    const alertron_allocator allocator = alertron__allocator(NULL);
    alertron_error error = {.text = ""};
    alertron_model *model = alertron__model_new(parts, &allocator, &error);
    if (!model)
        fail_msg("%s", error.text);
    return model;
}

static alertron_model *hand_made(bool missing_values)
{
    const alertron_allocator allocator = alertron__allocator(NULL);
    const struct model_parts parts = parts_of(two_trees(missing_values, &allocator));
    return model_of(&parts);
}

/* --- loading ----------------------------------------------------------------------------------------------- */

static void assert_not_loaded(const void *bytes, size_t n)
{
    failing_allocator counting = {0};
    const alertron_allocator allocator = failing_allocator_of(&counting);
    alertron_error error = {.status = ALERTRON_OK};
    assert_null(alertron_model_load(bytes, n, &allocator, &error));
    assert_int_not_equal(error.status, ALERTRON_OK);
    assert_true(strlen(error.text) > 20);
    assert_null(strchr(error.text, '\n'));
    assert_null(alertron_model_load(bytes, n, &allocator, NULL));
    assert_null(alertron_model_load_with(bytes, n, &(alertron_load_options){.input = ALERTRON_INPUT_FLOAT64},
                                         &allocator, NULL));
    assert_int_equal(counting.bytes_held, 0);
}

static void nothing_is_no_model(void **state)
{
    (void)state;
    assert_not_loaded("", 0);
    assert_not_loaded(NULL, 0);
}

static void garbage_is_no_model(void **state)
{
    (void)state;
    static const char *const texts[] = {"{", "hello", "ALERTRO", "ALERTRON", "ALERTRON\n", "PK\003\004", "\177ELF"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_not_loaded(texts[i], strlen(texts[i]));
    unsigned char noise[512];
    struct random_state random = alertron__random_new(6, 0);
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (unsigned char)alertron__random_next(&random);
        if (round % 2)
            memcpy(noise, "ALERTRON", 8);
        assert_not_loaded(noise, sizeof noise);
    }
}

static void freeing_nothing_does_nothing(void **state)
{
    (void)state;
    alertron_model_free(NULL);
}

/* --- scoring ------------------------------------------------------------------------------------------------ */

static void a_score_is_what_the_formula_says(void **state)
{
    (void)state;
    alertron_model *model = hand_made(false);
    const double rows[][2] = {{10.0, -1.0}, {10.5, -1.0}, {10.0, 0.0}, {INFINITY, INFINITY}};
    const double path_lengths[] = {5.5, 3.5, 4.0, 2.0};
    for (int i = 0; i < 4; i++) {
        assert_true(alertron_model_path_length(model, rows[i]) == path_lengths[i]);
        assert_true(is_same(alertron_model_score(model, rows[i]), alertron__score(path_lengths[i], 4.0)));
    }
    assert_int_equal(alertron_model_severity(model, 0.5), ALERTRON_SEVERITY_NONE);
    assert_int_equal(alertron_model_severity(model, 1.0), ALERTRON_SEVERITY_HIGH);
    alertron_model_free(model);
}

static void a_wrong_width_writes_nothing(void **state)
{
    (void)state;
    alertron_model *model = hand_made(false);
    const double numbers[6] = {0};
    for (size_t width = 0; width < 4; width++) {
        const alertron_rows rows = alertron_rows_of(numbers, 2, width);
        double scores[2] = {-7.0, -7.0};
        if (width == 2) {
            assert_int_equal(alertron_model_score_rows(model, &rows, scores), ALERTRON_OK);
        } else {
            assert_int_equal(alertron_model_score_rows(model, &rows, scores), ALERTRON_ERROR_ARGUMENT);
            assert_true(scores[0] == -7.0 && scores[1] == -7.0);
        }
    }
    alertron_model_free(model);
}

static void no_rows_write_nothing(void **state)
{
    (void)state;
    alertron_model *model = hand_made(false);
    const alertron_rows rows = alertron_rows_of(NULL, 0, 2);
    double score = -7.0;
    assert_int_equal(alertron_model_score_rows(model, &rows, &score), ALERTRON_OK);
    assert_true(score == -7.0);
    alertron_model_free(model);
}

static void many_rows_score_as_one(void **state)
{
    (void)state;
    for (int missing = 0; missing < 2; missing++) {
        alertron_model *model = hand_made(missing);
        struct random_state random = alertron__random_new(8, 0);
        double numbers[600], scores[300];
        float narrow[600];
        for (int i = 0; i < 600; i++) {
            const bool is_nan = alertron__random_below(&random, 9) == 0 || (i >= 100 && i < 140);
            narrow[i] = is_nan ? NAN : (float)alertron__random_below(&random, 24) - 8.0f;
            numbers[i] = narrow[i];
        }
        alertron_rows rows = alertron_rows_of(numbers, 300, 2);
        assert_int_equal(alertron_model_score_rows(model, &rows, scores), ALERTRON_OK);
        for (int i = 0; i < 300; i++)
            assert_true(is_same(scores[i], alertron_model_score(model, numbers + (ptrdiff_t)2 * i)));
        rows = (alertron_rows){narrow, ALERTRON_FLOAT32, 300, 2, 8, 4};
        double again[300];
        assert_int_equal(alertron_model_score_rows(model, &rows, again), ALERTRON_OK);
        assert_memory_equal(scores, again, sizeof scores);
        alertron_model_free(model);
    }
}

static void missing_values_are_scored_where_the_model_takes_them(void **state)
{
    (void)state;
    alertron_model *model = hand_made(true);
    const double rows[][2] = {{NAN, -1.0}, {10.5, NAN}, {NAN, NAN}};
    const double path_lengths[] = {5.5, 2.0, 4.0};
    for (int i = 0; i < 3; i++) {
        assert_true(alertron_model_path_length(model, rows[i]) == path_lengths[i]);
        assert_true(is_same(alertron_model_score(model, rows[i]), alertron__score(path_lengths[i], 4.0)));
    }
    alertron_model_free(model);
}

static void missing_values_give_nan_elsewhere(void **state)
{
    (void)state;
    alertron_model *model = hand_made(false);
    const double rows[][2] = {{NAN, -1.0}, {0.0, -1.0}, {0.0, NAN}, {NAN, NAN}, {0.0, -1.0}};
    double scores[5];
    const alertron_rows view = alertron_rows_of(rows[0], 5, 2);
    assert_int_equal(alertron_model_score_rows(model, &view, scores), ALERTRON_OK);
    for (int i = 0; i < 5; i++) {
        const bool expected = isnan(rows[i][0]) || isnan(rows[i][1]);
        assert_int_equal(isnan(scores[i]) != 0, expected);
        assert_int_equal(isnan(alertron_model_score(model, rows[i])) != 0, expected);
        assert_int_equal(isnan(alertron_model_path_length(model, rows[i])) != 0, expected);
        assert_int_equal(alertron_model_severity(model, scores[i]) == ALERTRON_SEVERITY_NONE,
                         expected || scores[i] <= 0.5);
    }
    alertron_model_free(model);
}

/* --- cuts ---------------------------------------------------------------------------------------------------- */

static void provisional_cuts_part_the_way_to_the_highest_score_in_thirds(void **state)
{
    (void)state;
    alertron_model *model = hand_made(false);
    const alertron_cuts cuts = alertron_model_cuts(model);
    const double highest = alertron_model_score(model, (const double[]){INFINITY, INFINITY});
    assert_int_equal(cuts.origin, ALERTRON_CUTS_PROVISIONAL);
    assert_int_equal(cuts.n_scores, 0);
    assert_true(cuts.threshold == 0.5);
    assert_true(fabs(cuts.medium - (0.5 + (highest - 0.5) / 3)) < 1e-15);
    assert_true(fabs(cuts.high - (0.5 + (highest - 0.5) * 2 / 3)) < 1e-15);
    assert_int_equal(alertron_model_severity(model, highest), ALERTRON_SEVERITY_HIGH);
    alertron_model_free(model);
}

static void a_threshold_above_all_scores_still_has_cuts_in_order(void **state)
{
    (void)state;
    const alertron_allocator allocator = alertron__allocator(NULL);
    struct model_parts parts = parts_of(two_trees(false, &allocator));
    parts.cuts.threshold = 0.9;
    alertron_model *model = model_of(&parts);
    const alertron_cuts cuts = alertron_model_cuts(model);
    assert_true(0.9 < cuts.medium && cuts.medium < cuts.high && cuts.high < 1.0);
    alertron_model_free(model);
}

static void assert_no_model(const struct model_parts *parts, alertron_status status)
{
    failing_allocator counting = {0};
    const alertron_allocator allocator = failing_allocator_of(&counting);
    struct model_parts taken = *parts;
    taken.forest = two_trees(false, &allocator);
    alertron_error error = {.status = ALERTRON_OK};
    assert_null(alertron__model_new(&taken, &allocator, &error));
    assert_int_equal(error.status, status);
    assert_int_equal(counting.bytes_held, 0);
}

static void parts_that_are_out_of_range_are_refused(void **state)
{
    (void)state;
    const struct model_parts good = parts_of(NULL);
    static const double normalizers[] = {NAN, -1.0, INFINITY, 1e12}, thresholds[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof normalizers / sizeof *normalizers; i++) {
        struct model_parts parts = good;
        parts.normalizer = normalizers[i];
        assert_no_model(&parts, ALERTRON_ERROR_FORMAT);
    }
    for (size_t i = 0; i < sizeof thresholds / sizeof *thresholds; i++) {
        struct model_parts parts = good;
        parts.cuts.threshold = thresholds[i];
        assert_no_model(&parts, ALERTRON_ERROR_FORMAT);
    }
    struct model_parts parts = good;
    parts.cuts.origin = ALERTRON_CUTS_FILE;
    parts.cuts.medium = 0.8;
    parts.cuts.high = 0.7;
    assert_no_model(&parts, ALERTRON_ERROR_FORMAT);
    parts.cuts.high = NAN;
    assert_no_model(&parts, ALERTRON_ERROR_FORMAT);
    parts = good;
    parts.samples = ALERTRON_SAMPLES_MAX + 1;
    assert_no_model(&parts, ALERTRON_ERROR_LIMIT);
}

static void texts_longer_than_their_bounds_are_refused(void **state)
{
    (void)state;
    static char text[ALERTRON_PROVENANCE_MAX + 2], name[ALERTRON_FEATURE_NAME_MAX + 2];
    memset(text, 'x', ALERTRON_PROVENANCE_MAX + 1);
    memset(name, 'x', ALERTRON_FEATURE_NAME_MAX + 1);
    const char *names[] = {"first", name};
    const struct model_parts good = parts_of(NULL);
    struct model_parts parts = good;
    parts.provenance = text;
    assert_no_model(&parts, ALERTRON_ERROR_LIMIT);
    parts = good;
    parts.producer = text;
    assert_no_model(&parts, ALERTRON_ERROR_LIMIT);
    parts = good;
    parts.feature_names = names;
    assert_no_model(&parts, ALERTRON_ERROR_LIMIT);

    const alertron_allocator allocator = alertron__allocator(NULL);
    text[ALERTRON_PROVENANCE_MAX] = name[ALERTRON_FEATURE_NAME_MAX] = 0;
    parts = parts_of(two_trees(false, &allocator));
    parts.provenance = parts.producer = text;
    parts.feature_names = names;
    alertron_model *model = model_of(&parts);
    assert_string_equal(alertron_model_feature_name(model, 1), name);
    alertron_model_free(model);
}

static void a_forest_that_is_not_whole_is_refused(void **state)
{
    (void)state;
    const alertron_allocator allocator = alertron__allocator(NULL);
    const struct tree_node node = {.left = -1, .right = -1, .term = 1.0};
    for (uint32_t trees = 0; trees < 2; trees++) {
        struct forest *forest = alertron__forest_new(1, 2, 2, &allocator, NULL);
        assert_non_null(forest);
        if (trees)
            assert_int_equal(alertron__forest_add_tree(forest, &node, 1, NULL), ALERTRON_OK);
        const struct model_parts parts = parts_of(forest);
        alertron_error error;
        assert_null(alertron__model_new(&parts, &allocator, &error));
        assert_int_equal(error.status, ALERTRON_ERROR_FORMAT);
    }
}

/* --- self test and description ---------------------------------------------------------------------------------- */

static void golden_rows_that_give_other_path_lengths_are_refused(void **state)
{
    (void)state;
    const alertron_allocator allocator = alertron__allocator(NULL);
    alertron_model *model = hand_made(true);
    double golden[GOLDEN_ROWS * 3];
    memcpy(golden, model->golden, sizeof golden);
    alertron_model_free(model);
    for (int row = -1; row < GOLDEN_ROWS; row++) {
        struct model_parts parts = parts_of(two_trees(true, &allocator));
        parts.golden = golden;
        alertron_error error = {.status = ALERTRON_OK};
        if (row >= 0)
            golden[row * 3 + 2] = nextafter(golden[row * 3 + 2], 100.0);
        model = alertron__model_new(&parts, &allocator, &error);
        if (row >= 0)
            golden[row * 3 + 2] = nextafter(golden[row * 3 + 2], 0.0);
        assert_int_equal(error.status, row < 0 ? ALERTRON_OK : ALERTRON_ERROR_SELF_TEST);
        assert_int_equal(model != NULL, row < 0);
        alertron_model_free(model);
    }
}

/* Rows that all go the same way would find no fault. */
static void golden_rows_stand_on_thresholds_and_hold_missing_values(void **state)
{
    (void)state;
    alertron_model *model = hand_made(true);
    int on_first = 0, on_second = 0, missing = 0;
    for (int i = 0; i < GOLDEN_ROWS; i++) {
        const double *row = model->golden + (ptrdiff_t)i * 3;
        on_first += row[0] == 10.0;
        on_second += row[1] == -1.0;
        missing += isnan(row[0]) || isnan(row[1]);
    }
    assert_true(on_first >= 8 && on_second >= 8 && missing == 4);
    alertron_model_free(model);
}

static void describe_tells_what_the_model_is(void **state)
{
    (void)state;
    failing_allocator counting = {0};
    const alertron_allocator allocator = failing_allocator_of(&counting);
    struct model_parts parts = parts_of(two_trees(true, &allocator));
    parts.feature_names = (const char *const[]){"temperature", ""};
    alertron_model *model = alertron__model_new(&parts, &allocator, NULL);
    assert_non_null(model);
    alertron_model_info info;
    alertron_model_describe(model, &info);
    assert_string_equal(info.kind, "isolation forest");
    assert_string_equal(info.producer, "a test");
    assert_string_equal(info.provenance, "made: by hand");
    assert_string_equal(info.kernel, model->forest->kernel->name);
    assert_int_equal(info.features, 2);
    assert_int_equal(info.trees, 2);
    assert_int_equal(info.nodes, 6);
    assert_int_equal(info.depth, 2);
    assert_int_equal(info.samples, 256);
    assert_true(info.normalizer == 4.0 && info.missing_values);
    assert_int_equal(info.bytes, counting.bytes_held);
    assert_int_equal(alertron_model_features(model), 2);
    assert_string_equal(alertron_model_feature_name(model, 0), "temperature");
    assert_string_equal(alertron_model_feature_name(model, 1), "");
    assert_null(alertron_model_feature_name(model, 2));
    alertron_model_free(model);
    assert_int_equal(counting.bytes_held, 0);
}

static void a_model_without_names_has_none(void **state)
{
    (void)state;
    alertron_model *model = hand_made(false);
    assert_null(alertron_model_feature_name(model, 0));
    alertron_model_free(model);
}

static void memory_that_runs_out_leaks_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b"};
    bool done = false;
    for (size_t nth = 1; !done; nth++) {
        failing_allocator failing = {.nth = nth};
        const alertron_allocator allocator = failing_allocator_of(&failing);
        struct model_parts parts = parts_of(two_trees(false, &allocator));
        parts.feature_names = names;
        alertron_error error = {.status = ALERTRON_ERROR_MEMORY};
        alertron_model *model = parts.forest ? alertron__model_new(&parts, &allocator, &error) : NULL;
        assert_int_equal(error.status, ALERTRON_ERROR_MEMORY);
        done = model != NULL;
        alertron_model_free(model);
        assert_int_equal(failing.bytes_held, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_no_model),
        cmocka_unit_test(garbage_is_no_model),
        cmocka_unit_test(freeing_nothing_does_nothing),
        cmocka_unit_test(a_score_is_what_the_formula_says),
        cmocka_unit_test(a_wrong_width_writes_nothing),
        cmocka_unit_test(no_rows_write_nothing),
        cmocka_unit_test(many_rows_score_as_one),
        cmocka_unit_test(missing_values_are_scored_where_the_model_takes_them),
        cmocka_unit_test(missing_values_give_nan_elsewhere),
        cmocka_unit_test(provisional_cuts_part_the_way_to_the_highest_score_in_thirds),
        cmocka_unit_test(a_threshold_above_all_scores_still_has_cuts_in_order),
        cmocka_unit_test(parts_that_are_out_of_range_are_refused),
        cmocka_unit_test(texts_longer_than_their_bounds_are_refused),
        cmocka_unit_test(a_forest_that_is_not_whole_is_refused),
        cmocka_unit_test(golden_rows_that_give_other_path_lengths_are_refused),
        cmocka_unit_test(golden_rows_stand_on_thresholds_and_hold_missing_values),
        cmocka_unit_test(describe_tells_what_the_model_is),
        cmocka_unit_test(a_model_without_names_has_none),
        cmocka_unit_test(memory_that_runs_out_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
