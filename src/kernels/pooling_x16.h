/* pooling_x16.h: pooling.h, 64 columns at a time: the body of pooling_avx2.c and pooling_avx512.c.
 */
#include "kernels/pooling.h"

static inline void mean_64(float *dst, const float *src, int64_t stride, int64_t R)
{
    vl_x16 sum[4] = {vl_x16_set(0), vl_x16_set(0), vl_x16_set(0), vl_x16_set(0)};
    for (int64_t r = 0; r < R; r++)
        for (int k = 0; k < 4; k++)
            sum[k] = vl_x16_add(sum[k], vl_x16_load(src + r * stride + 16 * k));
    for (int k = 0; k < 4; k++)
        vl_x16_store(dst + 16 * k, vl_x16_div(sum[k], vl_x16_set((float)R)));
}

static void mean_rows(float *dst, const float *src, int64_t stride, int64_t R, int64_t N)
{
    int64_t n = 0;
    for (; n + 64 <= N; n += 64) mean_64(dst + n, src + n, stride, R);
    for (; n < N; n += 16) {
        int64_t some = N - n < 16 ? N - n : 16;
        vl_x16 sum = vl_x16_set(0);
        for (int64_t r = 0; r < R; r++)
            sum = vl_x16_add(sum, vl_x16_load_some(src + r * stride + n, some));
        vl_x16_store_some(dst + n, vl_x16_div(sum, vl_x16_set((float)R)), some);
    }
}

static void max_sum(float *max, float *sum, const float *x, int64_t N)
{
    int64_t n = 0;
    for (; n + 16 <= N; n += 16) {
        vl_x16 v = vl_x16_load(x + n);
        vl_x16_store(max + n, vl_x16_max(vl_x16_load(max + n), v));
        vl_x16_store(sum + n, vl_x16_add(vl_x16_load(sum + n), v));
    }
    if (n == N) return;
    vl_x16 v = vl_x16_load_some(x + n, N - n);
    vl_x16_store_some(max + n, vl_x16_max(vl_x16_load_some(max + n, N - n), v), N - n);
    vl_x16_store_some(sum + n, vl_x16_add(vl_x16_load_some(sum + n, N - n), v), N - n);
}
