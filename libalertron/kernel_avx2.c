/* kernel_avx2.c: 32 rows side by side, a lane a row, on machines with AVX2.
 *
 * vpshufb looks bytes up in tables of 16. So a level's cuts (see lanes.c) are kept as low and high bytes, a level of
 * more than 16 is looked up 16 by 16, and what is not in a lane's sixteen comes out as 0. The two bytes are put
 * together for the comparisons, whose signs become bytes again.
 */
#include "private.h"

#ifdef ALERTRON_KERNELS_X86
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE AVX2 __attribute__((always_inline)) static inline

enum { AVX2_LANES = 32 };

static bool runs_with_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

/* A level's cuts at the lanes' places, one of their two bytes. */
AVX2_INLINE __m256i look_up_bytes(const uint8_t *table, uint32_t level, __m256i place)
{
    if (level <= 4)
        return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table)), place);
    __m256i found = _mm256_setzero_si256();
    for (uint32_t first = 0; first < 1u << level; first += 16) {
        /* A place among these 16 becomes 0x70 + its rest; any other sets the top bit, for which vpshufb gives 0. */
        const __m256i rest = _mm256_xor_si256(place, _mm256_set1_epi8((char)first));
        const __m256i index = _mm256_adds_epu8(rest, _mm256_set1_epi8(0x70));
        const __m256i part = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(table + first)));
        found = _mm256_or_si256(found, _mm256_shuffle_epi8(part, index));
    }
    return found;
}

/* The places of 32 rows behind the tree's last level. */
AVX2 static void find_places_avx2(const struct lane_tree *tree, const struct lane_bytes *bytes,
                                  const uint16_t *features, const uint16_t *positions, uint32_t stride, uint8_t *places)
{
    __m256i place = _mm256_setzero_si256();
    for (uint32_t level = 0; level < tree->levels; level++) {
        const __m256i low = look_up_bytes(bytes->low + (1 << level), level, place);
        const __m256i high = look_up_bytes(bytes->high + (1 << level), level, place);
        const __m256i cut_a = _mm256_unpacklo_epi8(low, high), cut_b = _mm256_unpackhi_epi8(low, high);
        __m256i sign_a = _mm256_setzero_si256(), sign_b = sign_a;
        for (uint32_t i = 0; i < tree->n_features[level]; i++) {
            const __m256i *at = (const __m256i *)(positions + features[i] * stride);
            sign_a = _mm256_xor_si256(sign_a, _mm256_sub_epi16(cut_a, _mm256_load_si256(at)));
            sign_b = _mm256_xor_si256(sign_b, _mm256_sub_epi16(cut_b, _mm256_load_si256(at + 1)));
        }
        const __m256i right = _mm256_cmpgt_epi8(_mm256_setzero_si256(), _mm256_packs_epi16(sign_a, sign_b));
        place = _mm256_or_si256(place, _mm256_and_si256(right, _mm256_set1_epi8((char)(1 << level))));
        features += tree->n_features[level];
    }
    /* Unpacking went by halves: the second and third quarter have changed places. */
    _mm256_storeu_si256((__m256i *)places, _mm256_permute4x64_epi64(place, 0xd8));
}

static void add_terms_avx2(const struct forest *forest, const struct segment *segment, const struct block *block,
                           double *path_lengths)
{
    alertron__lanes_add_terms(forest, segment, block, AVX2_LANES, find_places_avx2, path_lengths);
}

const struct kernel alertron__kernel_avx2 = {.name = "avx2",
                                             .lanes = AVX2_LANES,
                                             .few = 8,
                                             .uses_lanes = true,
                                             .runs = runs_with_avx2,
                                             .find_positions = alertron__find_positions,
                                             .add_terms = add_terms_avx2};
#endif
