/* kernel_neon.c: 16 rows side by side, a lane a row, on 64-bit ARM.
 *
 * tbl looks bytes up in tables of up to 64. So a level's cuts (see lanes.c) are kept as low and high bytes, which are
 * put together for the comparisons, whose signs become bytes again.
 */
#include "private.h"

#ifdef ALERTRON_KERNEL_NEON
#include <arm_neon.h>

enum { NEON_LANES = 16 };

static bool runs_with_neon(void)
{
    return true;
}

/* A level's cuts at the lanes' places, one of their two bytes. */
static inline uint8x16_t look_up_bytes(const uint8_t *table, uint32_t level, uint8x16_t place)
{
    if (level <= 4)
        return vqtbl1q_u8(vld1q_u8(table), place);
    if (level == 5)
        return vqtbl2q_u8((uint8x16x2_t){{vld1q_u8(table), vld1q_u8(table + 16)}}, place);
    const uint8x16x4_t first = {{vld1q_u8(table), vld1q_u8(table + 16), vld1q_u8(table + 32), vld1q_u8(table + 48)}};
    const uint8x16_t found = vqtbl4q_u8(first, place);
    if (level == 6)
        return found;
    table += 64;
    const uint8x16x4_t second = {{vld1q_u8(table), vld1q_u8(table + 16), vld1q_u8(table + 32), vld1q_u8(table + 48)}};
    return vqtbx4q_u8(found, second, vsubq_u8(place, vdupq_n_u8(64)));
}

/* The places of 16 rows behind the tree's last level. */
static void find_places_neon(const struct lane_tree *tree, const struct lane_bytes *bytes, const uint16_t *features,
                             const uint16_t *positions, uint32_t stride, uint8_t *places)
{
    uint8x16_t place = vdupq_n_u8(0);
    for (uint32_t level = 0; level < tree->levels; level++) {
        const uint8x16_t low = look_up_bytes(bytes->low + (1 << level), level, place);
        const uint8x16_t high = look_up_bytes(bytes->high + (1 << level), level, place);
        const uint16x8_t cut_a = vreinterpretq_u16_u8(vzip1q_u8(low, high));
        const uint16x8_t cut_b = vreinterpretq_u16_u8(vzip2q_u8(low, high));
        uint16x8_t sign_a = vdupq_n_u16(0), sign_b = sign_a;
        for (uint32_t i = 0; i < tree->n_features[level]; i++) {
            const uint16_t *at = positions + features[i] * stride;
            sign_a = veorq_u16(sign_a, vsubq_u16(cut_a, vld1q_u16(at)));
            sign_b = veorq_u16(sign_b, vsubq_u16(cut_b, vld1q_u16(at + 8)));
        }
        const uint8x16_t signs = vcombine_u8(vshrn_n_u16(sign_a, 8), vshrn_n_u16(sign_b, 8));
        const uint8x16_t right = vcltzq_s8(vreinterpretq_s8_u8(signs));
        place = vorrq_u8(place, vandq_u8(right, vdupq_n_u8((uint8_t)(1 << level))));
        features += tree->n_features[level];
    }
    vst1q_u8(places, place);
}

static void add_terms_neon(const struct forest *forest, const struct segment *segment, const struct block *block,
                           double *path_lengths)
{
    alertron__lanes_add_terms(forest, segment, block, NEON_LANES, find_places_neon, path_lengths);
}

const struct kernel alertron__kernel_neon = {.name = "neon",
                                             .lanes = NEON_LANES,
                                             .few = 4,
                                             .uses_lanes = true,
                                             .runs = runs_with_neon,
                                             .find_positions = alertron__find_positions,
                                             .add_terms = add_terms_neon};
#endif
