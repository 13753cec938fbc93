/* test_changes.c: alertron_model_with: a copy that differs in what was asked for, and in nothing else. */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 400, WIDTH = 3 };

static const char *const names[] = {"temperature", "pressure", "vibration"};

static alertron_model *fitted(void)
{
    static double numbers[ROWS * WIDTH];
    for (int i = 0; i < ROWS * WIDTH; i++)
        numbers[i] = (i * 7919 % 1009) / 16.0 + (i % 120 == 0 ? 200.0 : 0.0);
    const alertron_rows rows = alertron_rows_of(numbers, ROWS, WIDTH);
    const alertron_fit_options options = {
        .trees = 20, .contamination = 0.05, .feature_names = names, .provenance = "plant: north"};
    alertron_model *model = alertron_model_fit(&rows, &options, NULL, NULL);
    assert_non_null(model);
    return model;
}

static alertron_model *changed(const alertron_model *model, const alertron_model_changes *changes)
{
    alertron_error error = {.text = ""};
    alertron_model *other = alertron_model_with(model, changes, NULL, &error);
    if (!other)
        fail_msg("%s", error.text);
    return other;
}

static unsigned char *saved(const alertron_model *model, size_t *n)
{
    *n = alertron_model_save(model, NULL, 0);
    unsigned char *bytes = malloc(*n);
    assert_non_null(bytes);
    alertron_model_save(model, bytes, *n);
    return bytes;
}

static void assert_same_bytes(const alertron_model *a, const alertron_model *b)
{
    size_t n, n_other;
    unsigned char *bytes = saved(a, &n), *others = saved(b, &n_other);
    assert_int_equal(n, n_other);
    assert_memory_equal(bytes, others, n);
    free(others);
    free(bytes);
}

static void no_changes_give_the_same_model(void **state)
{
    alertron_model *other = changed(*state, &(alertron_model_changes){0});
    assert_same_bytes(*state, other);
    alertron_model_free(other);
}

/* Each change, and then the change that takes it back: what is between is as it was. */
static void a_copy_differs_in_what_was_changed_alone(void **state)
{
    const alertron_model *model = *state;
    static const char *const others[] = {"a", "", "\xc2\xb5m"};
    uint64_t counts[ALERTRON_SCORE_BINS] = {[7] = 3};
    const alertron_cuts cuts = {0.6, 0.7, 0.8, 0.5, 0.75, 12, ALERTRON_CUTS_STREAM}, own = alertron_model_cuts(model);
    const alertron_model_changes changes[] = {
        {.cuts = &cuts}, {.feature_names = others}, {.training_scores = counts}, {.tests = "# none yet\n"}};
    const alertron_model_changes undoing[] = {{.cuts = &own},
                                              {.feature_names = names},
                                              {.training_scores = alertron_model_training_scores(model)},
                                              {.tests = ""}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        alertron_model *other = changed(model, &changes[i]), *back = changed(other, &undoing[i]);
        const alertron_cuts found = alertron_model_cuts(other);
        assert_true(found.threshold == (i == 0 ? 0.6 : own.threshold) && (i != 0 || found.high == 0.8));
        assert_int_equal(found.origin, i == 0 ? ALERTRON_CUTS_STREAM : ALERTRON_CUTS_TRAINING);
        assert_string_equal(alertron_model_feature_name(other, 2), i == 1 ? "\xc2\xb5m" : "vibration");
        assert_int_equal(alertron_model_training_scores(other)[7], i == 2 ? 3 : 0);
        assert_string_equal(alertron_model_tests(other), i == 3 ? "# none yet\n" : "");
        assert_same_bytes(model, back);
        alertron_model_free(back);
        alertron_model_free(other);
    }
}

