/* test_reading.c: readings are taken where they are exactly right, and refused with a reason otherwise. */
#include "reading.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

struct decoded {
    enum reading_fault fault;
    struct reading reading;
    double features[3];
    char reason[160];
};

static struct decoded decode_as(const char *bytes, size_t n_bytes, bool missing_values)
{
    struct decoded decoded = {0};
    const struct reading_shape shape = {.width = 3, .missing_values = missing_values, .bytes_max = 1000};
    /* A copy of exactly this size, so that reading beyond it shows. */
    char *copy = malloc(n_bytes ? n_bytes : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, n_bytes);
    decoded.fault = reading_decode(copy, n_bytes, &shape, &decoded.reading, decoded.features, decoded.reason,
                                   sizeof decoded.reason);
    free(copy);
    return decoded;
}

static struct decoded decode(const char *text)
{
    return decode_as(text, strlen(text), false);
}

static void expect_fault(const char *text, enum reading_fault fault, const char *reason)
{
    struct decoded decoded = decode(text);
    if (decoded.fault != fault || !strstr(decoded.reason, reason))
        fail_msg("%s\n  gives %s: %s\n  expected %s: %s", text, reading_fault_name(decoded.fault), decoded.reason,
                 reading_fault_name(fault), reason);
}

/* A reading whose features are this text. */
static void expect_features_fault(const char *features, enum reading_fault fault, const char *reason)
{
    char text[400];
    snprintf(text, sizeof text, "{\"device_id\":\"a\",\"features\":%s}", features);
    expect_fault(text, fault, reason);
}

static void expect_device_fault(const char *device, const char *reason)
{
    char text[400];
    snprintf(text, sizeof text, "{\"device_id\":%s,\"features\":[1,2,3]}", device);
    expect_fault(text, READING_WRONG_TYPE, reason);
}

static void expect_device(const char *json, const char *device)
{
    char text[900];
    snprintf(text, sizeof text, "{\"device_id\":%s,\"features\":[1,2,3]}", json);
    struct decoded decoded = decode(text);
    assert_int_equal(decoded.fault, READING_GOOD);
    assert_string_equal(decoded.reading.device_id, device);
}

static void a_reading_gives_its_device_features_and_time(void **state)
{
    (void)state;
    struct decoded decoded = decode("{\"device_id\":\"edge-1\",\"features\":[50.1,-99,5.1e-1],\"ts\":1763800000.25}");
    assert_int_equal(decoded.fault, READING_GOOD);
    assert_string_equal(decoded.reading.device_id, "edge-1");
    assert_true(decoded.features[0] == 50.1 && decoded.features[1] == -99.0 && decoded.features[2] == 0.51);
    assert_true(decoded.reading.ts == 1763800000.25);
}

static void the_time_may_be_left_out_or_null(void **state)
{
    (void)state;
    assert_true(isnan(decode("{\"device_id\":\"a\",\"features\":[1,2,3]}").reading.ts));
    struct decoded decoded = decode("{\"device_id\":\"a\",\"features\":[1,2,3],\"ts\":null}");
    assert_int_equal(decoded.fault, READING_GOOD);
    assert_true(isnan(decoded.reading.ts));
}

static void unknown_fields_are_ignored(void **state)
{
    (void)state;
    assert_int_equal(decode("{\"x\":{\"a\":[{},null]},\"device_id\":\"a\",\"features\":[1,2,3],\"Ts\":\"x\"}").fault,
                     READING_GOOD);
}

static void the_last_of_two_equal_fields_counts(void **state)
{
    (void)state;
    struct decoded decoded = decode("{\"device_id\":\"a\",\"features\":[1],\"device_id\":\"b\",\"features\":[1,2,3]}");
    assert_int_equal(decoded.fault, READING_GOOD);
    assert_string_equal(decoded.reading.device_id, "b");
}

static void blanks_and_a_byte_order_mark_around_it_are_allowed(void **state)
{
    (void)state;
    assert_int_equal(decode("\xef\xbb\xbf \r\n\t{\"device_id\" : \"a\", \"features\":[ 1 ,2,3 ] }\r\n ").fault,
                     READING_GOOD);
}

