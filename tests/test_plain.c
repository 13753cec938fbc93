/* test_plain.c: what the decoder of plain readings takes, it takes as the same bits as the decoder behind it, and it
 * reads no byte that is not its own. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "plain.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "support.h"

enum { WIDTH = 3, PAGE = 4096, BYTES_MAX = 1000, MARK = 3 };

/* A page between two that can't be read. */
struct fence {
    char *pages;
};

static int fence_setup(void **state)
{
    static struct fence fence;
    fence.pages = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *state = &fence;
    return fence.pages == MAP_FAILED || mprotect(fence.pages + PAGE, PAGE, PROT_READ | PROT_WRITE);
}

static int fence_teardown(void **state)
{
    return munmap(((struct fence *)*state)->pages, 3 * PAGE);
}

struct decoded {
    bool plain;
    struct reading reading;
    double features[WIDTH];
};

static struct reading_shape shape_of(bool missing_values)
{
    return (struct reading_shape){.width = WIDTH, .missing_values = missing_values, .bytes_max = BYTES_MAX};
}

static struct decoded decode(const char *bytes, size_t n_bytes, bool missing_values)
{
    struct decoded decoded;
    const struct reading_shape shape = shape_of(missing_values);
    memset(&decoded, 0xa5, sizeof decoded);
    decoded.plain = plain_decode(bytes, n_bytes, &shape, &decoded.reading, decoded.features);
    return decoded;
}

/* The decoder behind: a byte order mark is not plain. */
static enum reading_fault arbitrate(const char *bytes, size_t n_bytes, bool missing_values, struct decoded *decoded)
{
    struct reading_shape shape = shape_of(missing_values);
    shape.bytes_max += MARK;
    char marked[BYTES_MAX + MARK];
    assert_true(n_bytes <= BYTES_MAX);
    memcpy(marked, "\xef\xbb\xbf", MARK);
    memcpy(marked + MARK, bytes, n_bytes);
    decoded->plain = plain_decode(marked, n_bytes + MARK, &shape, &decoded->reading, decoded->features);
    return reading_decode(marked, n_bytes + MARK, &shape, &decoded->reading, decoded->features, NULL, 0);
}

static bool same(const struct decoded *a, const struct decoded *b)
{
    return a->reading.device_id_bytes == b->reading.device_id_bytes &&
           strcmp(a->reading.device_id, b->reading.device_id) == 0 &&
           strlen(a->reading.device_id) == a->reading.device_id_bytes &&
           memcmp(&a->reading.ts, &b->reading.ts, sizeof a->reading.ts) == 0 &&
           memcmp(a->features, b->features, sizeof a->features) == 0;
}

/* That the arbiter says the same where the bytes are plain; returns whether they are. */
static bool compare(const char *bytes, size_t n_bytes, bool missing_values)
{
    struct decoded arbiter;
    const struct decoded plain = decode(bytes, n_bytes, missing_values);
    if (!plain.plain)
        return false;
    const enum reading_fault fault = arbitrate(bytes, n_bytes, missing_values, &arbiter);
    assert_false(arbiter.plain);
    if (fault || !same(&plain, &arbiter))
        fail_msg("%.*s\n  is plain, but to cJSON %s", (int)n_bytes, bytes,
                 fault ? reading_fault_name(fault) : "another");
    return true;
}

/* The same with the bytes at either end of the page. */
static bool compare_fenced(const struct fence *fence, const char *bytes, size_t n_bytes)
{
    char *page = fence->pages + PAGE, *last = page + PAGE - n_bytes;
    memcpy(page, bytes, n_bytes);
    const bool plain = compare(page, n_bytes, false);
    memset(page, 0, PAGE);
    memcpy(last, bytes, n_bytes);
    assert_int_equal(compare(last, n_bytes, false), plain);
    return compare(last, n_bytes, true) || plain;
}

static void expect_plain(const char *text)
{
    if (!compare(text, strlen(text), true))
        fail_msg("%s\n  is not taken", text);
}

static void expect_unusual(const char *text)
{
    if (decode(text, strlen(text), false).plain)
        fail_msg("%s\n  is taken", text);
}

static const char *const usual[] = {
    "{\"device_id\":\"edge-1\",\"features\":[50.1,99.0,0.51],\"ts\":1763800000.123}",
    "{\"device_id\": \"edge-17\", \"features\": [48.089694976806641, 102.33450317382812, 0.0012345678901234567], "
    "\"ts\": 1763800000.2512345}",
    "{\"ts\":null,\"features\":[-0.0,1e-05,12E+3],\"device_id\":\"s\xc3\xa4ge \xe2\x82\xac \xf0\x9f\x98\x80\"}",
    "\r\n\t {\t\"features\" : [ 1 , 22\n,\r333 ]\n,\"device_id\" :\"0123456789abcdef0123456789\" } \n",
    "{\"unit\":\"degrees\",\"x\":-1.5e7,\"ok\":true,\"no\":false,\"nil\":null,\"\":\"\",\"device_id\":\"a\","
    "\"features\":[0,9999999999999999999,9007199254740993]}",
};
enum { USUAL = sizeof usual / sizeof *usual };

