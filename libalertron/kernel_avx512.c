/* kernel_avx512.c: 32 rows side by side, a lane a row, on machines with AVX-512BW.
 *
 * A lane's cut is looked up in its level's table (see lanes.c) by vpermw, which reads 32 entries, or vpermi2w, 64; a
 * decision is the sign of cut - position, and the exclusive or of the signs of the level's features is their parity.
 * Four groups of lanes go at once, so that the loop over features costs little.
 */
#include "private.h"

#ifdef ALERTRON_KERNELS_X86
#include <immintrin.h>

/* Unoptimized, GCC's intrinsics are macros, whose conversions are not ours. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
/* Vectors in arrays are in registers only where their loops are unrolled, which -O2 alone does not do. */
#define AVX512_UNROLL _Pragma("GCC unroll 8")
#define AVX512_INLINE AVX512 __attribute__((always_inline)) static inline

enum { AVX512_LANES = 32, AVX512_GROUPS = 4 };

static bool runs_with_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

/* Gathers into zeros: what compilers leave in the register that a plain gather fills is something to wait for. */
AVX512_INLINE __m512d gather_doubles_512(__m256i index, const double *at)
{
    return _mm512_mask_i32gather_pd(_mm512_setzero_pd(), 0xff, index, at, 8);
}

/* --- positions ------------------------------------------------------------------------------------------- */

/* Numbers of one feature of eight rows from `row` on; rows past the last repeat it. */
AVX512_INLINE __m512d load_eight(const alertron_rows *rows, const unsigned char *at, uint32_t row, uint32_t n)
{
    const __m512i index = _mm512_add_epi64(_mm512_set1_epi64(row), _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0));
    const __m512i offsets =
        _mm512_mullo_epi64(_mm512_min_epu64(index, _mm512_set1_epi64(n - 1)), _mm512_set1_epi64(rows->row_stride));
    if (rows->dtype == ALERTRON_FLOAT32)
        return _mm512_cvtps_pd(_mm512_mask_i64gather_ps(_mm256_setzero_ps(), 0xff, offsets, at, 1));
    return _mm512_mask_i64gather_pd(_mm512_setzero_pd(), 0xff, offsets, at, 1);
}

/* alertron__cuts_below for 32 numbers; four bisections side by side, as each step waits for the one before it. */
AVX512_INLINE void find_below_avx512(const double *cuts, uint32_t n, const __m512d *x, __m256i *below)
{
    AVX512_UNROLL
    for (int i = 0; i < 4; i++)
        below[i] = _mm256_setzero_si256();
    while (n > 0) {
        const uint32_t half = n > 1 ? n / 2 : 1;
        AVX512_UNROLL
        for (int i = 0; i < 4; i++) {
            const __m512d cut = gather_doubles_512(below[i], cuts + half - 1);
            below[i] = _mm256_mask_add_epi32(below[i], _mm512_cmp_pd_mask(cut, x[i], _CMP_LT_OQ), below[i],
                                             _mm256_set1_epi32((int)half));
        }
        n -= half;
    }
}

AVX512 static bool find_positions_avx512(const struct segment *segment, const alertron_rows *rows, size_t first,
                                         const struct block *block)
{
    __mmask8 missing = 0;
    for (uint32_t feature = 0; feature < rows->width; feature++) {
        const uint32_t start = segment->starts[feature], n = segment->starts[feature + 1] - start;
        const unsigned char *at = (const unsigned char *)rows->data + (ptrdiff_t)first * rows->row_stride +
                                  (ptrdiff_t)feature * rows->column_stride;
        for (uint32_t row = 0; row < block->n; row += AVX512_LANES) {
            __m512d x[4];
            __m256i below[4];
            AVX512_UNROLL
            for (uint32_t i = 0; i < 4; i++) {
                x[i] = load_eight(rows, at, row + 8 * i, block->n);
                missing |= _mm512_cmp_pd_mask(x[i], x[i], _CMP_UNORD_Q);
            }
            find_below_avx512(segment->cuts + start, n, x, below);
            uint16_t *positions = block->positions + feature * block->stride + row;
            AVX512_UNROLL
            for (int i = 0; i < 4; i++)
                _mm_storeu_si128((__m128i *)positions + i,
                                 _mm256_cvtepi32_epi16(_mm256_add_epi32(below[i], _mm256_set1_epi32((int)start))));
        }
    }
    return missing != 0;
}

/* --- trees -------------------------------------------------------------------------------------------------- */

/* The cuts at the lanes' places in a level. */
AVX512_INLINE __m512i look_up(const uint16_t *cuts, uint32_t level, __m512i place)
{
    const uint16_t *table = cuts + (1 << level);
    if (level == 0)
        return _mm512_set1_epi16((short)table[0]);
    const __m512i low = _mm512_loadu_si512(table);
    if (level <= 5)
        return _mm512_permutexvar_epi16(place, low);
    const __m512i lower = _mm512_permutex2var_epi16(low, place, _mm512_loadu_si512(table + 32));
    if (level == 6)
        return lower;
    const __m512i upper =
        _mm512_permutex2var_epi16(_mm512_loadu_si512(table + 64), place, _mm512_loadu_si512(table + 96));
    return _mm512_mask_blend_epi16(_mm512_test_epi16_mask(place, _mm512_set1_epi16(64)), lower, upper);
}

