/* x16_avx512.h: sixteen floats (or int32) at a time, one 512-bit register. x16_avx2.h fills the
 * same names with two 256-bit registers, lane for lane and operation for operation: a kernel
 * written in them (<op>_x16.h, compiled by <op>_avx2.c and <op>_avx512.c) gives the same bits on
 * both. */
#ifndef VL_X16_AVX512_H
#define VL_X16_AVX512_H

#include <immintrin.h>
#include <stdint.h>

typedef __m512 vl_x16;
typedef __m512i vl_i16;

/* The first n of 16, 0 <= n <= 16. Masks of 16 bits: GCC 12 spills those of 8 wrongly. */
static inline __mmask16 vl_x16_first(int64_t n)
{
    return (__mmask16)((1u << n) - 1);
}

static inline vl_x16 vl_x16_set(float x)
{
    return _mm512_set1_ps(x);
}

static inline vl_x16 vl_x16_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

/* The first n; the rest is 0 and not read. */
static inline vl_x16 vl_x16_load_some(const float *p, int64_t n)
{
    return _mm512_maskz_loadu_ps(vl_x16_first(n), p);
}

static inline void vl_x16_store(float *p, vl_x16 x)
{
    _mm512_storeu_ps(p, x);
}

static inline void vl_x16_store_some(float *p, vl_x16 x, int64_t n)
{
    _mm512_mask_storeu_ps(p, vl_x16_first(n), x);
}

/* The first n of x, 0 behind. */
static inline vl_x16 vl_x16_keep(vl_x16 x, int64_t n)
{
    return _mm512_maskz_mov_ps(vl_x16_first(n), x);
}

/* Lanes first..end-1 of x, those of y elsewhere; first and end may lie outside 0..16. */
static inline vl_x16 vl_x16_only(vl_x16 x, int64_t first, int64_t end, vl_x16 y)
{
    unsigned low = first < 0 ? 0 : first > 16 ? 16 : (unsigned)first;
    unsigned high = end < 0 ? 0 : end > 16 ? 16 : (unsigned)end;
    return _mm512_mask_mov_ps(y, (__mmask16)(((1u << high) - 1) & ~((1u << low) - 1)), x);
}

static inline float vl_x16_lowest_lane(vl_x16 x)
{
    return _mm512_cvtss_f32(x);
}

static inline vl_x16 vl_x16_add(vl_x16 a, vl_x16 b)
{
    return _mm512_add_ps(a, b);
}

static inline vl_x16 vl_x16_sub(vl_x16 a, vl_x16 b)
{
    return _mm512_sub_ps(a, b);
}

static inline vl_x16 vl_x16_mul(vl_x16 a, vl_x16 b)
{
    return _mm512_mul_ps(a, b);
}

static inline vl_x16 vl_x16_div(vl_x16 a, vl_x16 b)
{
    return _mm512_div_ps(a, b);
}

/* a * b + c and c - a * b, rounded once. */
static inline vl_x16 vl_x16_fma(vl_x16 a, vl_x16 b, vl_x16 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vl_x16 vl_x16_fnma(vl_x16 a, vl_x16 b, vl_x16 c)
{
    return _mm512_fnmadd_ps(a, b, c);
}

/* b where either is NaN. */
static inline vl_x16 vl_x16_min(vl_x16 a, vl_x16 b)
{
    return _mm512_min_ps(a, b);
}

static inline vl_x16 vl_x16_max(vl_x16 a, vl_x16 b)
{
    return _mm512_max_ps(a, b);
}

static inline vl_x16 vl_x16_abs(vl_x16 x)
{
    return _mm512_abs_ps(x);
}

/* |x| with the sign of `sign`. */
static inline vl_x16 vl_x16_copysign(vl_x16 x, vl_x16 sign)
{
    __m512i low = _mm512_set1_epi32(0x7FFFFFFF); /* bits from x where set, else from sign */
    return _mm512_castsi512_ps(
        _mm512_ternarylogic_epi32(low, _mm512_castps_si512(x), _mm512_castps_si512(sign), 0xCA));
}

static inline vl_x16 vl_x16_sqrt(vl_x16 x)
{
    return _mm512_sqrt_ps(x);
}

/* Nearest integer, ties to even. */
static inline vl_x16 vl_x16_round(vl_x16 x)
{
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* x * 2^n for integral n in [-126,127] and 1/2 <= x < 2. */
static inline vl_x16 vl_x16_scale(vl_x16 x, vl_x16 n)
{
    return _mm512_scalef_ps(x, n);
}

/* a < b ? x : y; a NaN is not less. */
static inline vl_x16 vl_x16_less(vl_x16 a, vl_x16 b, vl_x16 x, vl_x16 y)
{
    return _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), x);
}