static void no_bytes_are_empty_and_too_many_too_large(void **state)
{
    (void)state;
    expect_fault("", READING_EMPTY, "no bytes");
    char text[1002];
    memset(text, ' ', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    expect_fault(text, READING_TOO_LARGE, "1001 bytes; at most 1000");
    text[1000] = '\0';
    expect_fault(text, READING_NOT_JSON, "nothing but blanks");
}

static void what_is_not_one_object_is_not_json(void **state)
{
    (void)state;
    expect_fault(" \t\r\n", READING_NOT_JSON, "nothing but blanks");
    expect_fault("hello", READING_NOT_JSON, "byte 0: a word");
    expect_fault("[1,2,3]", READING_NOT_JSON, "not a JSON object but an array");
    expect_fault("\"text\"", READING_NOT_JSON, "but a string");
    expect_fault("17", READING_NOT_JSON, "but a number");
    expect_fault("null", READING_NOT_JSON, "but null");
    expect_fault("{\"device_id\":\"a\",\"features\":[1,2,3", READING_NOT_JSON, "broken off");
    expect_fault("{\"device_id\":\"a\",}", READING_NOT_JSON, "not JSON");
    expect_fault("{'device_id':1}", READING_NOT_JSON, "byte 1: unexpected '''");
}

static void text_after_the_object_is_not_json(void **state)
{
    (void)state;
    expect_fault("{\"device_id\":\"a\",\"features\":[1,2,3]} x", READING_NOT_JSON, "a word");
    expect_fault("{\"device_id\":\"a\",\"features\":[1,2,3]}{}", READING_NOT_JSON, "more text after its end");
    expect_fault("{\"device_id\":\"a\",\"features\":[1,2,3]}}", READING_NOT_JSON, "closes nothing");
}

static void a_nul_byte_is_not_json_wherever_it_stands(void **state)
{
    (void)state;
    const char text[] = "{\"device_id\":\"a\",\"features\":[1,2,3]}";
    for (size_t at = 0; at < sizeof text; at++) {
        char bytes[sizeof text];
        memcpy(bytes, text, at);
        bytes[at] = '\0';
        memcpy(bytes + at + 1, text + at, sizeof text - 1 - at);
        assert_int_equal(decode_as(bytes, sizeof text, false).fault, READING_NOT_JSON);
    }
}

static void every_cut_reading_is_not_json(void **state)
{
    (void)state;
    const char text[] = "{\"device_id\":\"\\u00e9\",\"features\":[1,2.5,3e1],\"ts\":null}";
    assert_int_equal(decode(text).fault, READING_GOOD);
    for (size_t n = 1; n < sizeof text - 1; n++)
        assert_int_equal(decode_as(text, n, false).fault, READING_NOT_JSON);
}

static void numbers_that_only_c_knows_are_not_json(void **state)
{
    (void)state;
    const char *const numbers[] = {"+1", ".5",   "1.",    "01", "-01",      "00",  "0x10",  "1e",  "1e+",  "--1",
                                   "-",  "1.e3", "1.2.3", "1f", "infinity", "nan", "1_000", "1-2", "0x1p3"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char features[64];
        snprintf(features, sizeof features, "[%s,2,3]", numbers[i]);
        expect_features_fault(features, READING_NOT_JSON, "");
    }
    expect_features_fault("[NaN,2,3]", READING_NOT_JSON, "NaN; a missing value is null");
    expect_features_fault("[1,Infinity,3]", READING_NOT_JSON, "Infinity; a missing value is null");
}

static void numbers_that_json_knows_are_read_exactly(void **state)
{
    (void)state;
    struct decoded decoded = decode("{\"device_id\":\"a\",\"features\":[-0.0,1E+2,48.089694976806641]}");
    assert_int_equal(decoded.fault, READING_GOOD);
    assert_true(decoded.features[0] == 0 && signbit(decoded.features[0]));
    assert_true(decoded.features[1] == 100 && decoded.features[2] == 48.089694976806641);
}

static void a_number_of_more_characters_than_are_read_is_refused(void **state)
{
    (void)state;
    char features[128], text[200];
    snprintf(features, sizeof features, "[0.%061d,2,3]", 1); /* 63 characters */
    snprintf(text, sizeof text, "{\"device_id\":\"a\",\"features\":%s}", features);
    assert_int_equal(decode(text).fault, READING_GOOD);
    snprintf(features, sizeof features, "[0.%062d,2,3]", 1);
    expect_features_fault(features, READING_NOT_JSON, "has 64 characters; at most 63");
}

static void a_missing_field_is_named(void **state)
{
    (void)state;
    expect_fault("{\"features\":[1,2,3]}", READING_MISSING_FIELD, "device_id is missing");
    expect_fault("{\"device_id\":\"a\"}", READING_MISSING_FIELD, "features is missing");
    expect_fault("{\"Device_ID\":\"a\",\"features\":[1,2,3]}", READING_MISSING_FIELD, "device_id is missing");
}

static void a_field_of_another_type_is_named(void **state)
{
    (void)state;
    expect_device_fault("7", "device_id is a number; expected a string");
    expect_device_fault("null", "device_id is null");
    expect_device_fault("\"\"", "device_id is empty");
    expect_features_fault("{\"0\":1}", READING_WRONG_TYPE, "features is an object; expected an array of 3 numbers");
    expect_features_fault("null", READING_WRONG_TYPE, "features is null");
    expect_features_fault("[1,\"2\",3]", READING_WRONG_TYPE, "features[1] is a string; expected a number");
    expect_features_fault("[1,2,true]", READING_WRONG_TYPE, "features[2] is a boolean");
    expect_features_fault("[1,2,3],\"ts\":\"now\"", READING_WRONG_TYPE, "ts is a string");
    expect_features_fault("[1,2,3],\"ts\":false", READING_WRONG_TYPE, "ts is a boolean");
}

static void another_number_of_features_is_said(void **state)
{
    (void)state;
    expect_features_fault("[1,2]", READING_WRONG_WIDTH, "features has 2 numbers; the model wants 3");
    expect_features_fault("[1]", READING_WRONG_WIDTH, "features has 1 number; the model wants 3");
    expect_features_fault("[]", READING_WRONG_WIDTH, "features has 0 numbers");
    expect_features_fault("[1,2,3,4]", READING_WRONG_WIDTH, "features has 4 numbers");
}

static void numbers_beyond_a_double_are_not_finite(void **state)
{
    (void)state;
    expect_features_fault("[1,1e999,3]", READING_NOT_FINITE, "features[1] is beyond the range of a double");
    expect_features_fault("[1,2,-1e999]", READING_NOT_FINITE, "features[2]");
    expect_features_fault("[1,2,3],\"ts\":1e999", READING_NOT_FINITE, "ts is beyond");
}

static void null_is_missing_where_the_model_takes_that_only(void **state)
{
    (void)state;
    const char text[] = "{\"device_id\":\"a\",\"features\":[1,null,3]}";
    struct decoded decoded = decode_as(text, strlen(text), true);
    assert_int_equal(decoded.fault, READING_GOOD);
    assert_true(isnan(decoded.features[1]) && decoded.features[2] == 3);
    expect_fault(text, READING_NOT_FINITE, "features[1] is null; the model takes no missing values");
}

static void a_device_id_may_have_256_bytes(void **state)
{
    (void)state;
    char name[READING_DEVICE_BYTES_MAX + 2], json[READING_DEVICE_BYTES_MAX + 4];
    memset(name, 'x', sizeof name);
    name[READING_DEVICE_BYTES_MAX] = '\0';
    snprintf(json, sizeof json, "\"%s\"", name);
    expect_device(json, name);
    name[READING_DEVICE_BYTES_MAX] = 'x';
    name[READING_DEVICE_BYTES_MAX + 1] = '\0';
    snprintf(json, sizeof json, "\"%s\"", name);
    expect_device_fault(json, "device_id has 257 bytes; expected 1 to 256");
}

static void escapes_in_a_device_id_are_undone(void **state)
{
    (void)state;
    expect_device("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "a\"\\/\b\f\n\r\t");
    expect_device("\"\\u00e9\\ud83d\\ude00\"", "\xc3\xa9\xf0\x9f\x98\x80");
}

static void broken_escapes_are_not_json(void **state)
{
    (void)state;
    const char *const strings[] = {"\\x", "\\u12", "\\uzzzz", "\\ud800", "\\udc00\\ud800", "\\ud800\\u0041", "\\"};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        char text[100];
        snprintf(text, sizeof text, "{\"device_id\":\"%s\",\"features\":[1,2,3]}", strings[i]);
        expect_fault(text, READING_NOT_JSON, "");
    }
}

