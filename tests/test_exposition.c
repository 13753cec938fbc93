/* test_exposition.c: metrics as text, byte for byte. */
#include "support.h"

#include "registry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_text(const alertron_registry *registry, alertron_exposition format, const char *expected)
{
    size_t n = alertron_registry_text(registry, format, NULL, 0);
    char *text = malloc(n + 1);
    assert_non_null(text);
    assert_int_equal(alertron_registry_text(registry, format, text, n), n);
    text[n] = 0;
    assert_string_equal(text, expected);
    free(text);
}

/* The text that a gauge of one label, v, shows for this label value. */
static void assert_label(const char *value, const char *expected)
{
    alertron_registry *registry = alertron_registry_new(NULL, NULL, NULL);
    const char *const labels[] = {"v"};
    alertron_gauge *gauge = alertron_registry_gauge(registry, "g", "Help.", labels, 1, NULL);
    alertron_gauge_with(gauge, &value);
    char text[4096];
    size_t n = alertron_registry_text(registry, ALERTRON_TEXT, text, sizeof text - 1);
    text[n] = 0;
    const char *start = strstr(text, "\ng{v=\"");
    assert_non_null(start);
    start += strlen("\ng{v=\"");
    size_t n_expected = strlen(expected);
    assert_memory_equal(start, expected, n_expected);
    assert_memory_equal(start + n_expected, "\"} 0\n", 5);
    alertron_registry_free(registry);
}

static void fill(alertron_registry *registry)
{
    const char *const anomaly_labels[] = {"device_id", "severity"};
    const char *const pump_high[] = {"pump-7", "high"}, *const fan_low[] = {"fan", "low"};
    alertron_counter *anomalies =
        alertron_registry_counter(registry, "anomaly_count_total", "Anomalies.", anomaly_labels, 2, NULL);
    alertron_counter_add(alertron_counter_with(anomalies, pump_high), 3);
    alertron_counter_with(anomalies, fan_low);

    alertron_gauge *age = alertron_registry_gauge(registry, "model_age_seconds", "Age.", NULL, 0, NULL);
    alertron_gauge_set(alertron_gauge_with(age, NULL), 1.5);

    const char *const status[] = {"status"}, *const ok[] = {"200"};
    const double bounds[] = {0.001, 0.5, 1, 1e6};
    alertron_histogram *latency =
        alertron_registry_histogram(registry, "latency_seconds", "Latency.", status, 1, bounds, 4, NULL);
    alertron_histogram_child *child = alertron_histogram_with(latency, ok);
    alertron_histogram_observe(child, 0.25, 2);
    alertron_histogram_observe(child, 1, 1);
    alertron_histogram_observe(child, 2e6, 1);
    alertron_histogram_observe(child, NAN, 0);

    alertron_histogram *size = alertron_registry_histogram(registry, "size_bytes", "Size.", NULL, 0, NULL, 0, NULL);
    alertron_histogram_observe(alertron_histogram_with(size, NULL), 10, 1);
}

static void text_format_is_as_prometheus_reads_it(void **state)
{
    fill(*state);
    assert_text(*state, ALERTRON_TEXT,
                "# HELP anomaly_count_total Anomalies.\n"
                "# TYPE anomaly_count_total counter\n"
                "anomaly_count_total{device_id=\"pump-7\",severity=\"high\"} 3\n"
                "anomaly_count_total{device_id=\"fan\",severity=\"low\"} 0\n"
                "# HELP model_age_seconds Age.\n"
                "# TYPE model_age_seconds gauge\n"
                "model_age_seconds 1.5\n"
                "# HELP latency_seconds Latency.\n"
                "# TYPE latency_seconds histogram\n"
                "latency_seconds_bucket{status=\"200\",le=\"0.001\"} 0\n"
                "latency_seconds_bucket{status=\"200\",le=\"0.5\"} 2\n"
                "latency_seconds_bucket{status=\"200\",le=\"1\"} 3\n"
                "latency_seconds_bucket{status=\"200\",le=\"1e+06\"} 3\n"
                "latency_seconds_bucket{status=\"200\",le=\"+Inf\"} 4\n"
                "latency_seconds_sum{status=\"200\"} 2000001.5\n"
                "latency_seconds_count{status=\"200\"} 4\n"
                "# HELP size_bytes Size.\n"
                "# TYPE size_bytes histogram\n"
                "size_bytes_bucket{le=\"+Inf\"} 1\n"
                "size_bytes_sum 10\n"
                "size_bytes_count 1\n"
                "# HELP alertron_registry_overflow_total Times that label values found no room in a family and its "
                "_other child was given out instead.\n"
                "# TYPE alertron_registry_overflow_total counter\n"
                "alertron_registry_overflow_total{family=\"anomaly_count_total\"} 0\n"
                "alertron_registry_overflow_total{family=\"latency_seconds\"} 0\n");
}