static void readings_of_the_usual_shape_are_plain(void **state)
{
    for (size_t i = 0; i < USUAL; i++) {
        expect_plain(usual[i]);
        assert_true(compare_fenced(*state, usual[i], strlen(usual[i])));
    }
    expect_plain("{\"device_id\":\"a\",\"features\":[null,2,null],\"ts\":null}");
}

static void a_plain_reading_gives_its_device_features_and_time(void **state)
{
    (void)state;
    const struct decoded decoded = decode(usual[0], strlen(usual[0]), false);
    assert_true(decoded.plain);
    assert_string_equal(decoded.reading.device_id, "edge-1");
    assert_int_equal(decoded.reading.device_id_bytes, 6);
    assert_true(decoded.features[0] == 50.1 && decoded.features[1] == 99.0 && decoded.features[2] == 0.51);
    assert_true(decoded.reading.ts == 1763800000.123);
    assert_true(isnan(decode(usual[2], strlen(usual[2]), false).reading.ts));
    assert_true(isnan(decode(usual[3], strlen(usual[3]), false).reading.ts));
}

static void what_is_unusual_is_left_to_the_other_decoder(void **state)
{
    (void)state;
    const char *const good[] = {
        "\xef\xbb\xbf{\"device_id\":\"a\",\"features\":[1,2,3]}",
        "{\"device_id\":\"\\u00e9\",\"features\":[1,2,3]}",
        "{\"device\\u005fid\":\"b\",\"device_id\":\"a\",\"features\":[1,2,3]}",
        "{\"device_id\":\"a\",\"device_id\":\"b\",\"features\":[1,2,3]}",
        "{\"device_id\":\"a\",\"features\":[3,2,1],\"features\":[1,2,3]}",
        "{\"device_id\":\"a\",\"features\":[1,2,3],\"ts\":1,\"ts\":2}",
        "{\"device_id\":\"a\",\"features\":[1,2,3],\"x\":{}}",
        "{\"device_id\":\"a\",\"features\":[1,2,3],\"x\":[]}",
        "{\"device_id\":\"a\",\"features\":[1,2,3],\"x\":1e999}",
        "{\"device_id\":\"a\",\"features\":[1,2,5e-324]}",
        "{\"device_id\":\"a\",\"features\":[1,2,123456789012345678901]}",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct decoded decoded;
        expect_unusual(good[i]);
        assert_int_equal(
            arbitrate(good[i] + (i == 0 ? MARK : 0), strlen(good[i]) - (i == 0 ? MARK : 0), false, &decoded),
            READING_GOOD);
    }
}

static void what_has_a_fault_is_not_plain(void **state)
{
    (void)state;
    const char *const faulty[] = {
        "",
        " ",
        "{}",
        "[]",
        "{\"device_id\":\"a\"}",
        "{\"features\":[1,2,3]}",
        "{\"device_id\":\"\",\"features\":[1,2,3]}",
        "{\"device_id\":7,\"features\":[1,2,3]}",
        "{\"device_id\":null,\"features\":[1,2,3]}",
        "{\"device_id\":\"a\xff\",\"features\":[1,2,3]}",
        "{\"device_id\":\"aaaaaaaaaaaaaaaaaaaaaaa\xc3\",\"features\":[1,2,3]}",
        "{\"device_id\":\"a\nb\",\"features\":[1,2,3]}",
        "{\"device_id\":\"a\",\"features\":[1,2]}",
        "{\"device_id\":\"a\",\"features\":[1,2,3,4]}",
        "{\"device_id\":\"a\",\"features\":[1,2,3,]}",
        "{\"device_id\":\"a\",\"features\":[1,2 3]}",
        "{\"device_id\":\"a\",\"features\":[1,2,null]}",
        "{\"device_id\":\"a\",\"features\":[1,2,\"3\"]}",
        "{\"device_id\":\"a\",\"features\":null}",
        "{\"device_id\":\"a\",\"features\":[1,2,3],}",
        "{\"device_id\":\"a\",\"features\":[1,2,3]}}",
        "{\"device_id\":\"a\",\"features\":[1,2,3]} x",
        "{\"device_id\":\"a\" \"features\":[1,2,3]}",
        "{\"device_id\":\"a\",\"features\":[1,2,3],\"ts\":\"now\"}",
        "{\"device_id\":\"a\",\"features\":[1,2,3],\"ts\":true}",
        "{\"device_id\":\"a\",\"features\":[1,2,3],\"x\":tru}",
        "{\"device_id\":\"a\",\"features\":[1,2,3],\"x\":NaN}",
        "{\"device_id\":\"a\",\"features\":[1,2,3],\"x\"}",
        "{\"device_id\":\"a\",\"features\":[1,2,3],x:1}",
    };
    for (size_t i = 0; i < sizeof faulty / sizeof *faulty; i++) {
        struct decoded decoded;
        expect_unusual(faulty[i]);
        assert_int_not_equal(arbitrate(faulty[i], strlen(faulty[i]), false, &decoded), READING_GOOD);
    }
    char large[BYTES_MAX + 2];
    memset(large, ' ', sizeof large);
    memcpy(large, usual[0], strlen(usual[0]));
    assert_true(decode(large, BYTES_MAX, false).plain);
    assert_false(decode(large, BYTES_MAX + 1, false).plain);
}

