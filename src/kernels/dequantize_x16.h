/* dequantize_x16.h: dequantize.h sixteen columns at a time: the body of dequantize_avx2.c and
 * dequantize_avx512.c. No fused multiply-add but in activations: the plain version has none. */
#include "kernels/activation_formulas_x16.h"
#include "kernels/dequantize.h"
#include "kernels/quantize_x16.h"

static inline vl_x16 scaled(vl_i16 acc, vl_i16 col_sum, vl_x16 row_scale, vl_x16 col_scale)
{
    return vl_x16_mul(vl_i16_to_float(vl_i16_less_64(acc, col_sum)),
                      vl_x16_mul(row_scale, col_scale));
}

static inline __attribute__((always_inline)) void
dequantize_row(float *dst, const int32_t *acc, float row_scale, const float *col_scale,
               const int32_t *col_sum, const float *bias, int64_t N)
{
    const vl_x16 scale = vl_x16_set(row_scale);
    int64_t n = 0;
    for (; n + 16 <= N; n += 16) {
        vl_x16 x = scaled(vl_i16_load(acc + n), vl_i16_load(col_sum + n), scale,
                          vl_x16_load(col_scale + n));
        if (bias) x = vl_x16_add(x, vl_x16_load(bias + n));
        vl_x16_store(dst + n, x);
    }
    if (n == N) return;
    int64_t rest = N - n;
    vl_x16 x = scaled(vl_i16_load_some(acc + n, rest), vl_i16_load_some(col_sum + n, rest), scale,
                      vl_x16_load_some(col_scale + n, rest));
    if (bias) x = vl_x16_add(x, vl_x16_load_some(bias + n, rest));
    vl_x16_store_some(dst + n, x, rest);
}

static void dequantize_with_or_without(float *dst, const int32_t *acc, float row_scale,
                                       const float *col_scale, const int32_t *col_sum,
                                       const float *bias, int64_t N)
{
    if (bias) dequantize_row(dst, acc, row_scale, col_scale, col_sum, bias, N);
    else dequantize_row(dst, acc, row_scale, col_scale, col_sum, NULL, N);
}

/* row = the activations of the dequantised row; gives the largest |row[n]|. */
static inline __attribute__((always_inline)) float
activated_row(float *row, const int32_t *acc, float row_scale, const float *col_scale,
              const int32_t *col_sum, const float *bias, int64_t N, vl_activation a)
{
    const vl_x16 scale = vl_x16_set(row_scale);
    vl_x16 most = vl_x16_set(0);
    for (int64_t n = 0; n < N; n += 16) {
        int64_t some = N - n;
        vl_x16 x = some >= 16 ? scaled(vl_i16_load(acc + n), vl_i16_load(col_sum + n), scale,
                                       vl_x16_load(col_scale + n))
                              : scaled(vl_i16_load_some(acc + n, some),
                                       vl_i16_load_some(col_sum + n, some), scale,
                                       vl_x16_load_some(col_scale + n, some));
        if (bias)
            x = vl_x16_add(x,
                           some >= 16 ? vl_x16_load(bias + n) : vl_x16_load_some(bias + n, some));
        x = activated(x, a);
        most = vl_x16_max(vl_x16_abs(x), most); /* passes over NaN */
        if (some >= 16) vl_x16_store(row + n, x);
        else vl_x16_store_some(row + n, x, some);
    }
    return vl_x16_top(most);
}

static float dequantize_quantize_row(uint8_t *q, float *row, const int32_t *acc, float row_scale,
                                     const float *col_scale, const int32_t *col_sum,
                                     const float *bias, int64_t N, vl_activation a)
{
    float max = 0;
    int32_t sum;
#define CASE(name)                                                                                 \
    if (a == name) max = activated_row(row, acc, row_scale, col_scale, col_sum, bias, N, name);
    EACH_ACTIVATION(CASE)
#undef CASE
    return quantize_by(max, q, &sum, row, N, 63, 64);
}
