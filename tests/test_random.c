/* test_random.c: the generator is the published one, and its numbers are spread evenly. */
#include "support.h"

#include "private.h"

#include <math.h>

/* The first numbers of Blackman and Vigna's own program from this state. */
static void numbers_are_xoshiros(void **state)
{
    (void)state;
    static const uint64_t expected[] = {11520,
                                        0,
                                        1509978240,
                                        1215971899390074240u,
                                        1216172134540287360u,
                                        607988272756665600u,
                                        16172922978634559625u,
                                        8476171486693032832u};
    struct random_state random = {{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_true(alertron__random_next(&random) == expected[i]);
}

static void seeds_and_streams_give_sequences_of_their_own(void **state)
{
    (void)state;
    enum { SEEDS = 16, STREAMS = 16 };
    uint64_t first[SEEDS * STREAMS];
    for (uint64_t i = 0; i < SEEDS * STREAMS; i++) {
        struct random_state random = alertron__random_new(i / STREAMS, i % STREAMS);
        first[i] = alertron__random_next(&random);
        for (uint64_t j = 0; j < i; j++)
            assert_true(first[i] != first[j]);
        struct random_state again = alertron__random_new(i / STREAMS, i % STREAMS);
        assert_true(alertron__random_next(&again) == first[i]);
    }
}

static void numbers_below_a_bound_are_even(void **state)
{
    (void)state;
    static const uint32_t bounds[] = {1, 2, 3, 7, 10, 100};
    enum { DRAWS = 100000 };
    struct random_state random = alertron__random_new(9, 0);
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        uint32_t counts[100] = {0};
        for (int draw = 0; draw < DRAWS; draw++) {
            const uint32_t number = alertron__random_below(&random, bounds[i]);
            assert_true(number < bounds[i]);
            counts[number]++;
        }
        const double expected = (double)DRAWS / bounds[i];
        for (uint32_t number = 0; number < bounds[i]; number++)
            assert_true(fabs(counts[number] - expected) < 5.0 * sqrt(expected) + 1.0);
    }
}

/* Three quarters of 2^32: without redrawing, a third of the numbers would come twice as often. */
static void large_bounds_favour_no_number(void **state)
{
    (void)state;
    enum { DRAWS = 300000 };
    const uint32_t below = 0xc0000000u;
    uint32_t counts[3] = {0};
    struct random_state random = alertron__random_new(10, 0);
    for (int draw = 0; draw < DRAWS; draw++) {
        const uint32_t number = alertron__random_below(&random, below);
        assert_true(number < below);
        counts[number % 3]++;
    }
    for (int i = 0; i < 3; i++)
        assert_true(fabs(counts[i] - DRAWS / 3.0) < 5.0 * sqrt(DRAWS / 3.0));
}

static void units_are_below_one_and_even(void **state)
{
    (void)state;
    struct random_state random = alertron__random_new(13, 0);
    double sum = 0, squares = 0;
    for (int draw = 0; draw < 100000; draw++) {
        const double unit = alertron__random_unit(&random);
        assert_true(unit >= 0.0 && unit < 1.0 && unit * 0x1p53 == floor(unit * 0x1p53));
        sum += unit;
        squares += unit * unit;
    }
    assert_true(fabs(sum / 100000 - 0.5) < 0.005 && fabs(squares / 100000 - 1.0 / 3) < 0.005);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_xoshiros),
        cmocka_unit_test(seeds_and_streams_give_sequences_of_their_own),
        cmocka_unit_test(numbers_below_a_bound_are_even),
        cmocka_unit_test(large_bounds_favour_no_number),
        cmocka_unit_test(units_are_below_one_and_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