static void an_escaped_nul_does_not_shorten_a_string(void **state)
{
    (void)state;
    expect_fault("{\"device_id\":\"a\\u0000b\",\"features\":[1,2,3]}", READING_NOT_JSON, "\\u0000");
    expect_fault("{\"device_id\\u0000x\":\"a\",\"features\":[1,2,3]}", READING_NOT_JSON, "\\u0000");
}

static void a_device_id_that_is_not_utf8_is_refused(void **state)
{
    (void)state;
    const char *const strings[] = {"\xff",     "\xc0\x80", "\xed\xa0\x80",    "\xf4\x90\x80\x80",
                                   "\xe2\x98", "a\x80",    "\xf0\x80\x80\x80"};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        char json[16];
        snprintf(json, sizeof json, "\"%s\"", strings[i]);
        expect_device_fault(json, "not UTF-8");
    }
}

static void control_characters_in_a_string_are_not_json(void **state)
{
    (void)state;
    expect_fault("{\"device_id\":\"a\nb\",\"features\":[1,2,3]}", READING_NOT_JSON, "control character 0x0a");
    expect_fault("{\"device_id\":\"a\",\x0b\"features\":[1,2,3]}", READING_NOT_JSON, "unexpected 0x0b");
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    char text[400] = "{\"device_id\":\"a\",\"features\":[1,2,3],\"x\":";
    size_t n = strlen(text);
    memset(text + n, '[', 64);
    expect_fault(text, READING_NOT_JSON, "nested more than 64 deep");
    memset(text + n + 63, ']', 63);
    strcpy(text + n + 126, "}");
    assert_int_equal(decode(text).fault, READING_GOOD);
}