static void openmetrics_names_counters_without_total_and_bounds_with_a_point(void **state)
{
    fill(*state);
    assert_text(*state, ALERTRON_OPENMETRICS,
                "# HELP anomaly_count Anomalies.\n"
                "# TYPE anomaly_count counter\n"
                "anomaly_count_total{device_id=\"pump-7\",severity=\"high\"} 3\n"
                "anomaly_count_total{device_id=\"fan\",severity=\"low\"} 0\n"
                "# HELP model_age_seconds Age.\n"
                "# TYPE model_age_seconds gauge\n"
                "model_age_seconds 1.5\n"
                "# HELP latency_seconds Latency.\n"
                "# TYPE latency_seconds histogram\n"
                "latency_seconds_bucket{status=\"200\",le=\"0.001\"} 0\n"
                "latency_seconds_bucket{status=\"200\",le=\"0.5\"} 2\n"
                "latency_seconds_bucket{status=\"200\",le=\"1.0\"} 3\n"
                "latency_seconds_bucket{status=\"200\",le=\"1e+06\"} 3\n"
                "latency_seconds_bucket{status=\"200\",le=\"+Inf\"} 4\n"
                "latency_seconds_sum{status=\"200\"} 2000001.5\n"
                "latency_seconds_count{status=\"200\"} 4\n"
                "# HELP size_bytes Size.\n"
                "# TYPE size_bytes histogram\n"
                "size_bytes_bucket{le=\"+Inf\"} 1\n"
                "size_bytes_sum 10\n"
                "size_bytes_count 1\n"
                "# HELP alertron_registry_overflow Times that label values found no room in a family and its "
                "_other child was given out instead.\n"
                "# TYPE alertron_registry_overflow counter\n"
                "alertron_registry_overflow_total{family=\"anomaly_count_total\"} 0\n"
                "alertron_registry_overflow_total{family=\"latency_seconds\"} 0\n"
                "# EOF\n");
}

static void an_empty_registry_has_an_empty_text(void **state)
{
    assert_text(*state, ALERTRON_TEXT, "");
    assert_text(*state, ALERTRON_OPENMETRICS, "# EOF\n");
}

static void families_without_children_are_left_out(void **state)
{
    const char *const labels[] = {"topic"}, *const readings[] = {"readings"};
    alertron_gauge *lag = alertron_registry_gauge(*state, "lag", "Lag.", labels, 1, NULL);
    alertron_gauge_with(alertron_registry_gauge(*state, "up", "Up.", NULL, 0, NULL), NULL);
    alertron_gauge_remove(lag, alertron_gauge_with(lag, readings));
    assert_text(*state, ALERTRON_TEXT,
                "# HELP up Up.\n"
                "# TYPE up gauge\n"
                "up 0\n"
                "# HELP alertron_registry_overflow_total Times that label values found no room in a family and its "
                "_other child was given out instead.\n"
                "# TYPE alertron_registry_overflow_total counter\n"
                "alertron_registry_overflow_total{family=\"lag\"} 0\n");
}

static void help_is_escaped_as_each_format_wants_it(void **state)
{
    alertron_registry_gauge(*state, "g", "A \"b\" \\ c\nd \xC3\xA9.", NULL, 0, NULL);
    assert_text(*state, ALERTRON_TEXT,
                "# HELP g A \"b\" \\\\ c\\nd \xC3\xA9.\n"
                "# TYPE g gauge\n"
                "g 0\n");
    assert_text(*state, ALERTRON_OPENMETRICS,
                "# HELP g A \\\"b\\\" \\\\ c\\nd \xC3\xA9.\n"
                "# TYPE g gauge\n"
                "g 0\n"
                "# EOF\n");
}

static void label_values_are_escaped(void **state)
{
    (void)state;
    assert_label("", "");
    assert_label("plain text {=,}", "plain text {=,}");
    assert_label("\"", "\\\"");
    assert_label("\\n\n", "\\\\n\\n");
    assert_label("\"quoted\"\\", "\\\"quoted\\\"\\\\");
}

#define REPLACEMENT "\xEF\xBF\xBD"

