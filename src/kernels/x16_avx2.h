/* x16_avx2.h: sixteen floats (or int32) at a time, two 256-bit registers; the names and the
 * results, lane for lane, of x16_avx512.h, where they are described. */
#ifndef VL_X16_AVX2_H
#define VL_X16_AVX2_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

typedef struct vl_x16 {
    __m256 a, b;
} vl_x16;

typedef struct vl_i16 {
    __m256i a, b;
} vl_i16;

#define VL_X16_BOTH(expression_a, expression_b) ((vl_x16){expression_a, expression_b})
#define VL_I16_BOTH(expression_a, expression_b) ((vl_i16){expression_a, expression_b})

static const int32_t vl_x16_ramp[32] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                        -1, -1, -1, -1, -1, 0,  0,  0,  0,  0,  0,
                                        0,  0,  0,  0,  0,  0,  0,  0,  0,  0};

static inline vl_i16 vl_x16_first(int64_t n)
{
    const __m256i *at = (const __m256i *)(const void *)(vl_x16_ramp + 16 - n);
    return VL_I16_BOTH(_mm256_loadu_si256(at), _mm256_loadu_si256(at + 1));
}

static inline vl_x16 vl_x16_set(float x)
{
    return VL_X16_BOTH(_mm256_set1_ps(x), _mm256_set1_ps(x));
}

static inline vl_x16 vl_x16_load(const float *p)
{
    return VL_X16_BOTH(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8));
}

static inline vl_x16 vl_x16_load_some(const float *p, int64_t n)
{
    vl_i16 m = vl_x16_first(n);
    return VL_X16_BOTH(_mm256_maskload_ps(p, m.a), _mm256_maskload_ps(p + 8, m.b));
}

static inline void vl_x16_store(float *p, vl_x16 x)
{
    _mm256_storeu_ps(p, x.a);
    _mm256_storeu_ps(p + 8, x.b);
}

static inline void vl_x16_store_some(float *p, vl_x16 x, int64_t n)
{
    vl_i16 m = vl_x16_first(n);
    _mm256_maskstore_ps(p, m.a, x.a);
    _mm256_maskstore_ps(p + 8, m.b, x.b);
}

static inline vl_x16 vl_x16_keep(vl_x16 x, int64_t n)
{
    vl_i16 m = vl_x16_first(n);
    return VL_X16_BOTH(_mm256_and_ps(x.a, _mm256_castsi256_ps(m.a)),
                       _mm256_and_ps(x.b, _mm256_castsi256_ps(m.b)));
}

static inline vl_x16 vl_x16_only(vl_x16 x, int64_t first, int64_t end, vl_x16 y)
{
    vl_i16 low = vl_x16_first(first < 0 ? 0 : first > 16 ? 16 : first);
    vl_i16 high = vl_x16_first(end < 0 ? 0 : end > 16 ? 16 : end);
    __m256i a = _mm256_andnot_si256(low.a, high.a), b = _mm256_andnot_si256(low.b, high.b);
    return VL_X16_BOTH(_mm256_blendv_ps(y.a, x.a, _mm256_castsi256_ps(a)),
                       _mm256_blendv_ps(y.b, x.b, _mm256_castsi256_ps(b)));
}

static inline float vl_x16_lowest_lane(vl_x16 x)
{
    return _mm256_cvtss_f32(x.a);
}

static inline vl_x16 vl_x16_add(vl_x16 x, vl_x16 y)
{
    return VL_X16_BOTH(_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b));
}

static inline vl_x16 vl_x16_sub(vl_x16 x, vl_x16 y)
{
    return VL_X16_BOTH(_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b));
}

static inline vl_x16 vl_x16_mul(vl_x16 x, vl_x16 y)
{
    return VL_X16_BOTH(_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b));
}

static inline vl_x16 vl_x16_div(vl_x16 x, vl_x16 y)
{
    return VL_X16_BOTH(_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b));
}

static inline vl_x16 vl_x16_fma(vl_x16 x, vl_x16 y, vl_x16 z)
{
    return VL_X16_BOTH(_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b));
}

static inline vl_x16 vl_x16_fnma(vl_x16 x, vl_x16 y, vl_x16 z)
{
    return VL_X16_BOTH(_mm256_fnmadd_ps(x.a, y.a, z.a), _mm256_fnmadd_ps(x.b, y.b, z.b));
}

