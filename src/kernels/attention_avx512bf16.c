/* attention_avx512bf16.c: attention_x16.h with words of two bfloat16: queries, keys, values and
 * weights are rounded to 8 bits, products are added in floats, two a step. */
#include "kernels/x16_avx512.h"

#include "kernels/exp2_x16.h"

enum { WIDE = 4, PER = 2 };

static inline vl_x16 dot(vl_x16 sum, vl_x16 x, vl_x16 y)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_castps_si512(x),
                            (__m512bh)_mm512_castps_si512(y));
}

static inline vl_x16 rounded(vl_x16 first, vl_x16 second)
{
    return _mm512_castsi512_ps((__m512i)_mm512_cvtne2ps_pbh(second, first));
}

static inline vl_x16 floats(const float *row, int64_t count)
{
    if (count >= 16) return vl_x16_load(row);
    return vl_x16_load_some(row, count > 0 ? count : 0);
}

static inline vl_x16 row_words(const float *row, int64_t d, int64_t count)
{
    if (count < 16) return rounded(floats(row + d, count), vl_x16_set(0));
    return rounded(floats(row + d, count), floats(row + d + 16, count - 16));
}

/* Word c: row[d + c] below, next[d + c] above. */
static inline vl_x16 column_words(const float *row, const float *next, int64_t d, int64_t count)
{
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    vl_x16 below = floats(row + d, count), above = next ? floats(next + d, count) : vl_x16_set(0);
    __m512i both = _mm512_castps_si512(rounded(below, above));
    return _mm512_castsi512_ps(_mm512_permutexvar_epi16(order, both));
}

/* A polynomial of degree 3 (minimax, relative error 1e-4, of tools/fit_polynomials.py), then 8 bits
 * of it. */
static inline vl_x16 weights_of(vl_x16 x)
{
    vl_x16 n = vl_x16_round(x), f = vl_x16_sub(x, n);
    vl_x16 p = vl_x16_fma(vl_x16_set(0x1.c2a216p-5f), f, vl_x16_set(0x1.f00c4cp-3f));
    p = vl_x16_fma(p, f, vl_x16_set(0x1.62f5fap-1f));
    p = vl_x16_fma(p, f, vl_x16_set(1));
    return _mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(x, vl_x16_set(-126), _CMP_NLT_UQ), p, n);
}

/* The rounded weights are summed, so that they add up to one. */
static inline __attribute__((always_inline)) vl_x16 store_weights(float *to, const vl_x16 *p,
                                                                  const int wide)
{
    const vl_x16 ones = _mm512_castsi512_ps(_mm512_set1_epi16(0x3F80));
    vl_x16 sum = vl_x16_set(0);
    for (int w = 0; w < wide; w += 2) {
        vl_x16 pair = rounded(p[w], w + 1 < wide ? p[w + 1] : vl_x16_set(0));
        vl_x16_store(to + 8 * w, pair);
        sum = dot(sum, ones, pair);
    }
    return sum;
}

#include "kernels/attention_x16.h"

void vl_attention_avx512bf16(float *dst, const float *q, const float *k, const float *v,
                             int64_t stride, int64_t dst_stride, int32_t T, int32_t from,
                             int32_t to, int32_t heads, int32_t D, float scale, int32_t window,
                             void *scratch)
{
    attend(dst, q, k, v, stride, dst_stride, T, from, to, heads, D, scale, window, scratch);
}