static void a_reason_is_cut_to_its_room(void **state)
{
    (void)state;
    const struct reading_shape shape = {.width = 3, .bytes_max = 1000};
    struct reading reading;
    double features[3];
    char reason[8] = "1234567";
    assert_int_equal(reading_decode("x", 1, &shape, &reading, features, reason, 5), READING_NOT_JSON);
    assert_string_equal(reason, "not ");
    assert_int_equal(reading_decode("x", 1, &shape, &reading, features, NULL, 0), READING_NOT_JSON);
}

static void the_width_of_a_reading_can_be_told_beforehand(void **state)
{
    (void)state;
    const char text[] = "{\"features\":[1,null,3,4]}";
    assert_int_equal(reading_width(text, strlen(text)), 4);
    assert_int_equal(reading_width("{}", 2), 0);
    assert_int_equal(reading_width("[1,2]", 5), 0);
    assert_int_equal(reading_width("", 0), 0);
}

static void every_fault_has_a_code_of_its_own(void **state)
{
    (void)state;
    for (int a = READING_GOOD; a <= READING_NOT_FINITE; a++)
        for (int b = READING_GOOD; b < a; b++)
            assert_string_not_equal(reading_fault_name((enum reading_fault)a),
                                    reading_fault_name((enum reading_fault)b));
    assert_string_equal(reading_fault_name(READING_NOT_JSON), "not_json");
}

