/* test_registry.c: children of families, and their memory. */
#include "support.h"

#include "registry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const device[] = {"device_id"};

static alertron_gauge_child *gauge_of(alertron_gauge *family, const char *value)
{
    return alertron_gauge_with(family, &value);
}

/* --- children --- */

static void a_family_without_labels_has_its_child_at_0_from_the_start(void **state)
{
    alertron_counter *counter = alertron_registry_counter(*state, "c_total", "C.", NULL, 0, NULL);
    assert_true(registry_shows(*state, "\nc_total 0\n"));
    alertron_counter_child *child = alertron_counter_with(counter, NULL);
    alertron_counter_add(child, 2);
    alertron_counter_remove(counter, child);
    assert_ptr_equal(alertron_counter_with(counter, NULL), child);
    assert_true(registry_shows(*state, "\nc_total 2\n"));
}

static void counters_only_rise(void **state)
{
    alertron_counter *counter = alertron_registry_counter(*state, "c_total", "C.", NULL, 0, NULL);
    alertron_counter_child *child = alertron_counter_with(counter, NULL);
    alertron_counter_add(child, 1.5);
    alertron_counter_add(child, -1);
    alertron_counter_add(child, NAN);
    alertron_counter_add(child, INFINITY);
    alertron_counter_add(child, 0);
    alertron_counter_add(child, -INFINITY);
    alertron_counter_add(child, 1);
    assert_true(alertron_counter_value(child) == 2.5);
}

static void gauges_give_back_what_was_set(void **state)
{
    alertron_gauge_child *child = alertron_gauge_with(alertron_registry_gauge(*state, "g", "G.", NULL, 0, NULL), NULL);
    assert_true(alertron_gauge_value(child) == 0);
    alertron_gauge_set(child, -2.5);
    assert_true(alertron_gauge_value(child) == -2.5);
    alertron_gauge_set(child, NAN);
    assert_true(isnan(alertron_gauge_value(child)));
}

static void the_same_label_values_give_the_same_child(void **state)
{
    const char *const labels[] = {"a", "b"};
    alertron_counter *counter = alertron_registry_counter(*state, "c_total", "C.", labels, 2, NULL);
    const char *const values[][2] = {{"x", "yz"}, {"xy", "z"}, {"", "xyz"}, {"xyz", ""}, {"", ""}};
    alertron_counter_child *children[5];
    for (size_t i = 0; i < 5; i++) {
        children[i] = alertron_counter_with(counter, values[i]);
        for (size_t j = 0; j < i; j++)
            assert_ptr_not_equal(children[i], children[j]);
    }
    for (size_t i = 0; i < 5; i++)
        assert_ptr_equal(alertron_counter_with(counter, values[i]), children[i]);
}

static void values_that_are_repaired_to_the_same_text_give_the_same_child(void **state)
{
    alertron_gauge *gauge = alertron_registry_gauge(*state, "g", "G.", device, 1, NULL);
    assert_ptr_equal(gauge_of(gauge, "a\xFF"), gauge_of(gauge, "a\xFE"));
    assert_ptr_equal(gauge_of(gauge, "a\xFF"), gauge_of(gauge, "a\xEF\xBF\xBD"));
    char text[ALERTRON_LABEL_BYTES_MAX + 10];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    alertron_gauge_child *child = gauge_of(gauge, text);
    text[ALERTRON_LABEL_BYTES_MAX] = 0;
    assert_ptr_equal(gauge_of(gauge, text), child);
}

enum { MANY = 5000 };

/* Children come and go in an order without order; after each round those that are there are found. */
static void children_are_found_however_many_come_and_go(void **state)
{
    alertron_gauge *gauge = alertron_registry_gauge(*state, "g", "G.", device, 1, NULL);
    alertron_gauge_child *children[MANY] = {0};
    unsigned random = 1;
    char name[16];
    for (int i = 0; i < 40 * MANY; i++) {
        random = random * 1664525u + 1013904223u;
        size_t at = (random >> 8) % MANY;
        snprintf(name, sizeof name, "d%zu", at);
        if (children[at] && random >> 31) {
            alertron_gauge_remove(gauge, children[at]);
            children[at] = NULL;
            continue;
        }
        alertron_gauge_child *child = gauge_of(gauge, name);
        if (children[at])
            assert_ptr_equal(child, children[at]);
        else
            assert_true(alertron_gauge_value(child) == 0);
        children[at] = child;
        alertron_gauge_set(child, (double)at + 1);
    }
    size_t present = 0, lines = 0;
    for (size_t i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "d%zu", i);
        present += children[i] != NULL;
        if (children[i])
            assert_ptr_equal(gauge_of(gauge, name), children[i]);
    }
    char *text = registry_text_of(*state);
    for (const char *at = text; (at = strstr(at, "\ng{")); at++)
        lines++;
    assert_int_equal(lines, present);
    free(text);
}

