/* test_scaler.c: scalers as one rising function of one feature, and its inverse at a threshold. */
#include "support.h"

#include "sklearn.h"

#include <math.h>

/* A small generator of its own, so that each run is the same. */
static uint64_t next_bits(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static double next_unit(uint64_t *state)
{
    return (double)(next_bits(state) >> 11) * 0x1p-53;
}

/* Any finite number of either sign and any size between 1e-20 and 1e20. */
static double next_number(uint64_t *state)
{
    double number = pow(10.0, 40.0 * next_unit(state) - 20.0);
    return next_bits(state) & 1 ? number : -number;
}

static struct scaler next_scaler(uint64_t *state)
{
    struct scaler scaler = {.single = next_bits(state) & 1, .n_steps = next_bits(state) % 5};
    for (size_t i = 0; i < scaler.n_steps; i++) {
        struct scaler_step *step = &scaler.steps[i];
        step->operation = next_bits(state) % 4;
        step->operand = next_number(state) * 1e-15;
        if (step->operation == SCALER_DIVIDE || step->operation == SCALER_MULTIPLY)
            step->operand = pow(10.0, 6.0 * next_unit(state) - 3.0);
    }
    return scaler;
}

static void rounds_a_bare_forests_numbers_to_float32(void **state)
{
    (void)state;
    const struct scaler none = {0};
    assert_true(alertron__scaler_apply(&none, 0, 0.1) == (double)0.1f);
    assert_true(alertron__scaler_apply(&none, 0, 1e300) == INFINITY);
    assert_true(alertron__scaler_apply(&none, 0, -INFINITY) == -INFINITY);
}

static void rounds_after_each_step_where_rows_are_float32(void **state)
{
    (void)state;
    struct scaler scaler = {
        .n_steps = 2, .steps = {{SCALER_SUBTRACT, NULL, 0.1234567890123}, {SCALER_DIVIDE, NULL, 0.3123456789012}}};
    for (int i = 1; i < 1000; i++) {
        const double x = (double)((float)i * 0.37f);
        const float less = (float)(x - 0.1234567890123), narrow = (float)((double)less / 0.3123456789012);
        scaler.single = true;
        assert_true(alertron__scaler_apply(&scaler, 0, x) == (double)narrow);
        assert_true(alertron__scaler_apply(&scaler, 0, nextafter(x, INFINITY)) == (double)narrow);
        scaler.single = false;
        const double wide = (x - 0.1234567890123) / 0.3123456789012;
        assert_true(alertron__scaler_apply(&scaler, 0, x) == (double)(float)wide);
    }
}

static void rounds_the_reading_before_the_first_step(void **state)
{
    (void)state;
    const struct scaler scaler = {.single = true, .n_steps = 1, .steps = {{SCALER_SUBTRACT, NULL, 1.0}}};
    assert_true(alertron__scaler_apply(&scaler, 0, 1.0 + 0x0.cp-23) == 0x1p-23);
    assert_true(alertron__scaler_apply(&scaler, 0, 1.0 + 0x0.4p-23) == 0.0);
}

static void takes_each_features_own_operand(void **state)
{
    (void)state;
    const double scales[] = {2.0, 4.0};
    const struct scaler scaler = {.n_steps = 1, .steps = {{.operation = SCALER_DIVIDE, .operands = scales}}};
    assert_true(alertron__scaler_apply(&scaler, 0, 8.0) == 4.0);
    assert_true(alertron__scaler_apply(&scaler, 1, 8.0) == 2.0);
}

static void clips_to_both_ends(void **state)
{
    (void)state;
    const struct scaler scaler = {.n_steps = 2, .steps = {{SCALER_AT_LEAST, NULL, -1}, {SCALER_AT_MOST, NULL, 1}}};
    assert_true(alertron__scaler_apply(&scaler, 0, -7.0) == -1.0);
    assert_true(alertron__scaler_apply(&scaler, 0, 0.5) == 0.5);
    assert_true(alertron__scaler_apply(&scaler, 0, INFINITY) == 1.0);
}

static void never_falls_when_the_reading_rises(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int i = 0; i < 20000; i++) {
        const struct scaler scaler = next_scaler(&random);
        double x = next_number(&random);
        for (int step = 0; step < 8; step++) {
            double above = nextafter(x, INFINITY);
            assert_true(alertron__scaler_apply(&scaler, 0, x) <= alertron__scaler_apply(&scaler, 0, above));
            x = above;
        }
    }
}

