/* test_verdict.c: the record of a verdict, as the replaced system's clients know it. */
#include "verdict.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "support.h"

static void a_record_has_the_fields_of_the_replaced_system_first(void **state)
{
    (void)state;
    char out[VERDICT_BYTES_MAX];
    const double ts = 1763800000.25;
    const struct verdict verdict = {
        .score = 0.5625, .anomaly = true, .severity = ALERTRON_SEVERITY_MEDIUM, .model_version = "0123456789abcdef"};
    const struct source source = {"readings", 3, 1234567890123};
    const char expected[] =
        "{\"device_id\":\"edge-1\",\"anomaly\":true,\"severity\":\"medium\",\"anomaly_score\":0.5625,"
        "\"ts\":1763800000.25,\"source_topic\":\"readings\",\"source_partition\":3,"
        "\"source_offset\":1234567890123,\"model_version\":\"0123456789abcdef\"}";
    assert_int_equal(verdict_write(out, sizeof out, "edge-1", ts, &verdict, &source), sizeof expected - 1);
    assert_string_equal(out, expected);
}

static const char *names[] = {"temperature", "flow \"in\"", "vibration"};
static const struct features features = {.width = 3, .names = names};

static void a_record_of_an_anomaly_tells_the_features_that_contributed_most(void **state)
{
    (void)state;
    char out[VERDICT_BYTES_MAX];
    const struct explanation explanation = {.causes = {{2, 0.61249f}, {1, 0.25f}}, .n = 2};
    const struct verdict verdict = {.score = 0.5625,
                                    .anomaly = true,
                                    .severity = ALERTRON_SEVERITY_MEDIUM,
                                    .model_version = "0123456789abcdef",
                                    .explanation = &explanation,
                                    .features = &features};
    const struct source source = {"readings", 3, 4};
    assert_true(verdict_write(out, sizeof out, "edge-1", 1, &verdict, &source) > 0);
    assert_non_null(strstr(out, ",\"model_version\":\"0123456789abcdef\",\"contributions\":["
                                "{\"feature\":\"vibration\",\"share\":0.612},"
                                "{\"feature\":\"flow \\\"in\\\"\",\"share\":0.25}]}"));
    assert_true(verdict_write(out, sizeof out, "edge-1", 1, &verdict, NULL) > 0);
    assert_null(strstr(out, "contributions"));
}

static void a_record_without_source_and_time_says_so(void **state)
{
    (void)state;
    char out[VERDICT_BYTES_MAX];
    const char device_id[] = "quote \" slash \\ line \n \x01 \xc3\xbc";
    const struct verdict verdict = {.score = 0.1};
    const char expected[] = "{\"device_id\":\"quote \\\" slash \\\\ line \\n \\u0001 \xc3\xbc\",\"anomaly\":false,"
                            "\"severity\":\"none\",\"anomaly_score\":0.1,\"ts\":null}";
    assert_int_equal(verdict_write(out, sizeof out, device_id, NAN, &verdict, NULL), sizeof expected - 1);
    assert_string_equal(out, expected);
}

static void the_longest_record_fits_and_none_is_cut(void **state)
{
    (void)state;
    char topic[250], device_id[READING_DEVICE_BYTES_MAX + 1], out[VERDICT_BYTES_MAX];
    memset(topic, 't', sizeof topic - 1);
    topic[sizeof topic - 1] = 0;
    memset(device_id, 1, sizeof device_id - 1); /* each becomes \u0001 */
    device_id[sizeof device_id - 1] = 0;
    const double ts = -1.7976931348623157e308;
    char name[ALERTRON_FEATURE_NAME_MAX + 1];
    memset(name, 1, sizeof name - 1);
    name[sizeof name - 1] = 0;
    const char *same[] = {name, name, name};
    const struct features long_features = {.width = 3, .names = same};
    const struct explanation explanation = {.causes = {{2, 0.399f}, {1, 0.301f}, {0, 0.3f}}, .n = CAUSES_MAX};
    const struct verdict verdict = {.score = -2.2250738585072014e-308,
                                    .anomaly = true,
                                    .severity = ALERTRON_SEVERITY_MEDIUM,
                                    .model_version = "0123456789abcdef",
                                    .explanation = &explanation,
                                    .features = &long_features};
    const struct source source = {topic, INT32_MAX, INT64_MAX};
    const size_t n = verdict_write(out, sizeof out, device_id, ts, &verdict, &source);
    assert_true(n > 0);
    assert_int_equal(strlen(out), n);
    for (size_t size = 1; size <= n; size++)
        assert_int_equal(verdict_write(out, size, device_id, ts, &verdict, &source), 0);
    assert_int_equal(verdict_write(out, n + 1, device_id, ts, &verdict, &source), n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_has_the_fields_of_the_replaced_system_first),
        cmocka_unit_test(a_record_of_an_anomaly_tells_the_features_that_contributed_most),
        cmocka_unit_test(a_record_without_source_and_time_says_so),
        cmocka_unit_test(the_longest_record_fits_and_none_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