static void strings_are_written_as_json(void **state)
{
    (void)state;
    char out[64];
    size_t n = reading_write_string(out, sizeof out, "a\"\\\b\f\n\r\t\x01\x7f\xc3\xa9");
    assert_string_equal(out, "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u007f\xc3\xa9\"");
    assert_int_equal(n, strlen(out));
}

static void bytes_that_are_not_utf8_are_replaced_in_written_strings(void **state)
{
    (void)state;
    char out[64];
    reading_write_string(out, sizeof out, "\xff\xe2\x98");
    assert_string_equal(out, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void a_string_is_written_whole_or_not_at_all(void **state)
{
    (void)state;
    char out[8];
    assert_int_equal(reading_write_string(out, 5, "ab"), 4);
    assert_int_equal(reading_write_string(out, 4, "ab"), 0);
    assert_int_equal(reading_write_string(out, 3, ""), 2);
    assert_int_equal(reading_write_string(out, 2, ""), 0);
    assert_int_equal(reading_write_string(out, 0, ""), 0);
}

static void a_number_is_written_whole_or_not_at_all(void **state)
{
    (void)state;
    char out[8];
    assert_int_equal(reading_write_number(out, 5, 12.5), 4);
    assert_string_equal(out, "12.5");
    assert_int_equal(reading_write_number(out, 4, 12.5), 0);
}

static void a_number_that_is_not_finite_is_written_as_null(void **state)
{
    (void)state;
    char out[32];
    assert_int_equal(reading_write_number(out, sizeof out, NAN), 4);
    assert_string_equal(out, "null");
    reading_write_number(out, sizeof out, -INFINITY);
    assert_string_equal(out, "null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reading_gives_its_device_features_and_time),
        cmocka_unit_test(the_time_may_be_left_out_or_null),
        cmocka_unit_test(unknown_fields_are_ignored),
        cmocka_unit_test(the_last_of_two_equal_fields_counts),
        cmocka_unit_test(blanks_and_a_byte_order_mark_around_it_are_allowed),
        cmocka_unit_test(no_bytes_are_empty_and_too_many_too_large),
        cmocka_unit_test(what_is_not_one_object_is_not_json),
        cmocka_unit_test(text_after_the_object_is_not_json),
        cmocka_unit_test(a_nul_byte_is_not_json_wherever_it_stands),
        cmocka_unit_test(every_cut_reading_is_not_json),
        cmocka_unit_test(numbers_that_only_c_knows_are_not_json),
        cmocka_unit_test(numbers_that_json_knows_are_read_exactly),
        cmocka_unit_test(a_number_of_more_characters_than_are_read_is_refused),
        cmocka_unit_test(a_missing_field_is_named),
        cmocka_unit_test(a_field_of_another_type_is_named),
        cmocka_unit_test(another_number_of_features_is_said),
        cmocka_unit_test(numbers_beyond_a_double_are_not_finite),
        cmocka_unit_test(null_is_missing_where_the_model_takes_that_only),
        cmocka_unit_test(a_device_id_may_have_256_bytes),
        cmocka_unit_test(escapes_in_a_device_id_are_undone),
        cmocka_unit_test(broken_escapes_are_not_json),
        cmocka_unit_test(an_escaped_nul_does_not_shorten_a_string),
        cmocka_unit_test(a_device_id_that_is_not_utf8_is_refused),
        cmocka_unit_test(control_characters_in_a_string_are_not_json),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(a_reason_is_cut_to_its_room),
        cmocka_unit_test(the_width_of_a_reading_can_be_told_beforehand),
        cmocka_unit_test(every_fault_has_a_code_of_its_own),
        cmocka_unit_test(strings_are_written_as_json),
        cmocka_unit_test(bytes_that_are_not_utf8_are_replaced_in_written_strings),
        cmocka_unit_test(a_string_is_written_whole_or_not_at_all),
        cmocka_unit_test(a_number_is_written_whole_or_not_at_all),
        cmocka_unit_test(a_number_that_is_not_finite_is_written_as_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
