/* scaler.c: scalers as one rising function of one feature, and its inverse at a threshold.
 *
 * Everything between a reading and the forest's comparison, rounding included, never falls when the reading
 * rises: so `scaled reading <= threshold` is `reading <= the largest reading for which that holds`, and no scaler
 * is left when rows are scored.
 */
#include "private.h"

/* Rounding to nearest goes by way of a variable, so that no wider register keeps the lost bits. */
double alertron__rounded_to_single(double x)
{
    const volatile float narrow = (float)x;
    return narrow;
}

static double carry_out(const struct scaler_step *step, size_t feature, double x)
{
    const double operand = step->operands ? step->operands[feature] : step->operand;
    switch (step->operation) {
    case SCALER_SUBTRACT:
        return x - operand;
    case SCALER_DIVIDE:
        return x / operand;
    case SCALER_MULTIPLY:
        return x * operand;
    case SCALER_ADD:
        return x + operand;
    case SCALER_AT_LEAST:
        return x < operand ? operand : x;
    case SCALER_AT_MOST:
        return x > operand ? operand : x;
    }
    return x;
}

double alertron__scaler_apply(const struct scaler *scaler, size_t feature, double x)
{
    if (scaler->single)
        x = alertron__rounded_to_single(x);
    for (size_t i = 0; i < scaler->n_steps; i++) {
        x = carry_out(&scaler->steps[i], feature, x);
        if (scaler->single)
            x = alertron__rounded_to_single(x);
    }
    return alertron__rounded_to_single(x);
}

/* Doubles in rising order are these numbers in rising order: -Inf is lowest, +Inf highest. */
static uint64_t rank_of(double value)
{
    uint64_t bits = alertron__bits_of_double(value), sign = (uint64_t)1 << 63;
    return bits & sign ? ~bits : bits | sign;
}

static double double_of_rank(uint64_t rank)
{
    uint64_t sign = (uint64_t)1 << 63;
    return alertron__double_of_bits(rank & sign ? rank ^ sign : ~rank);
}

double alertron__scaler_fold(const struct scaler *scaler, size_t feature, double threshold)
{
    const double infinity = alertron__infinity();
    if (alertron__scaler_apply(scaler, feature, infinity) <= threshold)
        return infinity;
    /* Below is -Inf, or a double for which it holds; above is one for which it does not. */
    uint64_t below = rank_of(-infinity), above = rank_of(infinity);
    while (above - below > 1) {
        uint64_t middle = below + (above - below) / 2;
        if (alertron__scaler_apply(scaler, feature, double_of_rank(middle)) <= threshold)
            below = middle;
        else
            above = middle;
    }
    return double_of_rank(below);
}