static void bytes_that_are_no_utf8_are_replaced(void **state)
{
    (void)state;
    assert_label("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    assert_label("\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF", "\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF");
    assert_label("a\xFF"
                 "b",
                 "a" REPLACEMENT "b");
    assert_label("\x80", REPLACEMENT);                                 /* a continuation alone */
    assert_label("a\xC3", "a" REPLACEMENT);                            /* cut short */
    assert_label("\xE2\x82", REPLACEMENT REPLACEMENT);                 /* cut short */
    assert_label("\xE2\x82(", REPLACEMENT REPLACEMENT "(");            /* broken off */
    assert_label("\xC0\x80", REPLACEMENT REPLACEMENT);                 /* longer than need be */
    assert_label("\xC1\xBF", REPLACEMENT REPLACEMENT);                 /* longer than need be */
    assert_label("\xE0\x9F\xBF", REPLACEMENT REPLACEMENT REPLACEMENT); /* longer than need be */
    assert_label("\xF0\x8F\xBF\xBF", REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT);
    assert_label("\xED\xA0\x80", REPLACEMENT REPLACEMENT REPLACEMENT);                 /* half of a surrogate pair */
    assert_label("\xF4\x90\x80\x80", REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT); /* above U+10FFFF */
    assert_label("\xF5\x80\x80\x80", REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT);
}

static void long_label_values_are_cut_at_a_character(void **state)
{
    (void)state;
    char value[2 * ALERTRON_LABEL_BYTES_MAX], expected[2 * ALERTRON_LABEL_BYTES_MAX] = {0};
    memset(value, 'x', sizeof value);
    value[ALERTRON_LABEL_BYTES_MAX] = 0;
    assert_label(value, value); /* just short enough */

    value[ALERTRON_LABEL_BYTES_MAX] = 'x';
    value[sizeof value - 1] = 0;
    memset(expected, 'x', ALERTRON_LABEL_BYTES_MAX);
    assert_label(value, expected);

    memcpy(value + ALERTRON_LABEL_BYTES_MAX - 2, "\xE2\x82\xAC", 3); /* its last byte would be one too many */
    expected[ALERTRON_LABEL_BYTES_MAX - 2] = 0;
    assert_label(value, expected);

    memcpy(value + ALERTRON_LABEL_BYTES_MAX - 3, "\xE2\x82\xAC", 3);
    memcpy(expected + ALERTRON_LABEL_BYTES_MAX - 3, "\xE2\x82\xAC", 3);
    expected[ALERTRON_LABEL_BYTES_MAX] = 0;
    assert_label(value, expected);
}

static void bounds_are_written_as_client_libraries_write_them(void **state)
{
    const double bounds[] = {0, 1e-10, 1e-5, 1e-4, 0.1, 10, 1e5, 123456, 1e10};
    alertron_registry_histogram(*state, "h", "H.", NULL, 0, bounds, 9, NULL);
    assert_text(*state, ALERTRON_OPENMETRICS,
                "# HELP h H.\n"
                "# TYPE h histogram\n"
                "h_bucket{le=\"0.0\"} 0\n"
                "h_bucket{le=\"1e-10\"} 0\n"
                "h_bucket{le=\"1e-05\"} 0\n"
                "h_bucket{le=\"0.0001\"} 0\n"
                "h_bucket{le=\"0.1\"} 0\n"
                "h_bucket{le=\"10.0\"} 0\n"
                "h_bucket{le=\"100000.0\"} 0\n"
                "h_bucket{le=\"123456.0\"} 0\n"
                "h_bucket{le=\"1e+10\"} 0\n"
                "h_bucket{le=\"+Inf\"} 0\n"
                "h_sum 0\n"
                "h_count 0\n"
                "# EOF\n");
}

static void openmetrics_has_no_sum_where_observations_may_be_negative(void **state)
{
    const double bounds[] = {-1};
    alertron_histogram *drift = alertron_registry_histogram(*state, "drift", "Drift.", NULL, 0, bounds, 1, NULL);
    alertron_histogram_observe(alertron_histogram_with(drift, NULL), -2, 1);
    assert_text(*state, ALERTRON_OPENMETRICS,
                "# HELP drift Drift.\n"
                "# TYPE drift histogram\n"
                "drift_bucket{le=\"-1.0\"} 1\n"
                "drift_bucket{le=\"+Inf\"} 1\n"
                "# EOF\n");
    assert_text(*state, ALERTRON_TEXT,
                "# HELP drift Drift.\n"
                "# TYPE drift histogram\n"
                "drift_bucket{le=\"-1\"} 1\n"
                "drift_bucket{le=\"+Inf\"} 1\n"
                "drift_sum -2\n"
                "drift_count 1\n");
}

static void observations_go_to_the_first_bucket_that_holds_them(void **state)
{
    const double bounds[] = {-1, 0, 2.5};
    alertron_histogram *h = alertron_registry_histogram(*state, "h", "H.", NULL, 0, bounds, 3, NULL);
    alertron_histogram_child *child = alertron_histogram_with(h, NULL);
    alertron_histogram_observe(child, -INFINITY, 1);
    alertron_histogram_observe(child, -1, 10);
    alertron_histogram_observe(child, nextafter(-1, 0), 100);
    alertron_histogram_observe(child, -0.0, 1000);
    alertron_histogram_observe(child, 2.5, 10000);
    alertron_histogram_observe(child, nextafter(2.5, 3), 100000);
    alertron_histogram_observe(child, INFINITY, 1000000);
    alertron_histogram_observe(child, NAN, 10000000);
    alertron_histogram_observe(child, 1, 0);
    assert_text(*state, ALERTRON_TEXT,
                "# HELP h H.\n"
                "# TYPE h histogram\n"
                "h_bucket{le=\"-1\"} 11\n"
                "h_bucket{le=\"0\"} 1111\n"
                "h_bucket{le=\"2.5\"} 11111\n"
                "h_bucket{le=\"+Inf\"} 11111111\n"
                "h_sum NaN\n"
                "h_count 11111111\n");
}

/* For each number of bounds, a value between two of them and one on the upper one. */
static void every_bucket_is_found(void **state)
{
    double bounds[ALERTRON_BUCKETS_MAX];
    for (size_t i = 0; i < ALERTRON_BUCKETS_MAX; i++)
        bounds[i] = (double)i;
    for (size_t n = 0; n <= ALERTRON_BUCKETS_MAX; n++) {
        char name[16];
        snprintf(name, sizeof name, "h%zu", n);
        alertron_histogram *h = alertron_registry_histogram(*state, name, "H.", NULL, 0, bounds, n, NULL);
        assert_non_null(h);
        struct metric_child *child = (struct metric_child *)alertron_histogram_with(h, NULL);
        for (size_t i = 0; i <= n; i++) {
            double value = (double)i;
            alertron_histogram_observe((alertron_histogram_child *)child, value - 0.5, 1);
            alertron_histogram_observe((alertron_histogram_child *)child, value, 1);
            assert_int_equal(alertron__cell_load(&child->cells[1 + i]), 2);
        }
    }
}

static void gauges_show_whatever_they_were_set_to(void **state)
{
    static const struct {
        double value;
        const char *text;
    } known[] = {{NAN, "NaN"}, {INFINITY, "+Inf"}, {-INFINITY, "-Inf"}, {-0.0, "-0"}, {1e21, "1e+21"}, {-2.5, "-2.5"}};
    alertron_gauge *gauge = alertron_registry_gauge(*state, "g", "G.", NULL, 0, NULL);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char expected[64];
        alertron_gauge_set(alertron_gauge_with(gauge, NULL), known[i].value);
        snprintf(expected, sizeof expected, "# HELP g G.\n# TYPE g gauge\ng %s\n", known[i].text);
        assert_text(*state, ALERTRON_TEXT, expected);
    }
}