static void every_byte_may_be_any_other_at_the_end_of_a_page(void **state)
{
    for (size_t i = 0; i < USUAL; i++) {
        char bytes[BYTES_MAX];
        const size_t n = strlen(usual[i]);
        size_t plain = 0;
        memcpy(bytes, usual[i], n);
        for (size_t at = 0; at < n; at++) {
            for (unsigned c = 0; c < 256; c++) {
                bytes[at] = (char)c;
                plain += compare_fenced(*state, bytes, n);
            }
            bytes[at] = usual[i][at];
        }
        assert_in_range(plain, 2 * n, 200 * n); /* a good many of them are, and many are not */
    }
}

static void every_beginning_at_the_end_of_a_page_is_unusual(void **state)
{
    for (size_t i = 0; i < USUAL; i++) {
        const size_t whole = (size_t)(strrchr(usual[i], '}') - usual[i]) + 1;
        for (size_t n = 0; n < whole; n++)
            assert_false(compare_fenced(*state, usual[i], n));
        assert_true(compare_fenced(*state, usual[i], whole));
    }
}

static void bytes_that_are_left_out_or_doubled_are_seen(void **state)
{
    for (size_t i = 0; i < USUAL; i++) {
        const size_t n = strlen(usual[i]);
        for (size_t at = 0; at < n; at++)
            for (size_t length = 1; length <= 9 && at + length <= n; length++) {
                char bytes[BYTES_MAX];
                memcpy(bytes, usual[i], at);
                memcpy(bytes + at, usual[i] + at + length, n - at - length);
                compare_fenced(*state, bytes, n - length);
                memcpy(bytes, usual[i], at + length);
                memcpy(bytes + at + length, usual[i] + at, n - at);
                compare_fenced(*state, bytes, n + length);
            }
    }
}

static void a_device_id_of_any_length_is_taken_up_to_256_bytes(void **state)
{
    for (size_t n = 1; n <= READING_DEVICE_BYTES_MAX + 1; n++)
        for (size_t at = 0; at + 2 <= n || at == 0; at += 5) {
            char text[BYTES_MAX], device[READING_DEVICE_BYTES_MAX + 2];
            memset(device, 'x', n);
            if (at + 2 <= n)
                memcpy(device + at, "\xc3\xa9", 2);
            const int length =
                snprintf(text, sizeof text, "{\"features\":[1,2,3],\"device_id\":\"%.*s\"}", (int)n, device);
            assert_int_equal(compare_fenced(*state, text, (size_t)length), n <= READING_DEVICE_BYTES_MAX);
        }
}

/* Whether a number is taken: as a feature behind and before others, and as the time at the end of the page. */
static bool number_is_plain(const struct fence *fence, const char *number)
{
    char text[BYTES_MAX];
    int n =
        snprintf(text, sizeof text, "{\"device_id\":\"a\",\"features\":[%s,%s,1],\"ts\":%s}", number, number, number);
    const bool plain = compare_fenced(fence, text, (size_t)n);
    if (plain) {
        const double expected = strtod(number, NULL), read = decode(text, (size_t)n, false).features[0];
        if (memcmp(&expected, &read, sizeof read) != 0)
            fail_msg("%s is read as %.17g", number, read);
    }
    return plain;
}

static void hard_numbers_are_rounded_to_the_nearest_double(void **state)
{
    const char *const numbers[] = {"0",
                                   "-0",
                                   "0.0",
                                   "-0.000",
                                   "0e5",
                                   "0E-5",
                                   "5e0",
                                   "1e22",
                                   "1e-22",
                                   "9007199254740993",
                                   "9007199254740992.5",
                                   "9007199254740991.5",
                                   "4503599627370497.5",
                                   "4503599627370496.5",
                                   "2251799813685248.25",
                                   "2251799813685248.75",
                                   "1125899906842624.125",
                                   "1125899906842624.375",
                                   "1125899906842624.124",
                                   "1125899906842624.126",
                                   "1152921504606846976",
                                   "9999999999999999999",
                                   "9223372036854776833",
                                   "0.9999999999999999999",
                                   "0.3",
                                   "0.1",
                                   "0.30000000000000004",
                                   "3.1415926535897932",
                                   "1234567890123456789e-19",
                                   "1234567890123456789e-27",
                                   "0.000000001234567890123456789",
                                   "1e-27",
                                   "0.00012345678901234567",
                                   "123456789012.1234567",
                                   "12345678.1234567",
                                   "1234567.8",
                                   "123456.78",
                                   "1.5e-7",
                                   "7.2057594037927933e-05",
                                   "0.00000000000000000000000001e-1",
                                   "9007199254740992e22"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!number_is_plain(*state, numbers[i]))
            fail_msg("%s is not taken", numbers[i]);
}