static void beyond_the_cap_new_values_share_the_overflow_child(void **state)
{
    (void)state;
    alertron_registry *registry = alertron_registry_new(&(alertron_registry_options){.series_max = 2}, NULL, NULL);
    alertron_gauge *gauge = alertron_registry_gauge(registry, "g", "G.", device, 1, NULL);
    alertron_gauge *other = alertron_registry_gauge(registry, "other", "O.", device, 1, NULL);
    alertron_gauge_child *a = gauge_of(gauge, "a"), *b = gauge_of(gauge, "b");
    assert_false(registry_shows(registry, "_other\""));
    assert_true(registry_shows(registry, "alertron_registry_overflow_total{family=\"g\"} 0\n"));

    alertron_gauge_child *overflow = gauge_of(gauge, "c");
    assert_ptr_not_equal(overflow, a);
    assert_ptr_not_equal(overflow, b);
    assert_ptr_equal(gauge_of(gauge, "d"), overflow);
    assert_ptr_equal(gauge_of(gauge, "a"), a);
    alertron_gauge_set(overflow, 7);
    assert_true(registry_shows(registry, "\ng{device_id=\"_other\"} 7\n"));
    assert_true(registry_shows(registry, "alertron_registry_overflow_total{family=\"g\"} 2\n"));
    assert_true(registry_shows(registry, "alertron_registry_overflow_total{family=\"other\"} 0\n"));
    assert_non_null(gauge_of(other, "c"));
    assert_true(registry_shows(registry, "\nother{device_id=\"c\"} 0\n"));

    alertron_gauge_remove(gauge, overflow);
    assert_true(registry_shows(registry, "\ng{device_id=\"_other\"} 7\n"));
    alertron_gauge_remove(gauge, a);
    assert_ptr_not_equal(gauge_of(gauge, "c"), overflow);
    assert_ptr_equal(gauge_of(gauge, "a"), overflow);
    alertron_registry_free(registry);
}

static void a_device_that_is_called_other_is_the_overflow_child(void **state)
{
    (void)state;
    alertron_registry *registry = alertron_registry_new(&(alertron_registry_options){.series_max = 1}, NULL, NULL);
    const char *const labels[] = {"a", "b"}, *const others[] = {"_other", "_other"};
    const char *const x[] = {"x", "x"}, *const y[] = {"y", "_other"};
    alertron_counter *counter = alertron_registry_counter(registry, "c_total", "C.", labels, 2, NULL);
    alertron_counter_child *other = alertron_counter_with(counter, others);
    assert_true(registry_shows(registry, "\nc_total{a=\"_other\",b=\"_other\"} 0\n"));
    assert_ptr_not_equal(alertron_counter_with(counter, x), other);
    assert_ptr_equal(alertron_counter_with(counter, y), other);
    assert_true(registry_shows(registry, "alertron_registry_overflow_total{family=\"c_total\"} 1\n"));
    alertron_registry_free(registry);
}

static void the_default_cap_is_10000(void **state)
{
    alertron_gauge *gauge = alertron_registry_gauge(*state, "g", "G.", device, 1, NULL);
    char name[16];
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "%d", i);
        gauge_of(gauge, name);
    }
    assert_false(registry_shows(*state, "_other\""));
    gauge_of(gauge, "one more");
    assert_true(registry_shows(*state, "_other\""));
}

static void what_is_removed_leaves_the_text_and_begins_anew_at_its_end(void **state)
{
    alertron_gauge *gauge = alertron_registry_gauge(*state, "g", "G.", device, 1, NULL);
    const char *const names[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++)
        alertron_gauge_set(gauge_of(gauge, names[i]), (double)i + 1);
    alertron_gauge_remove(gauge, gauge_of(gauge, "b"));
    assert_true(registry_shows(*state, "\ng{device_id=\"a\"} 1\ng{device_id=\"c\"} 3\n#"));
    alertron_gauge_remove(gauge, gauge_of(gauge, "c"));
    assert_true(registry_shows(*state, "gauge\ng{device_id=\"a\"} 1\n#"));
    gauge_of(gauge, "b");
    assert_true(registry_shows(*state, "gauge\ng{device_id=\"a\"} 1\ng{device_id=\"b\"} 0\n#"));
    alertron_gauge_remove(gauge, gauge_of(gauge, "a"));
    gauge_of(gauge, "c");
    assert_true(registry_shows(*state, "gauge\ng{device_id=\"b\"} 0\ng{device_id=\"c\"} 0\n#"));
}

