/* test_number.c: doubles as text. */
#include "support.h"

#include "private.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(double value, char out[ALERTRON_NUMBER_BYTES + 1])
{
    size_t n = alertron__number_text(value, out);
    assert_in_range(n, 1, ALERTRON_NUMBER_BYTES);
    out[n] = 0;
    return out;
}

static const char *bound_of(double value, char out[ALERTRON_NUMBER_BYTES + 1])
{
    out[alertron__number_bound(value, out)] = 0;
    return out;
}

/* A sequence that visits the whole range of 64-bit patterns. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static bool reads_back(const char *text, double value)
{
    return strtod(text, NULL) == value;
}

/* The text's digits as an integer without zeros at either end, and how many there are. */
static size_t digits_of(const char *text, char digits[32])
{
    size_t n = 0;
    for (; *text && *text != 'e'; text++)
        if (*text >= '0' && *text <= '9' && (n || *text != '0'))
            digits[n++] = *text;
    while (n && digits[n - 1] == '0')
        n--;
    digits[n] = 0;
    return n;
}

/* Reads back, with the fewest digits; and where the decimal of so many digits that is nearest to the value
 * reads back too, it is that one. */
static void check_shortest(double value)
{
    char text[ALERTRON_NUMBER_BYTES + 1], nearest[64], digits[32], nearest_digits[32];
    text_of(value, text);
    if (!reads_back(text, value))
        fail_msg("%a became %s", value, text);
    size_t n = digits_of(text, digits);
    snprintf(nearest, sizeof nearest, "%.*e", (int)n - 1, value);
    digits_of(nearest, nearest_digits);
    if (reads_back(nearest, value) && strcmp(digits, nearest_digits) != 0)
        fail_msg("%a became %s, farther away than %s", value, text, nearest);
    if (n == 1)
        return;
    snprintf(nearest, sizeof nearest, "%.*e", (int)n - 2, value);
    if (reads_back(nearest, value))
        fail_msg("%a became %s, longer than %s", value, text, nearest);
}

static void check_neighbours(double value)
{
    check_shortest(value);
    check_shortest(-value);
    if (value > DBL_TRUE_MIN)
        check_shortest(nextafter(value, 0));
    if (nextafter(value, INFINITY) < INFINITY)
        check_shortest(nextafter(value, INFINITY));
}

static void known_numbers_have_their_known_text(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } known[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {1.0, "1"},
        {-1.0, "-1"},
        {100.0, "100"},
        {0.1, "0.1"},
        {-0.25, "-0.25"},
        {1.0 / 3.0, "0.3333333333333333"},
        {2.0 / 3.0, "0.6666666666666666"},
        {0.1 + 0.2, "0.30000000000000004"},
        {123456789.0, "123456789"},
        {1234567.5, "1234567.5"},
        {0.0001, "0.0001"},
        {0.00001, "1e-05"},
        {0.000012345, "1.2345e-05"},
        {9007199254740991.0, "9007199254740991"},
        {9007199254740992.0, "9007199254740992"},
        {-9007199254740992.0, "-9007199254740992"},
        {9007199254740994.0, "9007199254740994"},
        {9007199254740996.0, "9007199254740996"},
        {1125899906842624.25, "1125899906842624.2"}, /* half-way: to even */
        {1125899906842624.75, "1125899906842624.8"},
        {123456789012345680000.0, "123456789012345680000"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {1e22, "1e+22"},
        {1e23, "1e+23"},
        {1e100, "1e+100"},
        {9.5367431640625e-7, "9.5367431640625e-07"},
        {5.684341886080801486968994140625e-14, "5.684341886080802e-14"}, /* a power of two: uneven neighbours */
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {2.225073858507201e-308, "2.225073858507201e-308"}, /* the largest subnormal */
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {-1.7976931348623157e308, "-1.7976931348623157e+308"},
    };
    char text[ALERTRON_NUMBER_BYTES + 1];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_string_equal(text_of(known[i].value, text), known[i].text);
}

static void what_is_no_number_is_named_as_prometheus_names_it(void **state)
{
    (void)state;
    char text[ALERTRON_NUMBER_BYTES + 1];
    assert_string_equal(text_of(INFINITY, text), "+Inf");
    assert_string_equal(text_of(-INFINITY, text), "-Inf");
    assert_string_equal(text_of(NAN, text), "NaN");
    assert_string_equal(text_of(-NAN, text), "NaN");
}

static void bounds_turn_to_exponents_at_a_million(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } known[] = {
        {1, "1"},        {100000, "100000"}, {123456, "123456"}, {1e6, "1e+06"},   {1234567.5, "1.2345675e+06"},
        {1e10, "1e+10"}, {0.0001, "0.0001"}, {0.00001, "1e-05"}, {0.005, "0.005"}, {-2.5, "-2.5"},
        {0, "0"},
    };
    char text[ALERTRON_NUMBER_BYTES + 1];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_string_equal(bound_of(known[i].value, text), known[i].text);
}

static void integers_are_written_whole(void **state)
{
    (void)state;
    char text[ALERTRON_NUMBER_BYTES + 1], expected[32];
    text[alertron__integer_text(0, text)] = 0;
    assert_string_equal(text, "0");
    text[alertron__integer_text(UINT64_MAX, text)] = 0;
    assert_string_equal(text, "18446744073709551615");
    uint64_t random = 1;
    for (int i = 0; i < 100000; i++) {
        int64_t whole = (int64_t)(next_random(&random) >> (11 + i % 53));
        whole = i & 1 ? -whole : whole;
        if (whole == 0)
            continue;
        snprintf(expected, sizeof expected, "%lld", (long long)whole);
        assert_string_equal(text_of((double)whole, text), expected);
    }
}