/* A model that is changed every night keeps what was said of it, and does not grow. */
static void a_line_of_provenance_takes_the_place_of_one_with_its_key(void **state)
{
    alertron_model *model =
        changed(*state, &(alertron_model_changes){.provenance = "by: me\nconverted: on day 0\nno key"});
    for (int day = 1; day < 500; day++) {
        char line[64];
        snprintf(line, sizeof line, "converted: on day %d\n", day);
        alertron_model *next = changed(model, &(alertron_model_changes){.provenance = line});
        alertron_model_free(model);
        model = next;
    }
    alertron_model_info info;
    alertron_model_describe(model, &info);
    assert_non_null(strstr(info.provenance, "\nplant: north\nby: me\nno key\nconverted: on day 499\n"));
    assert_null(strstr(info.provenance, "day 498"));
    alertron_model_free(model);
}

static void provenance_is_added_on_a_line_of_its_own(void **state)
{
    alertron_model *once = changed(*state, &(alertron_model_changes){.provenance = "converted: today\n"});
    alertron_model *twice = changed(once, &(alertron_model_changes){.provenance = "signed: me"});
    alertron_model_info info;
    alertron_model_describe(twice, &info);
    assert_non_null(strstr(info.provenance, "\nplant: north\nconverted: today\nsigned: me"));
    alertron_model_free(twice);
    alertron_model_free(once);
}