static void removal_works_for_every_kind(void **state)
{
    const double bounds[] = {1};
    alertron_counter *counter = alertron_registry_counter(*state, "c_total", "C.", device, 1, NULL);
    alertron_histogram *histogram = alertron_registry_histogram(*state, "h", "H.", device, 1, bounds, 1, NULL);
    alertron_counter_add(alertron_counter_with(counter, (const char *const[]){"a"}), 5);
    alertron_histogram_observe(alertron_histogram_with(histogram, (const char *const[]){"a"}), 1, 5);
    assert_true(registry_shows(*state, "h_count{device_id=\"a\"} 5\n"));
    alertron_counter_remove(counter, alertron_counter_with(counter, (const char *const[]){"a"}));
    alertron_histogram_remove(histogram, alertron_histogram_with(histogram, (const char *const[]){"a"}));
    assert_false(registry_shows(*state, "device_id"));
    alertron_histogram_with(histogram, (const char *const[]){"a"});
    assert_true(registry_shows(*state, "h_sum{device_id=\"a\"} 0\nh_count{device_id=\"a\"} 0\n"));
}

/* --- memory --- */

static void making_a_registry_survives_each_allocation_that_fails(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    alertron_allocator allocator = failing_allocator_of(&memory);
    alertron_registry *registry = NULL;
    while (!registry) {
        memory.nth++;
        memory.allocations = 0;
        alertron_error error = {0};
        registry = alertron_registry_new(NULL, &allocator, &error);
        assert_int_equal(error.status, registry ? ALERTRON_OK : ALERTRON_ERROR_MEMORY);
        if (!registry)
            assert_int_equal(memory.bytes_held, 0);
    }
    assert_true(memory.nth > 2);
    alertron_registry_free(registry);
    assert_int_equal(memory.bytes_held, 0);
}

static void *make_family(alertron_registry *registry, int kind, alertron_error *error)
{
    const double bounds[] = {1, 2};
    switch (kind) {
    case 0:
        return alertron_registry_counter(registry, "c_total", "C.", device, 1, error);
    case 1:
        return alertron_registry_gauge(registry, "g", "G.", NULL, 0, error);
    default:
        return alertron_registry_histogram(registry, "h", "H.", device, 1, bounds, 2, error);
    }
}

static void making_a_family_survives_each_allocation_that_fails(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    alertron_allocator allocator = failing_allocator_of(&memory);
    alertron_registry *registry = alertron_registry_new(NULL, &allocator, NULL);
    for (int kind = 0; kind < 3; kind++) {
        char *before = registry_text_of(registry);
        size_t held = memory.bytes_held;
        void *family = NULL;
        for (size_t nth = 1; !family; nth++) {
            memory.allocations = 0;
            memory.nth = nth;
            alertron_error error = {0};
            family = make_family(registry, kind, &error);
            assert_int_equal(error.status, family ? ALERTRON_OK : ALERTRON_ERROR_MEMORY);
            if (!family)
                assert_int_equal(memory.bytes_held, held);
            char *after = registry_text_of(registry);
            if (!family)
                assert_string_equal(after, before);
            free(after);
        }
        assert_true(memory.allocations > 2);
        free(before);
        memory.nth = 0;
    }
    alertron_registry_free(registry);
    assert_int_equal(memory.bytes_held, 0);
}