static void folds_to_the_last_double_that_goes_left(void **state)
{
    (void)state;
    uint64_t random = 2;
    for (int i = 0; i < 20000; i++) {
        const struct scaler scaler = next_scaler(&random);
        const double threshold = alertron__scaler_apply(&scaler, 0, next_number(&random)) * (1 + 1e-9 * (i % 3));
        const double folded = alertron__scaler_fold(&scaler, 0, threshold);
        assert_true(alertron__scaler_apply(&scaler, 0, folded) <= threshold);
        if (folded < INFINITY)
            assert_true(alertron__scaler_apply(&scaler, 0, nextafter(folded, INFINITY)) > threshold);
    }
}

static uint64_t rank_of_double(double value)
{
    const uint64_t bits = alertron__bits_of_double(value), sign = (uint64_t)1 << 63;
    return bits & sign ? ~bits : bits | sign;
}

static double double_of(uint64_t rank)
{
    const uint64_t sign = (uint64_t)1 << 63;
    return alertron__double_of_bits(rank & sign ? rank ^ sign : ~rank);
}

/* The fold by its definition: halves all doubles until one is left. */
static double plain_fold(const struct scaler *scaler, double threshold)
{
    if (alertron__scaler_apply(scaler, 0, INFINITY) <= threshold)
        return INFINITY;
    uint64_t below = rank_of_double(-INFINITY), above = rank_of_double(INFINITY);
    while (above - below > 1) {
        const uint64_t middle = below + (above - below) / 2;
        if (alertron__scaler_apply(scaler, 0, double_of(middle)) <= threshold)
            below = middle;
        else
            above = middle;
    }
    return double_of(below);
}

static void assert_same_fold(const struct scaler *scaler, double threshold)
{
    const double plain = plain_fold(scaler, threshold), folded = alertron__scaler_fold(scaler, 0, threshold);
    if (alertron__bits_of_double(plain) != alertron__bits_of_double(folded))
        fail_msg("threshold %a, %zu steps, single %d: folded to %a, not %a", threshold, scaler->n_steps, scaler->single,
                 folded, plain);
}

/* Any bits but a NaN's: infinities, zeros of both signs, denormals, all sizes. */
static double next_hostile(uint64_t *state)
{
    static const double special[] = {0.0,        -0.0,           1.0,       -1.0,           0x1p-149, -0x1p-149,
                                     0x1p-1074,  -0x1p-1074,     0x1p-1022, 0x1.fffffep127, 0x1p128,  -0x1p128,
                                     0x1p-126,   -0x1p-126,      1e300,     -1e300,         1e-300,   -1e-300,
                                     0x1.8p-149, 0x1.ffffffp127, INFINITY,  -INFINITY};
    double number;
    if (next_bits(state) % 4 == 0)
        return special[next_bits(state) % (sizeof special / sizeof *special)];
    do
        number = alertron__double_of_bits(next_bits(state));
    while (number != number);
    return number;
}

static double next_finite(uint64_t *state)
{
    double number;
    do
        number = next_bits(state) & 1 ? next_hostile(state) : next_number(state) * 1e-15;
    while (!isfinite(number));
    return number;
}