/* Whatever else differs. */
static void a_forest_is_the_same_node_by_node(void **state)
{
    const alertron_model *model = *state;
    alertron_model *same =
        changed(model, &(alertron_model_changes){.provenance = "another: text", .feature_names = names});
    assert_true(alertron_model_same_forest(model, same));
    alertron_model_free(same);
    const double numbers[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    for (uint64_t seed = 0; seed < 3; seed++) {
        const alertron_rows rows = alertron_rows_of(numbers, 3, 3);
        const alertron_fit_options options[] = {{.trees = 2}, {.trees = 2, .seed = seed}, {.trees = 3}};
        alertron_model *a = alertron_model_fit(&rows, &options[0], NULL, NULL),
                       *b = alertron_model_fit(&rows, &options[1], NULL, NULL),
                       *c = alertron_model_fit(&rows, &options[2], NULL, NULL);
        assert_true(a && b && c);
        assert_int_equal(alertron_model_same_forest(a, b), seed == 0);
        assert_false(alertron_model_same_forest(a, c) || alertron_model_same_forest(a, model));
        alertron_model_free(c);
        alertron_model_free(b);
        alertron_model_free(a);
    }
}

static void provisional_cuts_are_worked_out(void **state)
{
    const alertron_cuts cuts = {.threshold = 0.5, .medium_quantile = 0.8, .high_quantile = 0.95};
    alertron_model *other = changed(*state, &(alertron_model_changes){.cuts = &cuts});
    const alertron_cuts found = alertron_model_cuts(other);
    assert_true(found.threshold == 0.5 && found.medium > 0.5 && found.high > found.medium && found.n_scores == 0);
    assert_int_equal(found.origin, ALERTRON_CUTS_PROVISIONAL);
    alertron_model_free(other);
}

static void changes_out_of_range_are_refused(void **state)
{
    char *tests = malloc(ALERTRON_TESTS_MAX + 2), *name = malloc(70000);
    assert_true(tests && name);
    memset(tests, '#', ALERTRON_TESTS_MAX + 1);
    tests[ALERTRON_TESTS_MAX + 1] = 0;
    memset(name, 'n', 70000);
    name[65536 + 1] = 0; /* its length would wrap in 16 bits */
    const char *const long_names[] = {"a", name, "c"};
    const alertron_cuts nan = {NAN, 0.7, 0.8, 0.5, 0.75, 12, ALERTRON_CUTS_FILE};
    const alertron_cuts falling = {0.5, 0.9, 0.8, 0.5, 0.75, 12, ALERTRON_CUTS_FILE};
    const alertron_cuts unknown = {0.5, 0.7, 0.8, 0.5, 0.75, 12, (alertron_cuts_origin)4};
    const alertron_model_changes changes[] = {{.tests = tests},      {.feature_names = long_names},
                                              {.provenance = tests}, {.cuts = &nan},
                                              {.cuts = &falling},    {.cuts = &unknown}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        alertron_error error = {.status = ALERTRON_OK, .text = ""};
        assert_null(alertron_model_with(*state, &changes[i], NULL, &error));
        assert_int_equal(error.status, i < 3 ? ALERTRON_ERROR_LIMIT : ALERTRON_ERROR_ARGUMENT);
        assert_null(strstr(error.text, "the file"));
        assert_true(strlen(error.text) > 20);
    }
    free(name);
    free(tests);
}

static void memory_that_runs_out_leaks_nothing(void **state)
{
    bool done = false;
    for (size_t nth = 1; !done; nth++) {
        failing_allocator failing = {.nth = nth};
        const alertron_allocator allocator = failing_allocator_of(&failing);
        alertron_error error = {.status = ALERTRON_ERROR_MEMORY};
        alertron_model *other =
            alertron_model_with(*state, &(alertron_model_changes){.feature_names = names}, &allocator, &error);
        assert_int_equal(error.status, ALERTRON_ERROR_MEMORY);
        done = other != NULL;
        alertron_model_free(other);
        assert_int_equal(failing.bytes_held, 0);
    }
}

/* --- training scores ---------------------------------------------------------------------------------------------- */

static void a_bin_holds_its_lower_edge_and_the_last_one_1(void **state)
{
    (void)state;
    assert_int_equal(alertron_score_bin(0.5), 128);
    assert_int_equal(alertron_score_bin(nextafter(0.5, 0.0)), 127);
    assert_int_equal(alertron_score_bin(1.0), 255);
    assert_int_equal(alertron_score_bin(1e-300), 0);
    assert_int_equal(alertron_score_bin(0.0), 0);
    assert_int_equal(alertron_score_bin(-1.0), 0);
    assert_int_equal(alertron_score_bin(7.0), 255);
    assert_int_equal(alertron_score_bin(NAN), 0);
}

static void a_fit_counts_the_scores_of_its_rows(void **state)
{
    const alertron_cuts cuts = alertron_model_cuts(*state);
    const uint64_t *counts = alertron_model_training_scores(*state);
    uint64_t all = 0, above = 0;
    for (size_t bin = 0; bin < ALERTRON_SCORE_BINS; bin++) {
        all += counts[bin];
        above += bin > alertron_score_bin(cuts.threshold) ? counts[bin] : 0;
    }
    assert_int_equal(all, ROWS);
    assert_true(above > 0 && above <= ROWS / 20);
}

static void a_fit_that_scores_nothing_counts_nothing(void **state)
{
    (void)state;
    const double numbers[] = {1, 2, 3, 4};
    const alertron_rows rows = alertron_rows_of(numbers, 4, 1);
    alertron_model *model =
        alertron_model_fit(&rows, &(alertron_fit_options){.trees = 2, .provisional_cuts = true}, NULL, NULL);
    assert_non_null(model);
    assert_null(alertron_model_training_scores(model));
    alertron_model_free(model);
}

static int setup(void **state)
{
    *state = fitted();
    return 0;
}

static int teardown(void **state)
{
    alertron_model_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_changes_give_the_same_model),
        cmocka_unit_test(a_copy_differs_in_what_was_changed_alone),
        cmocka_unit_test(provenance_is_added_on_a_line_of_its_own),
        cmocka_unit_test(a_line_of_provenance_takes_the_place_of_one_with_its_key),
        cmocka_unit_test(a_forest_is_the_same_node_by_node),
        cmocka_unit_test(provisional_cuts_are_worked_out),
        cmocka_unit_test(changes_out_of_range_are_refused),
        cmocka_unit_test(memory_that_runs_out_leaks_nothing),
        cmocka_unit_test(a_bin_holds_its_lower_edge_and_the_last_one_1),
        cmocka_unit_test(a_fit_counts_the_scores_of_its_rows),
        cmocka_unit_test(a_fit_that_scores_nothing_counts_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
