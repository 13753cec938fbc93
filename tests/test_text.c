/* test_text.c: text by a format is what snprintf gives. */
#include "support.h"

#include "private.h"

#include <stdio.h>

#define SAME(...)                                                                \
    do {                                                                         \
        char expected[64], actual[64];                                           \
        const int n = snprintf(expected, sizeof expected, __VA_ARGS__);          \
        assert_int_equal(alertron__text(actual, sizeof actual, __VA_ARGS__), n); \
        assert_string_equal(actual, expected);                                   \
    } while (0)

static void conversions_are_snprintfs(void **state)
{
    (void)state;
    SAME("%s", "");
    SAME("a %s, %s%%", "text", "and another");
    SAME("%u %u", 0u, UINT32_MAX);
    SAME("%d %d %d", 0, INT32_MIN, INT32_MAX);
    SAME("%llu %lld %lld", UINT64_MAX + 0ull, INT64_MIN + 0ll, INT64_MAX + 0ll);
    SAME("%zu %zu", (size_t)0, SIZE_MAX);
    SAME("0x%02x 0x%02x 0x%02x %x", 0u, 10u, 255u, 0xabcdefu);
    SAME("%05u %03u", 42u, 12345u);
}

static void a_precision_cuts_a_text_that_need_not_end(void **state)
{
    (void)state;
    const char open[3] = {'a', 'b', 'c'};
    SAME("%.*s|", 3, open);
    SAME("%.2s|%.40s|", open, "short");
    SAME("%.*s|", 0, "nothing");
}

static void text_that_does_not_fit_is_cut_and_measured(void **state)
{
    (void)state;
    for (size_t capacity = 1; capacity < 12; capacity++) {
        char expected[16], actual[16];
        memset(actual, '#', sizeof actual);
        snprintf(expected, capacity, "%s-%d", "abcde", -123);
        assert_int_equal(alertron__text(actual, capacity, "%s-%d", "abcde", -123), 10);
        assert_string_equal(actual, expected);
        assert_int_equal(actual[capacity], '#');
    }
    assert_int_equal(alertron__text(NULL, 0, "%s", "abc"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversions_are_snprintfs),
        cmocka_unit_test(a_precision_cuts_a_text_that_need_not_end),
        cmocka_unit_test(text_that_does_not_fit_is_cut_and_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