static struct scaler next_hostile_scaler(uint64_t *state)
{
    struct scaler scaler = {.single = next_bits(state) & 1, .n_steps = next_bits(state) % 5};
    for (size_t i = 0; i < scaler.n_steps; i++) {
        struct scaler_step *step = &scaler.steps[i];
        step->operation = next_bits(state) % 6;
        step->operand = next_finite(state);
        if (step->operation == SCALER_DIVIDE || step->operation == SCALER_MULTIPLY)
            step->operand = step->operand != 0 ? fabs(step->operand) : 1e-300;
    }
    return scaler;
}

static void folds_as_halving_all_doubles_does(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (int i = 0; i < 50000; i++) {
        const struct scaler usual = next_scaler(&random), hostile = next_hostile_scaler(&random);
        assert_same_fold(&usual, alertron__scaler_apply(&usual, 0, next_number(&random)));
        assert_same_fold(&usual, next_hostile(&random));
        assert_same_fold(&hostile, alertron__scaler_apply(&hostile, 0, next_hostile(&random)));
        assert_same_fold(&hostile, next_hostile(&random));
    }
}

static void folds_a_bare_threshold_between_two_float32(void **state)
{
    (void)state;
    const struct scaler none = {0};
    /* 0.1f and its successor are the float32 around this threshold; halfway between them rounds to even. */
    const double below = 0.1f, above = nextafterf(0.1f, 1.0f), threshold = (below + above) / 2;
    const double folded = alertron__scaler_fold(&none, 0, threshold);
    assert_true((double)(float)folded == below);
    assert_true((double)(float)nextafter(folded, INFINITY) == above);
}

static void folds_to_infinity_where_every_reading_goes_left(void **state)
{
    (void)state;
    const struct scaler none = {0};
    const struct scaler clip = {.n_steps = 2, .steps = {{SCALER_AT_LEAST, NULL, 0}, {SCALER_AT_MOST, NULL, 1}}};
    assert_true(alertron__scaler_fold(&none, 0, INFINITY) == INFINITY);
    assert_true(alertron__scaler_fold(&clip, 0, 1.0) == INFINITY);
    assert_true(alertron__scaler_fold(&clip, 0, 0.999) < 1.0);
}

static void folds_to_minus_infinity_where_no_finite_reading_goes_left(void **state)
{
    (void)state;
    const struct scaler clip = {.n_steps = 2, .steps = {{SCALER_AT_LEAST, NULL, 0}, {SCALER_AT_MOST, NULL, 1}}};
    assert_true(alertron__scaler_fold(&clip, 0, -0.5) == -INFINITY);
}

static void folds_extreme_thresholds(void **state)
{
    (void)state;
    const struct scaler none = {0};
    const double thresholds[] = {0.0, -0.0, 0x1p-149, -0x1p-149, 0x1p-1074, 0x1.fffffep127, 0x1p128, -0x1p128, 1e300};
    for (size_t i = 0; i < sizeof thresholds / sizeof *thresholds; i++) {
        const double folded = alertron__scaler_fold(&none, 0, thresholds[i]);
        assert_true(alertron__scaler_apply(&none, 0, folded) <= thresholds[i]);
        assert_true(alertron__scaler_apply(&none, 0, nextafter(folded, INFINITY)) > thresholds[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_a_bare_forests_numbers_to_float32),
        cmocka_unit_test(rounds_after_each_step_where_rows_are_float32),
        cmocka_unit_test(rounds_the_reading_before_the_first_step),
        cmocka_unit_test(takes_each_features_own_operand),
        cmocka_unit_test(clips_to_both_ends),
        cmocka_unit_test(never_falls_when_the_reading_rises),
        cmocka_unit_test(folds_to_the_last_double_that_goes_left),
        cmocka_unit_test(folds_as_halving_all_doubles_does),
        cmocka_unit_test(folds_a_bare_threshold_between_two_float32),
        cmocka_unit_test(folds_to_infinity_where_every_reading_goes_left),
        cmocka_unit_test(folds_to_minus_infinity_where_no_finite_reading_goes_left),
        cmocka_unit_test(folds_extreme_thresholds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