static void a_buffer_of_any_size_is_never_overrun_and_its_need_is_told(void **state)
{
    fill(*state);
    for (alertron_exposition format = ALERTRON_TEXT; format <= ALERTRON_OPENMETRICS; format++) {
        size_t n = alertron_registry_text(*state, format, NULL, 0);
        char *whole = malloc(n), *part = malloc(n + 8);
        assert_non_null(whole);
        assert_non_null(part);
        assert_int_equal(alertron_registry_text(*state, format, whole, n), n);
        for (size_t capacity = 0; capacity <= n + 8; capacity++) {
            memset(part, 0x55, n + 8);
            assert_int_equal(alertron_registry_text(*state, format, part, capacity), n);
            for (size_t i = capacity < n ? capacity : n; i < n + 8; i++)
                assert_int_equal(part[i], 0x55);
            if (capacity >= n)
                assert_memory_equal(part, whole, n);
        }
        free(whole);
        free(part);
    }
}

static void content_types_are_those_that_prometheus_asks_for(void **state)
{
    (void)state;
    assert_string_equal(alertron_exposition_content_type(ALERTRON_TEXT), "text/plain; version=0.0.4; charset=utf-8");
    assert_string_equal(alertron_exposition_content_type(ALERTRON_OPENMETRICS),
                        "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

#define REGISTRY_TEST(test) cmocka_unit_test_setup_teardown(test, registry_setup, registry_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REGISTRY_TEST(text_format_is_as_prometheus_reads_it),
        REGISTRY_TEST(openmetrics_names_counters_without_total_and_bounds_with_a_point),
        REGISTRY_TEST(an_empty_registry_has_an_empty_text),
        REGISTRY_TEST(families_without_children_are_left_out),
        REGISTRY_TEST(help_is_escaped_as_each_format_wants_it),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
        cmocka_unit_test(long_label_values_are_cut_at_a_character),
        REGISTRY_TEST(bounds_are_written_as_client_libraries_write_them),
        REGISTRY_TEST(openmetrics_has_no_sum_where_observations_may_be_negative),
        REGISTRY_TEST(observations_go_to_the_first_bucket_that_holds_them),
        REGISTRY_TEST(every_bucket_is_found),
        REGISTRY_TEST(gauges_show_whatever_they_were_set_to),
        REGISTRY_TEST(a_buffer_of_any_size_is_never_overrun_and_its_need_is_told),
        cmocka_unit_test(content_types_are_those_that_prometheus_asks_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
