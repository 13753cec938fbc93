/* test_family.c: which families a registry makes and which it refuses. */
#include "support.h"

#include "registry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void asking_again_gives_the_same_family(void **state)
{
    const char *const labels[] = {"a", "b"};
    const double bounds[] = {1, 2};
    alertron_counter *counter = alertron_registry_counter(*state, "c_total", "C.", labels, 2, NULL);
    alertron_gauge *gauge = alertron_registry_gauge(*state, "g", "G.", NULL, 0, NULL);
    alertron_histogram *histogram = alertron_registry_histogram(*state, "h", "H.", labels, 2, bounds, 2, NULL);
    assert_non_null(counter);
    assert_non_null(gauge);
    assert_non_null(histogram);
    assert_ptr_equal(alertron_registry_counter(*state, "c_total", "Other words.", labels, 2, NULL), counter);
    assert_ptr_equal(alertron_registry_gauge(*state, "g", "G.", NULL, 0, NULL), gauge);
    assert_ptr_equal(alertron_registry_histogram(*state, "h", "H.", labels, 2, bounds, 2, NULL), histogram);
    assert_false(registry_shows(*state, "Other words."));
}

static void asking_again_for_something_else_is_refused(void **state)
{
    const char *const labels[] = {"a", "b"}, *const swapped[] = {"b", "a"};
    const double bounds[] = {1, 2}, others[] = {1, 3};
    alertron_registry_counter(*state, "c_total", "C.", labels, 2, NULL);
    alertron_registry_gauge(*state, "g", "G.", labels, 2, NULL);
    alertron_registry_histogram(*state, "h", "H.", labels, 2, bounds, 2, NULL);
    char *before = registry_text_of(*state);

    alertron_error error = {0};
    assert_null(alertron_registry_counter(*state, "c_total", "C.", labels, 1, &error));
    assert_int_equal(error.status, ALERTRON_ERROR_ARGUMENT);
    assert_non_null(strstr(error.text, "c_total"));
    assert_null(alertron_registry_counter(*state, "c_total", "C.", swapped, 2, NULL));
    assert_null(alertron_registry_gauge(*state, "c_total", "C.", labels, 2, NULL));
    assert_null(alertron_registry_gauge(*state, "g", "G.", swapped, 2, NULL));
    assert_null(alertron_registry_gauge(*state, "g", "G.", NULL, 0, NULL));
    assert_null(alertron_registry_histogram(*state, "g", "G.", labels, 2, NULL, 0, NULL));
    assert_null(alertron_registry_histogram(*state, "h", "H.", labels, 2, others, 2, NULL));
    assert_null(alertron_registry_histogram(*state, "h", "H.", labels, 2, bounds, 1, NULL));

    char *after = registry_text_of(*state);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static bool takes_gauge(alertron_registry *registry, const char *name, const char *const *labels, size_t n_labels)
{
    alertron_error error = {.status = ALERTRON_OK};
    bool taken = alertron_registry_gauge(registry, name, "Help.", labels, n_labels, &error) != NULL;
    assert_int_equal(taken, error.status == ALERTRON_OK);
    assert_int_equal(taken, strlen(error.text) == 0);
    assert_null(strchr(error.text, '\n'));
    return taken;
}

static void names_follow_the_grammar_of_prometheus(void **state)
{
    static const char *const good[] = {"a", "_", ":", "a:b_c", "Z9", "__x", "x_total"};
    static const char *const bad[] = {"", "9a", "a b", "a-b", "a.b", "\xC3\xA9", "a\n", "a{"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(takes_gauge(*state, good[i], NULL, 0));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(takes_gauge(*state, bad[i], NULL, 0));
    assert_false(takes_gauge(*state, NULL, NULL, 0));

    alertron_error error;
    assert_null(alertron_registry_gauge(*state, "ab-c", "Help.", NULL, 0, &error));
    assert_int_equal(error.status, ALERTRON_ERROR_ARGUMENT);
    assert_int_equal(error.offset, 2);
}

static void label_names_follow_the_grammar_of_prometheus(void **state)
{
    static const char *const good[] = {"a", "_", "_a", "Z9", "le", "a__b"};
    static const char *const bad[] = {"", "9a", "a:b", "a-b", "__a", "__", "a\"", NULL};
    char name[16];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(name, sizeof name, "good%zu", i);
        assert_true(takes_gauge(*state, name, &good[i], 1));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(takes_gauge(*state, "bad", &bad[i], 1));
    const char *const twice[] = {"a", "b", "a"};
    assert_false(takes_gauge(*state, "bad", twice, 3));
    const char *const le[] = {"a", "le"};
    assert_null(alertron_registry_histogram(*state, "bad", "Help.", le, 2, NULL, 0, NULL));
}

static void counters_end_in_total(void **state)
{
    assert_null(alertron_registry_counter(*state, "a", "Help.", NULL, 0, NULL));
    assert_null(alertron_registry_counter(*state, "a_totals", "Help.", NULL, 0, NULL));
    assert_null(alertron_registry_counter(*state, "_total", "Help.", NULL, 0, NULL));
    assert_non_null(alertron_registry_counter(*state, "a_total", "Help.", NULL, 0, NULL));
}

static void help_is_mandatory_and_utf8(void **state)
{
    alertron_error error;
    assert_null(alertron_registry_gauge(*state, "a", NULL, NULL, 0, &error));
    assert_int_equal(error.status, ALERTRON_ERROR_ARGUMENT);
    assert_null(alertron_registry_gauge(*state, "a", "", NULL, 0, NULL));
    assert_null(alertron_registry_gauge(*state, "a", "ab\xFF", NULL, 0, &error));
    assert_int_equal(error.offset, 2);
    assert_non_null(alertron_registry_gauge(*state, "a", "\xC3\xA9", NULL, 0, &error));
}

static bool takes_bounds(alertron_registry *registry, const char *name, const double *bounds, size_t n_bounds)
{
    return alertron_registry_histogram(registry, name, "Help.", NULL, 0, bounds, n_bounds, NULL) != NULL;
}

static void bounds_are_finite_and_strictly_rising(void **state)
{
    assert_false(takes_bounds(*state, "h", (const double[]){1, 1}, 2));
    assert_false(takes_bounds(*state, "h", (const double[]){-0.0, 0.0}, 2));
    assert_false(takes_bounds(*state, "h", (const double[]){1, 3, 2}, 3));
    assert_false(takes_bounds(*state, "h", (const double[]){1, INFINITY}, 2));
    assert_false(takes_bounds(*state, "h", (const double[]){-INFINITY, 1}, 2));
    assert_false(takes_bounds(*state, "h", (const double[]){NAN}, 1));
    assert_true(takes_bounds(*state, "h", (const double[]){-1, 0, 1e300}, 3));
}

static void limits_are_kept(void **state)
{
    alertron_error error;
    double bounds[ALERTRON_BUCKETS_MAX + 1];
    for (size_t i = 0; i <= ALERTRON_BUCKETS_MAX; i++)
        bounds[i] = (double)i;
    assert_null(alertron_registry_histogram(*state, "h", "H.", NULL, 0, bounds, ALERTRON_BUCKETS_MAX + 1, &error));
    assert_int_equal(error.status, ALERTRON_ERROR_LIMIT);
    assert_true(takes_bounds(*state, "h", bounds, ALERTRON_BUCKETS_MAX));

    char names[ALERTRON_LABELS_MAX + 1][8];
    const char *labels[ALERTRON_LABELS_MAX + 1];
    for (size_t i = 0; i <= ALERTRON_LABELS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "l%zu", i);
        labels[i] = names[i];
    }
    assert_null(alertron_registry_gauge(*state, "g", "G.", labels, ALERTRON_LABELS_MAX + 1, &error));
    assert_int_equal(error.status, ALERTRON_ERROR_LIMIT);
    alertron_gauge *gauge = alertron_registry_gauge(*state, "g", "G.", labels, ALERTRON_LABELS_MAX, &error);
    assert_non_null(gauge);
    assert_ptr_equal(alertron_gauge_with(gauge, labels), alertron_gauge_with(gauge, labels));

    char name[16];
    for (size_t i = 2; i < ALERTRON_FAMILIES_MAX; i++) {
        snprintf(name, sizeof name, "family%zu", i);
        assert_true(takes_gauge(*state, name, NULL, 0));
    }
    assert_null(alertron_registry_gauge(*state, "one_more", "G.", NULL, 0, &error));
    assert_int_equal(error.status, ALERTRON_ERROR_LIMIT);
    assert_ptr_equal(alertron_registry_gauge(*state, "g", "G.", labels, ALERTRON_LABELS_MAX, NULL), gauge);
}

static bool takes(alertron_registry *registry, enum metric_kind kind, const char *name)
{
    if (kind == METRIC_COUNTER)
        return alertron_registry_counter(registry, name, "Help.", NULL, 0, NULL) != NULL;
    if (kind == METRIC_GAUGE)
        return alertron_registry_gauge(registry, name, "Help.", NULL, 0, NULL) != NULL;
    return alertron_registry_histogram(registry, name, "Help.", NULL, 0, NULL, 0, NULL) != NULL;
}

static void families_whose_samples_would_be_mixed_up_are_refused(void **state)
{
    (void)state;
    static const struct {
        enum metric_kind kind;
        const char *name;
        enum metric_kind other_kind;
        const char *other;
        bool clash;
    } pairs[] = {
        {METRIC_HISTOGRAM, "x", METRIC_COUNTER, "x_total", true},
        {METRIC_HISTOGRAM, "x", METRIC_GAUGE, "x_count", true},
        {METRIC_HISTOGRAM, "x", METRIC_GAUGE, "x_sum", true},
        {METRIC_HISTOGRAM, "x", METRIC_GAUGE, "x_bucket", true},
        {METRIC_HISTOGRAM, "x", METRIC_GAUGE, "x_created", true},
        {METRIC_HISTOGRAM, "x", METRIC_HISTOGRAM, "x_sum", true},
        {METRIC_HISTOGRAM, "x", METRIC_GAUGE, "x_sums", false},
        {METRIC_HISTOGRAM, "x", METRIC_COUNTER, "x_count_total", true},
        {METRIC_HISTOGRAM, "x", METRIC_HISTOGRAM, "xx", false},
        {METRIC_COUNTER, "x_total", METRIC_GAUGE, "x", true},
        {METRIC_COUNTER, "x_total", METRIC_GAUGE, "x_total", true},
        {METRIC_COUNTER, "x_total", METRIC_GAUGE, "x_created", true},
        {METRIC_COUNTER, "x_total", METRIC_COUNTER, "x_total_total", true},
        {METRIC_COUNTER, "x_total", METRIC_COUNTER, "xx_total", false},
        {METRIC_COUNTER, "x_total", METRIC_GAUGE, "x_count", false},
        {METRIC_GAUGE, "x", METRIC_GAUGE, "x_created", false},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        for (int order = 0; order < 2; order++) {
            alertron_registry *registry = alertron_registry_new(NULL, NULL, NULL);
            if (order)
                assert_true(takes(registry, pairs[i].other_kind, pairs[i].other));
            assert_int_equal(takes(registry, pairs[i].kind, pairs[i].name), !(order && pairs[i].clash));
            if (!order)
                assert_int_equal(takes(registry, pairs[i].other_kind, pairs[i].other), !pairs[i].clash);
            alertron_registry_free(registry);
        }
}

static void the_registrys_own_counter_is_nobody_elses(void **state)
{
    const char *const labels[] = {"family"};
    alertron_error error;
    assert_null(alertron_registry_counter(*state, "alertron_registry_overflow_total", "Help.", labels, 1, &error));
    assert_int_equal(error.status, ALERTRON_ERROR_ARGUMENT);
    assert_false(takes_gauge(*state, "alertron_registry_overflow", NULL, 0));
}

#define REGISTRY_TEST(test) cmocka_unit_test_setup_teardown(test, registry_setup, registry_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REGISTRY_TEST(asking_again_gives_the_same_family),
        REGISTRY_TEST(asking_again_for_something_else_is_refused),
        REGISTRY_TEST(names_follow_the_grammar_of_prometheus),
        REGISTRY_TEST(label_names_follow_the_grammar_of_prometheus),
        REGISTRY_TEST(counters_end_in_total),
        REGISTRY_TEST(help_is_mandatory_and_utf8),
        REGISTRY_TEST(bounds_are_finite_and_strictly_rising),
        REGISTRY_TEST(limits_are_kept),
        cmocka_unit_test(families_whose_samples_would_be_mixed_up_are_refused),
        REGISTRY_TEST(the_registrys_own_counter_is_nobody_elses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
