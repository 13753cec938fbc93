/* scaler.c: scalers as one rising function of one feature, and its inverse at a threshold.
 *
 * Everything between a reading and the forest's comparison, rounding included, never falls when the reading
 * rises: so `scaled reading <= threshold` is `reading <= the largest reading for which that holds`, and no scaler
 * is left when rows are scored.
 */
#include "sklearn.h"

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

/* A step backwards, as if nothing were rounded or clipped. */
static double undo(const struct scaler_step *step, size_t feature, double y)
{
    const double operand = step->operands ? step->operands[feature] : step->operand;
    switch (step->operation) {
    case SCALER_SUBTRACT:
        return y + operand;
    case SCALER_DIVIDE:
        return y * operand;
    case SCALER_MULTIPLY:
        return y / operand;
    case SCALER_ADD:
        return y - operand;
    case SCALER_AT_LEAST:
    case SCALER_AT_MOST:
        return y;
    }
    return y;
}

/* Ranks from a float32 to the next. Halfway between two, rounding changes over. */
static const uint64_t single_step = (uint64_t)1 << 29;

/* Where the fold is, give or take what the steps round: as a rule the last bits. */
static double guess_of(const struct scaler *scaler, size_t feature, double threshold)
{
    const double nearest = alertron__rounded_to_single(threshold);
    const uint64_t rank = alertron__rank_of_double(nearest);
    double x = alertron__double_of_rank(nearest <= threshold ? rank + single_step / 2 : rank - single_step / 2);
    for (size_t i = scaler->n_steps; i-- > 0;)
        x = undo(&scaler->steps[i], feature, x);
    return x;
}

/* The fold is at `below` or between it and `above`. */
struct bracket {
    const struct scaler *scaler;
    size_t feature;
    double threshold;
    uint64_t below,
        above; /* ranks: of -Inf, or of a double that is scaled to the threshold at most; of one that is not */
};

/* Draws the bracket in to this rank; whether the fold is there or above. */
static bool draw_in(struct bracket *bracket, uint64_t rank)
{
    const double scaled = alertron__scaler_apply(bracket->scaler, bracket->feature, alertron__double_of_rank(rank));
    const bool is_below = scaled <= bracket->threshold;
    *(is_below ? &bracket->below : &bracket->above) = rank;
    return is_below;
}

/* From a guess on, away in steps that double until the fold is passed. */
static void gallop(struct bracket *bracket, uint64_t guess, uint64_t step)
{
    const bool up = draw_in(bracket, guess);
    for (bool on = true; on && bracket->above - bracket->below > step; step *= 2)
        on = draw_in(bracket, up ? bracket->below + step : bracket->above - step) == up;
}

static uint64_t middle_of(const struct bracket *bracket)
{
    return bracket->below + (bracket->above - bracket->below) / 2;
}

double alertron__scaler_fold(const struct scaler *scaler, size_t feature, double threshold)
{
    const double infinity = alertron__infinity(), at_zero = alertron__scaler_apply(scaler, feature, 0.0);
    if (at_zero != at_zero)
        return at_zero;
    if (alertron__scaler_apply(scaler, feature, infinity) <= threshold)
        return infinity;
    struct bracket bracket = {scaler, feature, threshold, alertron__rank_of_double(-infinity),
                              alertron__rank_of_double(infinity)};
    /* The guess decides only how long this takes. */
    const double guess = guess_of(scaler, feature, threshold);
    if (scaler->single) {
        gallop(&bracket, alertron__rank_of_double(alertron__rounded_to_single(guess)), single_step);
        gallop(&bracket, middle_of(&bracket), 1);
    } else {
        gallop(&bracket, alertron__rank_of_double(guess), 1);
    }
    while (bracket.above - bracket.below > 1)
        draw_in(&bracket, middle_of(&bracket));
    return alertron__double_of_rank(bracket.below);
}