/* NaN becomes 0. */
static inline vl_x16 vl_x16_known(vl_x16 x)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, x, _CMP_ORD_Q), x);
}

/* Lane i with i+8, then i+4, i+2, i+1. */
static inline float vl_x16_sum(vl_x16 x)
{
    __m256 e = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}

/* The largest; no NaN among them. */
static inline float vl_x16_top(vl_x16 x)
{
    __m256 e = _mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

static inline vl_i16 vl_i16_load(const int32_t *p)
{
    return _mm512_loadu_si512(p);
}

static inline vl_i16 vl_i16_load_some(const int32_t *p, int64_t n)
{
    return _mm512_maskz_loadu_epi32(vl_x16_first(n), p);
}

static inline vl_i16 vl_i16_zero(void)
{
    return _mm512_setzero_si512();
}

static inline vl_i16 vl_i16_add(vl_i16 a, vl_i16 b)
{
    return _mm512_add_epi32(a, b);
}

/* a - 64 * b, modulo 2^32. */
static inline vl_i16 vl_i16_less_64(vl_i16 a, vl_i16 b)
{
    return _mm512_sub_epi32(a, _mm512_slli_epi32(b, 6));
}

static inline int32_t vl_i16_sum(vl_i16 a)
{
    return _mm512_reduce_add_epi32(a);
}

static inline vl_x16 vl_i16_to_float(vl_i16 a)
{
    return _mm512_cvtepi32_ps(a);
}

/* Nearest integers, ties to even; NaN and |x| >= 2^31 give -2^31. */
static inline vl_i16 vl_i16_round(vl_x16 x)
{
    return _mm512_cvtps_epi32(x);
}

static inline vl_i16 vl_i16_set(int32_t x)
{
    return _mm512_set1_epi32(x);
}

/* As bytes, -128..127 each. */
static inline void vl_i16_store_bytes(void *p, vl_i16 a)
{
    _mm_storeu_si128(p, _mm512_cvtepi32_epi8(a));
}

static inline void vl_i16_store_some_bytes(void *p, vl_i16 a, int64_t n)
{
    _mm_mask_storeu_epi8(p, vl_x16_first(n), _mm512_cvtepi32_epi8(a));
}

/* Sixteen signed bytes. */
static inline vl_i16 vl_i16_load_bytes(const int8_t *p)
{
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}

/* Sixteen bfloat16 and binary16 numbers. */
static inline vl_x16 vl_x16_load_bf16(const void *p)
{
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

static inline vl_x16 vl_x16_load_f16(const void *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256(p));
}

/* Rounded to nearest even, NaN quiet: convert_scalar.c says how. */
static inline void vl_x16_store_bf16(void *p, vl_x16 x)
{
    __m512i bits = _mm512_castps_si512(x), one = _mm512_set1_epi32(1);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), one);
    __m512i up = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
    __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x00400000));
    up = _mm512_mask_mov_epi32(up, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), quiet);
    _mm256_storeu_si256(p, _mm512_cvtepi32_epi16(_mm512_srli_epi32(up, 16)));
}

/* Steps of vl_x16_transpose: pairs of rows, then of pairs, then 128-bit lanes twice. */
static inline void vl_x16_interleave(__m512 x[16])
{
    __m512 t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(x[i], x[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(x[i], x[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)
        for (int k = 0; k < 2; k++) {
            __m512d a = _mm512_castps_pd(t[i + k]), b = _mm512_castps_pd(t[i + k + 2]);
            x[i + 2 * k] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
            x[i + 2 * k + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
}

static inline void vl_x16_exchange_lanes(__m512 x[16])
{
    __m512 t[16];
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_f32x4(x[i], x[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_f32x4(x[i], x[i + 4], 0xDD);
        t[i + 8] = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_f32x4(x[i + 8], x[i + 12], 0xDD);
    }
    for (int i = 0; i < 8; i++) {
        x[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
        x[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xDD);
    }
}

/* dst[c][r] = x[r][c]; dst's rows stride apart. x is lost. */
static inline void vl_x16_transpose(float *dst, int64_t stride, vl_x16 x[16])
{
    vl_x16_interleave(x);
    vl_x16_exchange_lanes(x);
    for (int64_t c = 0; c < 16; c++) _mm512_storeu_ps(dst + c * stride, x[c]);
}

#endif
