/* random.c: numbers that are the same for a seed on every machine.
 *
 * xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64 (Steele, Lea and Flood, 2014).
 */
#include "private.h"

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

struct random_state alertron__random_new(uint64_t seed, uint64_t stream)
{
    uint64_t mixed = seed;
    mixed = splitmix(&mixed) + stream;
    struct random_state state;
    for (int i = 0; i < 4; i++)
        state.words[i] = splitmix(&mixed);
    return state;
}

static uint64_t rotate_left(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

uint64_t alertron__random_next(struct random_state *state)
{
    uint64_t *words = state->words;
    const uint64_t result = rotate_left(words[1] * 5, 7) * 9;
    const uint64_t shifted = words[1] << 17;
    words[2] ^= words[0];
    words[3] ^= words[1];
    words[1] ^= words[2];
    words[0] ^= words[3];
    words[2] ^= shifted;
    words[3] = rotate_left(words[3], 45);
    return result;
}

/* Lemire (2019): a multiplication in place of a division; the few numbers that would favour some are redrawn. */
uint32_t alertron__random_below(struct random_state *state, uint32_t below)
{
    uint64_t product = (alertron__random_next(state) >> 32) * below;
    if ((uint32_t)product < below) {
        const uint32_t redraw = (0u - below) % below;
        while ((uint32_t)product < redraw)
            product = (alertron__random_next(state) >> 32) * below;
    }
    return (uint32_t)(product >> 32);
}

double alertron__random_unit(struct random_state *state)
{
    return (double)(alertron__random_next(state) >> 11) * 0x1p-53;
}