static inline vl_x16 vl_x16_min(vl_x16 x, vl_x16 y)
{
    return VL_X16_BOTH(_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b));
}

static inline vl_x16 vl_x16_max(vl_x16 x, vl_x16 y)
{
    return VL_X16_BOTH(_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b));
}

static inline vl_x16 vl_x16_abs(vl_x16 x)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return VL_X16_BOTH(_mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b));
}

static inline vl_x16 vl_x16_copysign(vl_x16 x, vl_x16 sign)
{
    const __m256 bit = _mm256_set1_ps(-0.0f);
    return VL_X16_BOTH(_mm256_or_ps(_mm256_andnot_ps(bit, x.a), _mm256_and_ps(bit, sign.a)),
                       _mm256_or_ps(_mm256_andnot_ps(bit, x.b), _mm256_and_ps(bit, sign.b)));
}

static inline vl_x16 vl_x16_sqrt(vl_x16 x)
{
    return VL_X16_BOTH(_mm256_sqrt_ps(x.a), _mm256_sqrt_ps(x.b));
}

static inline vl_x16 vl_x16_round(vl_x16 x)
{
    enum { NEAREST = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC };
    return VL_X16_BOTH(_mm256_round_ps(x.a, NEAREST), _mm256_round_ps(x.b, NEAREST));
}

static inline __m256 vl_x8_scale(__m256 x, __m256 n)
{
    __m256i exponent = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    __m256 power = _mm256_castsi256_ps(_mm256_add_epi32(exponent, _mm256_set1_epi32(0x3F800000)));
    return _mm256_mul_ps(x, power);
}

static inline vl_x16 vl_x16_scale(vl_x16 x, vl_x16 n)
{
    return VL_X16_BOTH(vl_x8_scale(x.a, n.a), vl_x8_scale(x.b, n.b));
}

static inline vl_x16 vl_x16_less(vl_x16 a, vl_x16 b, vl_x16 x, vl_x16 y)
{
    return VL_X16_BOTH(_mm256_blendv_ps(y.a, x.a, _mm256_cmp_ps(a.a, b.a, _CMP_LT_OQ)),
                       _mm256_blendv_ps(y.b, x.b, _mm256_cmp_ps(a.b, b.b, _CMP_LT_OQ)));
}

static inline vl_x16 vl_x16_known(vl_x16 x)
{
    return VL_X16_BOTH(_mm256_and_ps(x.a, _mm256_cmp_ps(x.a, x.a, _CMP_ORD_Q)),
                       _mm256_and_ps(x.b, _mm256_cmp_ps(x.b, x.b, _CMP_ORD_Q)));
}

static inline float vl_x16_sum(vl_x16 x)
{
    __m256 e = _mm256_add_ps(x.a, x.b);
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}

static inline float vl_x16_top(vl_x16 x)
{
    __m256 e = _mm256_max_ps(x.a, x.b);
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(e), _mm256_extractf128_ps(e, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

static inline vl_i16 vl_i16_load(const int32_t *p)
{
    const __m256i *at = (const __m256i *)(const void *)p;
    return VL_I16_BOTH(_mm256_loadu_si256(at), _mm256_loadu_si256(at + 1));
}

static inline vl_i16 vl_i16_load_some(const int32_t *p, int64_t n)
{
    vl_i16 m = vl_x16_first(n);
    return VL_I16_BOTH(_mm256_maskload_epi32(p, m.a), _mm256_maskload_epi32(p + 8, m.b));
}

static inline vl_i16 vl_i16_zero(void)
{
    return VL_I16_BOTH(_mm256_setzero_si256(), _mm256_setzero_si256());
}

static inline vl_i16 vl_i16_add(vl_i16 x, vl_i16 y)
{
    return VL_I16_BOTH(_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b));
}

static inline vl_i16 vl_i16_less_64(vl_i16 x, vl_i16 y)
{
    return VL_I16_BOTH(_mm256_sub_epi32(x.a, _mm256_slli_epi32(y.a, 6)),
                       _mm256_sub_epi32(x.b, _mm256_slli_epi32(y.b, 6)));
}

static inline int32_t vl_i16_sum(vl_i16 x)
{
    __m256i e = _mm256_add_epi32(x.a, x.b);
    __m128i q = _mm_add_epi32(_mm256_castsi256_si128(e), _mm256_extracti128_si256(e, 1));
    q = _mm_add_epi32(q, _mm_unpackhi_epi64(q, q));
    return _mm_cvtsi128_si32(_mm_add_epi32(q, _mm_shuffle_epi32(q, 1)));
}

static inline vl_x16 vl_i16_to_float(vl_i16 x)
{
    return VL_X16_BOTH(_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b));
}

