/* test_explanation.c: what features are called, and which of them are told as causes. */
#include "explanation.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

enum { ROWS = 64, WIDTH = 3 };

static alertron_model *trained(const char *const *names)
{
    double rows[ROWS * WIDTH];
    for (int i = 0; i < ROWS * WIDTH; i++)
        rows[i] = i * 7919 % 101;
    const alertron_rows view = alertron_rows_of(rows, ROWS, WIDTH);
    const alertron_fit_options options = {.trees = 2, .seed = 1, .feature_names = names};
    alertron_error error;
    alertron_model *model = alertron_model_fit(&view, &options, NULL, &error);
    assert_non_null(model);
    return model;
}

/* Makes features of a list and a model with these names; false, and why, where they are refused. */
static bool names_are(const char *list, const char *const *of_model, const char *const expected[WIDTH], char *why,
                      size_t why_size)
{
    struct metrics metrics;
    alertron_error error;
    assert_true(metrics_open(&metrics, 1, "readings", &error));
    alertron_model *model = trained(of_model);
    struct features *features = features_new(list, model, &metrics, why, why_size);
    alertron_model_free(model); /* names outlast it */
    for (size_t i = 0; features && i < WIDTH; i++)
        assert_string_equal(features->names[i], expected[i]);
    features_free(features);
    metrics_close(&metrics);
    return features != NULL;
}

static void names_are_the_list_s_else_the_model_s_else_numbers(void **state)
{
    (void)state;
    static const char *const of_model[] = {"t", "p", "v"}, *const told[] = {"temperature", "oil pressure", "vibration"},
                             *const numbered[] = {"feature_0", "feature_1", "feature_2"};
    char why[200];
    assert_true(names_are(" temperature,oil pressure ,\tvibration", of_model, told, why, sizeof why));
    assert_true(names_are("", of_model, of_model, why, sizeof why));
    assert_true(names_are(NULL, NULL, numbered, why, sizeof why));
}

static void a_list_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *list, *why;
    } bad[] = {{"a,b", "has 2 names, and the model takes 3"},
               {"a,b,c,d", "has 4 names, and the model takes 3"},
               {"a,,c", "name 2 of"},
               {"a,b,  ", "name 3 of"},
               {"a\x01,b,c", "name 1 of"},
               {"a,\xff,c", "name 2 of"}};
    char why[200], list[1024];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(names_are(bad[i].list, NULL, NULL, why, sizeof why));
        assert_non_null(strstr(why, bad[i].why));
    }
    memset(list, 'x', ALERTRON_FEATURE_NAME_MAX);
    strcpy(list + ALERTRON_FEATURE_NAME_MAX, ",b,c");
    const char *const longest[] = {list, "b", "c"};
    char kept[sizeof list];
    memcpy(kept, list, sizeof kept);
    list[ALERTRON_FEATURE_NAME_MAX] = 0;
    assert_true(names_are(kept, NULL, longest, why, sizeof why));
    memmove(kept + 1, kept, sizeof kept - 1);
    assert_false(names_are(kept, NULL, NULL, why, sizeof why));
}

static void the_largest_shares_are_told_the_largest_first(void **state)
{
    (void)state;
    struct explanation told = explanation_of((const double[]){0.1, 0.4, 0, 0.2, 0.3}, 5);
    assert_int_equal(told.n, 3);
    assert_int_equal(told.causes[0].feature, 1);
    assert_int_equal(told.causes[1].feature, 4);
    assert_int_equal(told.causes[2].feature, 3);
    assert_true(told.causes[0].share == 0.4f);
    told =
        explanation_of((const double[]){0, 0.5, 0.5, 0}, 4); /* the first of equals first, and none that adds nothing */
    assert_int_equal(told.n, 2);
    assert_int_equal(told.causes[0].feature, 1);
    assert_int_equal(explanation_of((const double[]){NAN, NAN}, 2).n, 0);
    assert_int_equal(explanation_of((const double[]){0.1, 0.2, 0.3, 0.4}, 4).n, 3);
    assert_int_equal(explanation_of((const double[]){0.1, 0.2, 0.3, 0.4}, 4).causes[0].feature, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_the_list_s_else_the_model_s_else_numbers),
        cmocka_unit_test(a_list_that_does_not_fit_is_refused),
        cmocka_unit_test(the_largest_shares_are_told_the_largest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
