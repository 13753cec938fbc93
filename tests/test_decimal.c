/* test_decimal.c: doubles become the shortest decimals that read back as the same, and decimals the nearest doubles. */
#include "decimal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#define NUMBERS 300000

/* xorshift64 by Marsaglia. */
static uint64_t next_bits(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* Digits from the first that is not 0 to the last that is not 0. */
static size_t count_digits(const char *text)
{
    size_t n = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (n == 0 && *text == '0'))
            continue;
        n++;
        zeros = *text == '0' ? zeros + 1 : 0;
    }
    return n - zeros;
}

static void expect_shortest(double value)
{
    char text[DECIMAL_BYTES], shortest[DECIMAL_BYTES];
    size_t n = decimal_write(text, value);
    assert_int_equal(n, strlen(text));
    double again = strtod(text, NULL);
    if (memcmp(&again, &value, sizeof value) != 0)
        fail_msg("%a is written as %s", value, text);
    int digits = 1;
    do
        snprintf(shortest, sizeof shortest, "%.*g", digits, value);
    while (strtod(shortest, NULL) != value && ++digits <= 17);
    if (count_digits(text) != count_digits(shortest) && count_digits(shortest) > 15)
        fail_msg("%s is written as %s", shortest, text);
    assert_true(count_digits(text) <= 15 || strtod(text, NULL) == strtod(shortest, NULL));
}

static void numbers_of_any_size_are_written_as_the_shortest_text(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < NUMBERS; i++) {
        double value;
        uint64_t bits = next_bits(&random);
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value))
            expect_shortest(value);
    }
}

static void scores_are_written_as_the_shortest_text(void **state)
{
    (void)state;
    uint64_t random = 1234567;
    for (int i = 0; i < NUMBERS; i++)
        expect_shortest((double)(next_bits(&random) >> 11) * 0x1p-53);
}

/* A number in [0.1, 1) and the text that printf has for it where it needs this many digits. */
static void scores_are_written_as_printf_would(void **state)
{
    (void)state;
    uint64_t random = 7654321;
    for (int i = 0; i < NUMBERS; i++) {
        double value = 0.1 + 0.9 * (double)(next_bits(&random) >> 11) * 0x1p-53;
        char text[DECIMAL_BYTES], printed[DECIMAL_BYTES];
        decimal_write(text, value);
        int digits = 15;
        do
            snprintf(printed, sizeof printed, "%.*g", digits, value);
        while (strtod(printed, NULL) != value && ++digits <= 17);
        assert_string_equal(text, printed);
    }
}

static void numbers_beside_powers_of_two_and_ten_are_written_as_the_shortest_text(void **state)
{
    (void)state;
    for (int power = -320; power <= 308; power++) {
        double at[2] = {pow(10, power), ldexp(1, power)};
        for (int i = 0; i < 2; i++) {
            if (at[i] == 0)
                continue;
            expect_shortest(at[i]);
            expect_shortest(-nextafter(at[i], 0));
            expect_shortest(nextafter(at[i], INFINITY));
        }
    }
}

static void numbers_of_few_decimals_are_written_without_an_exponent(void **state)
{
    (void)state;
    const struct {
        double value;
        const char *text;
    } numbers[] = {{0, "0"},
                   {-0.0, "-0"},
                   {1, "1"},
                   {-17, "-17"},
                   {0.1, "0.1"},
                   {-0.000001, "-0.000001"},
                   {100, "100"},
                   {0.05, "0.05"},
                   {999999999.5, "999999999.5"},
                   {12.5, "12.5"},
                   {1e9, "1000000000"},
                   {1763800000.123, "1763800000.123"},
                   {1e-7, "1e-07"},
                   {1e300, "1e+300"},
                   {0.30000000000000004, "0.30000000000000004"},
                   {48.089694976806641, "48.08969497680664"}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char text[DECIMAL_BYTES];
        decimal_write(text, numbers[i].value);
        assert_string_equal(text, numbers[i].text);
    }
}

static void expect_nearest(const char *text)
{
    double value = 0, expected = strtod(text, NULL);
    assert_true(decimal_read(text, text + strlen(text), &value));
    if (memcmp(&value, &expected, sizeof value) != 0)
        fail_msg("%s is read as %.17g", text, value);
}

static void hard_numbers_are_read_as_the_nearest_double(void **state)
{
    (void)state;
    const char *const hard[] = {"0",
                                "-0",
                                "0.000",
                                ".5",
                                "6.",
                                "+7",
                                "9007199254740993",
                                "9007199254740992e22",
                                "9007199254740991e-22",
                                "1e23",
                                "8.5e-323",
                                "4.9e-324",
                                "1e-400",
                                "1.7976931348623157e308",
                                "1e999",
                                "-1e999",
                                "0e99999999999",
                                "123456789012345678901234567890",
                                "0.1000000000000000055511151231257827",
                                "00000000000000000000001.5",
                                "18446744073709551616",
                                "18446744073709551615.5"};
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++)
        expect_nearest(hard[i]);
}

static void numbers_of_any_length_are_read_as_the_nearest_double(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < NUMBERS; i++) {
        uint64_t bits = next_bits(&random);
        char text[128];
        int digits = (int)(bits % 18), power = (int)(bits >> 32) % 50;
        snprintf(text, sizeof text, i % 2 ? "%.*e" : "%.*f", digits, (double)(int64_t)bits * pow(10, -power));
        expect_nearest(text);
    }
}

static void digits_and_exponent_become_the_nearest_double_or_none(void **state)
{
    (void)state;
    uint64_t random = 1234567;
    size_t none = 0;
    for (int i = 0; i < NUMBERS; i++) {
        const uint64_t digits = next_bits(&random) >> next_bits(&random) % 64;
        const int exponent = (int)(next_bits(&random) % 60) - 32;
        char text[40];
        double value;
        snprintf(text, sizeof text, "%" PRIu64 "e%d", digits, exponent);
        const double expected = strtod(text, NULL);
        if (!decimal_nearest(digits, exponent, &value))
            none++;
        else if (memcmp(&value, &expected, sizeof value) != 0)
            fail_msg("%s becomes %.17g", text, value);
        if (exponent >= -27 && exponent <= 0)
            assert_true(decimal_nearest(digits, exponent, &value));
    }
    assert_in_range(none, 1, NUMBERS / 2);
}

static void what_is_no_decimal_is_refused(void **state)
{
    (void)state;
    const char *const texts[] = {"",   "+",  "-",    ".",   "e5",  "1e", "1e+", "1.2.3",
                                 "1 ", " 1", "0x10", "inf", "nan", "1f", "--1", "1,5"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        double value = 7;
        if (decimal_read(texts[i], texts[i] + strlen(texts[i]), &value))
            fail_msg("\"%s\" was taken", texts[i]);
        assert_true(value == 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_any_size_are_written_as_the_shortest_text),
        cmocka_unit_test(scores_are_written_as_the_shortest_text),
        cmocka_unit_test(scores_are_written_as_printf_would),
        cmocka_unit_test(numbers_beside_powers_of_two_and_ten_are_written_as_the_shortest_text),
        cmocka_unit_test(numbers_of_few_decimals_are_written_without_an_exponent),
        cmocka_unit_test(hard_numbers_are_read_as_the_nearest_double),
        cmocka_unit_test(numbers_of_any_length_are_read_as_the_nearest_double),
        cmocka_unit_test(digits_and_exponent_become_the_nearest_double_or_none),
        cmocka_unit_test(what_is_no_decimal_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