static void a_child_without_memory_is_the_overflow_child(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    alertron_allocator allocator = failing_allocator_of(&memory);
    alertron_registry *registry = alertron_registry_new(NULL, &allocator, NULL);
    alertron_gauge *gauge = alertron_registry_gauge(registry, "g", "G.", device, 1, NULL);
    alertron_gauge_child *overflow = gauge_of(gauge, "_other");
    char name[16];
    size_t failures = 0, allocations = 0;
    for (int i = 0; i < 300; i++) { /* the table grows several times meanwhile */
        snprintf(name, sizeof name, "%d", i);
        alertron_gauge_child *child = overflow;
        for (size_t nth = 1; child == overflow; nth++) {
            size_t held = memory.bytes_held;
            memory.allocations = 0;
            memory.nth = nth;
            child = gauge_of(gauge, name);
            failures += child == overflow;
            if (child == overflow)
                assert_true(memory.bytes_held == held);
        }
        allocations += memory.allocations;
    }
    assert_int_equal(failures, allocations);
    assert_true(allocations > 300);
    char expected[64];
    snprintf(expected, sizeof expected, "alertron_registry_overflow_total{family=\"g\"} %zu\n", failures);
    assert_true(registry_shows(registry, expected));
    alertron_registry_free(registry);
    assert_int_equal(memory.bytes_held, 0);
}

static void freeing_nothing_does_nothing(void **state)
{
    (void)state;
    alertron_registry_free(NULL);
}

static void removed_children_are_freed_at_once_where_nobody_reads(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    alertron_allocator allocator = failing_allocator_of(&memory);
    alertron_registry *registry = alertron_registry_new(NULL, &allocator, NULL);
    alertron_gauge *gauge = alertron_registry_gauge(registry, "g", "G.", device, 1, NULL);
    size_t held = memory.bytes_held;
    alertron_gauge_remove(gauge, gauge_of(gauge, "a"));
    assert_int_equal(memory.bytes_held, held);
    alertron_registry_free(registry);
    assert_int_equal(memory.bytes_held, 0);
}

static void removed_children_are_kept_for_those_who_may_be_reading_them(void **state)
{
    (void)state;
    failing_allocator memory = {0};
    alertron_allocator allocator = failing_allocator_of(&memory);
    alertron_registry *registry = alertron_registry_new(NULL, &allocator, NULL);
    alertron_gauge *gauge = alertron_registry_gauge(registry, "g", "G.", device, 1, NULL);
    size_t held = memory.bytes_held;
    alertron_gauge_child *child = gauge_of(gauge, "a");
    size_t of_child = memory.bytes_held - held;

    /* Scrapers follow each other so that there is always one. */
    unsigned scraper = alertron__registry_enter(registry);
    for (int i = 0; i < 100; i++) {
        alertron_gauge_remove(gauge, child);
        unsigned next = alertron__registry_enter(registry);
        child = gauge_of(gauge, "a");
        assert_in_range(memory.bytes_held, held + 2 * of_child, held + 3 * of_child);
        alertron__registry_leave(registry, scraper);
        scraper = next;
    }
    /* One who stays keeps what was removed since. */
    for (int i = 0; i < 10; i++) {
        alertron_gauge_remove(gauge, child);
        child = gauge_of(gauge, "a");
    }
    assert_true(memory.bytes_held >= held + 11 * of_child);
    alertron__registry_leave(registry, scraper);
    alertron_gauge_remove(gauge, child);
    assert_int_equal(memory.bytes_held, held);
    alertron_registry_free(registry);
    assert_int_equal(memory.bytes_held, 0);
}

#define REGISTRY_TEST(test) cmocka_unit_test_setup_teardown(test, registry_setup, registry_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REGISTRY_TEST(a_family_without_labels_has_its_child_at_0_from_the_start),
        REGISTRY_TEST(counters_only_rise),
        REGISTRY_TEST(gauges_give_back_what_was_set),
        REGISTRY_TEST(the_same_label_values_give_the_same_child),
        REGISTRY_TEST(values_that_are_repaired_to_the_same_text_give_the_same_child),
        REGISTRY_TEST(children_are_found_however_many_come_and_go),
        cmocka_unit_test(beyond_the_cap_new_values_share_the_overflow_child),
        cmocka_unit_test(a_device_that_is_called_other_is_the_overflow_child),
        REGISTRY_TEST(the_default_cap_is_10000),
        REGISTRY_TEST(what_is_removed_leaves_the_text_and_begins_anew_at_its_end),
        REGISTRY_TEST(removal_works_for_every_kind),
        cmocka_unit_test(making_a_registry_survives_each_allocation_that_fails),
        cmocka_unit_test(making_a_family_survives_each_allocation_that_fails),
        cmocka_unit_test(a_child_without_memory_is_the_overflow_child),
        cmocka_unit_test(freeing_nothing_does_nothing),
        cmocka_unit_test(removed_children_are_freed_at_once_where_nobody_reads),
        cmocka_unit_test(removed_children_are_kept_for_those_who_may_be_reading_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