static void every_power_of_two_and_ten_and_its_neighbours_are_shortest(void **state)
{
    (void)state;
    for (int exponent = -1074; exponent <= 1023; exponent++)
        check_neighbours(ldexp(1, exponent));
    for (int exponent = -323; exponent <= 308; exponent++) {
        char text[16];
        snprintf(text, sizeof text, "1e%d", exponent);
        check_neighbours(strtod(text, NULL));
    }
    check_shortest(DBL_MAX);
    check_shortest(DBL_MIN);
    check_shortest(DBL_TRUE_MIN);
}

static void decimals_of_few_digits_come_back_as_they_were_written(void **state)
{
    (void)state;
    char text[ALERTRON_NUMBER_BYTES + 1], expected[32];
    for (int i = 10; i < 100000; i++) { /* from 0.0001 on: below it there are exponents */
        snprintf(expected, sizeof expected, "%d.%05d", i / 1000, i);
        char *last = expected + strlen(expected) - 1;
        while (*last == '0')
            *last-- = 0;
        assert_string_equal(text_of(strtod(expected, NULL), text), expected);
    }
}

static void random_bit_patterns_read_back(void **state)
{
    (void)state;
    uint64_t random = 2;
    char text[ALERTRON_NUMBER_BYTES + 1];
    for (int i = 0; i < 1000000; i++) {
        double value = alertron__double_of_bits(next_random(&random));
        if (isfinite(value) && !reads_back(text_of(value, text), value))
            fail_msg("%a became %s", value, text);
    }
}

static void random_bit_patterns_are_shortest(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int i = 0; i < 100000; i++) {
        double value = alertron__double_of_bits(next_random(&random));
        if (isfinite(value))
            check_shortest(value);
    }
}

/* Scores, latencies and counts: what metrics are made of. */
static void random_numbers_of_everyday_size_are_shortest(void **state)
{
    (void)state;
    uint64_t random = 4;
    for (int i = 0; i < 300000; i++) {
        uint64_t bits = next_random(&random);
        double value = ldexp((double)(bits >> 11) + 1, -53 - 20 + (int)(bits % 80));
        check_shortest(value);
    }
}

static void check_read(const char *text)
{
    double value = -1.0;
    if (!alertron__number_read(text, strlen(text), 0, &value) ||
        alertron__bits_of_double(value) != alertron__bits_of_double(strtod(text, NULL)))
        fail_msg("%s was read as %a", text, value);
}

/* As strtod, whose rounding is right: beside the middle of two doubles, at both ends, and anywhere. */
static void numbers_are_read_as_the_nearest_double(void **state)
{
    (void)state;
    static const char *const texts[] = {"0",
                                        "-0",
                                        "1",
                                        "+1.5",
                                        ".5",
                                        "5.",
                                        "0.1",
                                        "1e22",
                                        "1e23",
                                        "9007199254740993",
                                        "9007199254740991.5",
                                        "4.9406564584124654e-324",
                                        "2.4703282292062327e-324",
                                        "2.4703282292062328e-324",
                                        "1.7976931348623157e308",
                                        "1.7976931348623159e308",
                                        "2.2250738585072011e-308",
                                        "2.2250738585072014e-308",
                                        "1E+999999",
                                        "0e999999",
                                        "1e-999999",
                                        "000000000000000000000000001.50000000000000000000000000000"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check_read(texts[i]);
    uint64_t random = 9;
    for (int i = 0; i < 200000; i++) {
        const uint64_t bits = next_random(&random);
        const double value = alertron__double_of_bits(bits);
        char text[64];
        if (value - value != 0.0)
            continue;
        snprintf(text, sizeof text, "%.*e", (int)(bits % 19), value);
        check_read(text);
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)(bits >> 1), (int)(bits % 690) - 360);
        check_read(text);
    }
    double percent;
    assert_true(alertron__number_read("1.5", 3, -2, &percent) && percent == 0.015);
}

static void what_is_no_decimal_number_is_not_read(void **state)
{
    (void)state;
    static const char *const texts[] = {"",   "-",    ".",   "e5",  "1e",  "1e+",   "1.5x", " 1",
                                        "1 ", "0x10", "nan", "inf", "--1", "1.2.3", "1,5",  "12345678901234567891"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        double value = 7.0;
        assert_false(alertron__number_read(texts[i], strlen(texts[i]), 0, &value));
        assert_true(value == 7.0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_numbers_have_their_known_text),
        cmocka_unit_test(what_is_no_number_is_named_as_prometheus_names_it),
        cmocka_unit_test(bounds_turn_to_exponents_at_a_million),
        cmocka_unit_test(integers_are_written_whole),
        cmocka_unit_test(every_power_of_two_and_ten_and_its_neighbours_are_shortest),
        cmocka_unit_test(decimals_of_few_digits_come_back_as_they_were_written),
        cmocka_unit_test(random_bit_patterns_read_back),
        cmocka_unit_test(random_bit_patterns_are_shortest),
        cmocka_unit_test(random_numbers_of_everyday_size_are_shortest),
        cmocka_unit_test(numbers_are_read_as_the_nearest_double),
        cmocka_unit_test(what_is_no_decimal_number_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
