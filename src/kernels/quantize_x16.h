/* quantize_x16.h: quantize.h sixteen floats at a time: the body of quantize_avx2.c and
 * quantize_avx512.c. Only exact operations and single roundings, so that bytes agree with the plain
 * version's. */
#include "kernels/quantize.h"

static inline float largest(const float *src, int64_t N)
{
    vl_x16 a = vl_x16_set(0), b = a; /* max gives its second argument where the first is NaN */
    int64_t n = 0;
    for (; n + 32 <= N; n += 32) {
        a = vl_x16_max(vl_x16_abs(vl_x16_load(src + n)), a);
        b = vl_x16_max(vl_x16_abs(vl_x16_load(src + n + 16)), b);
    }
    for (; n + 16 <= N; n += 16) a = vl_x16_max(vl_x16_abs(vl_x16_load(src + n)), a);
    if (n < N) b = vl_x16_max(vl_x16_abs(vl_x16_load_some(src + n, N - n)), b);
    return vl_x16_top(vl_x16_max(a, b));
}

static inline vl_i16 integers(vl_x16 x, vl_x16 factor)
{
    return vl_i16_round(vl_x16_known(vl_x16_mul(x, factor)));
}

/* A row whose largest |x| is known. */
static inline float quantize_by(float max, void *q, int32_t *sum, const float *src, int64_t N,
                                int32_t steps, int32_t offset)
{
    int8_t *out = q;
    const vl_x16 factor = vl_x16_set(max > 1e-30f ? (float)steps / max : 0);
    const vl_i16 zero = vl_i16_set(offset);
    vl_i16 total = vl_i16_set(0);
    int64_t n = 0;
    for (; n + 16 <= N; n += 16) {
        vl_i16 i = integers(vl_x16_load(src + n), factor);
        total = vl_i16_add(total, i);
        vl_i16_store_bytes(out + n, vl_i16_add(i, zero));
    }
    if (n < N) {
        vl_i16 i = integers(vl_x16_load_some(src + n, N - n), factor);
        total = vl_i16_add(total, i);
        vl_i16_store_some_bytes(out + n, vl_i16_add(i, zero), N - n);
    }
    *sum = vl_i16_sum(total);
    return max > 1e-30f ? max / (float)steps : 1.0f;
}