/* The codes at the lanes' places behind the last level. */
AVX512_INLINE __m512i look_up_codes(const uint8_t *codes, __m512i place)
{
    __m512i parts[4];
    AVX512_UNROLL
    for (int i = 0; i < 4; i++) {
        const __m512i low = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(codes + 64 * i)));
        const __m512i high = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(codes + 64 * i + 32)));
        parts[i] = _mm512_permutex2var_epi16(low, place, high);
    }
    const __mmask32 bit6 = _mm512_test_epi16_mask(place, _mm512_set1_epi16(64));
    const __mmask32 bit7 = _mm512_test_epi16_mask(place, _mm512_set1_epi16(128));
    return _mm512_mask_blend_epi16(bit7, _mm512_mask_blend_epi16(bit6, parts[0], parts[1]),
                                   _mm512_mask_blend_epi16(bit6, parts[2], parts[3]));
}

AVX512_INLINE void add_terms_of(const double *terms, __m512i codes, double *path_lengths)
{
    AVX512_UNROLL
    for (int i = 0; i < 2; i++) {
        const __m512i wide =
            _mm512_cvtepu16_epi32(i ? _mm512_extracti64x4_epi64(codes, 1) : _mm512_castsi512_si256(codes));
        AVX512_UNROLL
        for (int k = 0; k < 2; k++) {
            const __m256i index = k ? _mm512_extracti64x4_epi64(wide, 1) : _mm512_castsi512_si256(wide);
            double *at = path_lengths + 16 * i + 8 * k;
            _mm512_storeu_pd(at, _mm512_add_pd(_mm512_loadu_pd(at), gather_doubles_512(index, terms)));
        }
    }
}

/* One tree's terms for `groups` times 32 rows, from `row` on. */
AVX512_INLINE void add_tree(const struct lane_tree *tree, const uint16_t *features, const double *terms,
                            const struct block *block, uint32_t row, int groups, double *path_lengths)
{
    const uint16_t *positions = block->positions + row;
    __m512i place[AVX512_GROUPS];
    AVX512_UNROLL
    for (int g = 0; g < groups; g++)
        place[g] = _mm512_setzero_si512();
    AVX512_UNROLL
    for (uint32_t level = 0; level < LANE_LEVELS; level++) {
        if (level == tree->levels)
            break;
        const uint32_t n = tree->n_features[level];
        __m512i cut[AVX512_GROUPS], sign[AVX512_GROUPS];
        const uint16_t *at = positions + features[0] * block->stride;
        AVX512_UNROLL
        for (int g = 0; g < groups; g++) {
            cut[g] = look_up(tree->cuts, level, place[g]);
            sign[g] = _mm512_sub_epi16(cut[g], _mm512_load_si512(at + AVX512_LANES * g));
        }
        uint32_t i = 1;
        for (; i + 1 < n; i += 2) {
            const uint16_t *one = positions + features[i] * block->stride;
            const uint16_t *two = positions + features[i + 1] * block->stride;
            AVX512_UNROLL
            for (int g = 0; g < groups; g++)
                sign[g] = _mm512_ternarylogic_epi32(
                    sign[g], _mm512_sub_epi16(cut[g], _mm512_load_si512(one + AVX512_LANES * g)),
                    _mm512_sub_epi16(cut[g], _mm512_load_si512(two + AVX512_LANES * g)), 0x96 /* a ^ b ^ c */);
        }
        if (i < n) {
            at = positions + features[i] * block->stride;
            AVX512_UNROLL
            for (int g = 0; g < groups; g++)
                sign[g] = _mm512_xor_si512(sign[g], _mm512_sub_epi16(cut[g], _mm512_load_si512(at + AVX512_LANES * g)));
        }
        const __m512i bit = _mm512_set1_epi16((short)(1 << level));
        AVX512_UNROLL
        for (int g = 0; g < groups; g++)
            place[g] = _mm512_ternarylogic_epi32(place[g], _mm512_srli_epi16(sign[g], (unsigned char)(15 - level)), bit,
                                                 0xf8 /* a | (b & c) */);
        features += n;
    }
    AVX512_UNROLL
    for (int g = 0; g < groups; g++)
        add_terms_of(terms, look_up_codes(tree->codes, place[g]), path_lengths + row + AVX512_LANES * g);
}

AVX512 static void add_terms_avx512(const struct forest *forest, const struct segment *segment,
                                    const struct block *block, double *path_lengths)
{
    const struct lanes *lanes = forest->lanes;
    for (uint32_t i = segment->first_tree; i < segment->end_tree; i++) {
        const struct lane_tree *tree = &lanes->trees[i];
        const uint16_t *features = lanes->features + tree->first_feature;
        uint32_t row = 0;
        for (; row + AVX512_LANES * (AVX512_GROUPS - 1) < block->n; row += AVX512_LANES * AVX512_GROUPS)
            add_tree(tree, features, segment->terms, block, row, AVX512_GROUPS, path_lengths);
        for (; row < block->n; row += AVX512_LANES)
            add_tree(tree, features, segment->terms, block, row, 1, path_lengths);
    }
}

const struct kernel alertron__kernel_avx512 = {.name = "avx512",
                                               .lanes = AVX512_LANES,
                                               .few = 4,
                                               .uses_lanes = true,
                                               .runs = runs_with_avx512,
                                               .find_positions = find_positions_avx512,
                                               .add_terms = add_terms_avx512};
#pragma GCC diagnostic pop
#endif