static void odd_numbers_are_left_to_the_other_decoder(void **state)
{
    const char *const numbers[] = {"12345678901234567890",
                                   "18446744073709551615",
                                   "1.2345678901234567890",
                                   "0.12345678901234567890",
                                   "9007199254740993e1",
                                   "1e23",
                                   "1e-28",
                                   "4.9e-324",
                                   "2.2250738585072011e-308",
                                   "1e999",
                                   "-1e999",
                                   "1e0005",
                                   "0.000000000000000000000000000000000000000000000000000000000001e60",
                                   "0e-0000000000000000000000000000000000000000000000000000000000000000001",
                                   "01",
                                   "-01",
                                   "00",
                                   "-",
                                   "+1",
                                   ".5",
                                   "1.",
                                   "1.e3",
                                   "1e",
                                   "1e+",
                                   "1e-",
                                   "--1",
                                   "1.2.3",
                                   "0x10",
                                   "1f",
                                   "1_0",
                                   "12345678.",
                                   "1234567.",
                                   "1234567.e",
                                   "0123456.7",
                                   "00000000.5",
                                   "Infinity",
                                   "nan"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (number_is_plain(*state, numbers[i]))
            fail_msg("%s is taken", numbers[i]);
}

/* xorshift64 by Marsaglia. */
static uint64_t next_bits(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static void numbers_of_1_to_19_digits_with_a_point_anywhere_are_rounded_to_the_nearest(void **state)
{
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 60000; i++) {
        char digits[24], number[32];
        const int n = snprintf(digits, sizeof digits, "%" PRIu64, next_bits(&random) >> next_bits(&random) % 64);
        const int whole = 1 + (int)(next_bits(&random) % (uint64_t)n);
        snprintf(number, sizeof number, whole < n ? "%.*s.%s" : "%.*s%s", whole, digits, digits + whole);
        if (n <= 19 && !number_is_plain(*state, number) && (*number != '0' || whole == 1))
            fail_msg("%s is not taken", number);
    }
}

/* Decimals in the middle between two doubles, and those next to them. */
static void halves_go_to_the_even_double(void **state)
{
    uint64_t random = 4711;
    for (int i = 0; i < 20000; i++) {
        const unsigned shift = 1 + (unsigned)i % 3; /* so many binary digits, and so many decimals */
        const uint64_t middle = (UINT64_C(1) << 53 | next_bits(&random) >> 11) | 1;
        static const unsigned tens[] = {1, 10, 100, 1000};
        const uint64_t whole = middle >> shift, rest = (middle & ((1u << shift) - 1)) * tens[shift] >> shift;
        char number[40];
        for (int step = -1; step <= 1; step++) {
            snprintf(number, sizeof number, "%" PRIu64 ".%0*" PRIu64, whole, (int)shift, rest + (uint64_t)step);
            if (whole < UINT64_C(10000000000000000) / tens[shift - 1] && !number_is_plain(*state, number))
                fail_msg("%s is not taken", number);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readings_of_the_usual_shape_are_plain),
        cmocka_unit_test(a_plain_reading_gives_its_device_features_and_time),
        cmocka_unit_test(what_is_unusual_is_left_to_the_other_decoder),
        cmocka_unit_test(what_has_a_fault_is_not_plain),
        cmocka_unit_test(every_byte_may_be_any_other_at_the_end_of_a_page),
        cmocka_unit_test(every_beginning_at_the_end_of_a_page_is_unusual),
        cmocka_unit_test(bytes_that_are_left_out_or_doubled_are_seen),
        cmocka_unit_test(a_device_id_of_any_length_is_taken_up_to_256_bytes),
        cmocka_unit_test(hard_numbers_are_rounded_to_the_nearest_double),
        cmocka_unit_test(odd_numbers_are_left_to_the_other_decoder),
        cmocka_unit_test(numbers_of_1_to_19_digits_with_a_point_anywhere_are_rounded_to_the_nearest),
        cmocka_unit_test(halves_go_to_the_even_double),
    };
    return cmocka_run_group_tests(tests, fence_setup, fence_teardown);
}