static inline vl_i16 vl_i16_round(vl_x16 x)
{
    return VL_I16_BOTH(_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b));
}

static inline vl_i16 vl_i16_set(int32_t x)
{
    return VL_I16_BOTH(_mm256_set1_epi32(x), _mm256_set1_epi32(x));
}

static inline __m128i vl_i16_bytes(vl_i16 x)
{
    __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(x.a, x.b), 0xD8);
    return _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

static inline void vl_i16_store_bytes(void *p, vl_i16 x)
{
    _mm_storeu_si128(p, vl_i16_bytes(x));
}

static inline void vl_i16_store_some_bytes(void *p, vl_i16 x, int64_t n)
{
    char bytes[16];
    _mm_storeu_si128((__m128i *)(void *)bytes, vl_i16_bytes(x));
    memcpy(p, bytes, (size_t)n);
}

static inline vl_i16 vl_i16_load_bytes(const int8_t *p)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    return VL_I16_BOTH(_mm256_cvtepi8_epi32(bytes),
                       _mm256_cvtepi8_epi32(_mm_unpackhi_epi64(bytes, bytes)));
}

static inline vl_x16 vl_x16_load_bf16(const void *p)
{
    __m256i both = _mm256_loadu_si256(p);
    __m256i a = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(both));
    __m256i b = _mm256_cvtepu16_epi32(_mm256_extracti128_si256(both, 1));
    return VL_X16_BOTH(_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)),
                       _mm256_castsi256_ps(_mm256_slli_epi32(b, 16)));
}

static inline vl_x16 vl_x16_load_f16(const void *p)
{
    __m256i both = _mm256_loadu_si256(p);
    return VL_X16_BOTH(_mm256_cvtph_ps(_mm256_castsi256_si128(both)),
                       _mm256_cvtph_ps(_mm256_extracti128_si256(both, 1)));
}

static inline __m256i vl_x8_bf16(__m256 x)
{
    __m256i bits = _mm256_castps_si256(x), one = _mm256_set1_epi32(1);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), one);
    __m256i up = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
    __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x00400000));
    __m256i unknown = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    return _mm256_srli_epi32(_mm256_blendv_epi8(up, quiet, unknown), 16);
}

static inline void vl_x16_store_bf16(void *p, vl_x16 x)
{
    __m256i mixed = _mm256_packus_epi32(vl_x8_bf16(x.a), vl_x8_bf16(x.b));
    _mm256_storeu_si256(p, _mm256_permute4x64_epi64(mixed, 0xD8));
}

/* Eight rows by eight columns. */
static inline void vl_x8_transpose(float *dst, int64_t stride, __m256 x[8])
{
    __m256 t[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int k = 0; k < 2; k++) {
            x[i + 2 * k] = _mm256_shuffle_ps(t[i + k], t[i + k + 2], 0x44);
            x[i + 2 * k + 1] = _mm256_shuffle_ps(t[i + k], t[i + k + 2], 0xEE);
        }
    for (int i = 0; i < 4; i++) {
        _mm256_storeu_ps(dst + i * stride, _mm256_permute2f128_ps(x[i], x[i + 4], 0x20));
        _mm256_storeu_ps(dst + (i + 4) * stride, _mm256_permute2f128_ps(x[i], x[i + 4], 0x31));
    }
}

static inline void vl_x16_transpose(float *dst, int64_t stride, vl_x16 x[16])
{
    for (int r = 0; r < 16; r += 8) {
        __m256 a[8], b[8];
        for (int i = 0; i < 8; i++) {
            a[i] = x[r + i].a;
            b[i] = x[r + i].b;
        }
        vl_x8_transpose(dst + r, stride, a);
        vl_x8_transpose(dst + 8 * stride + r, stride, b);
    }
}

#endif
