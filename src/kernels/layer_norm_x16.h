/* layer_norm_x16.h: layer_norm.h sixteen floats at a time: the body of layer_norm_avx2.c and
 * layer_norm_avx512.c. A float sum's mean may be a few units off in its last place, which is large
 * beside the deviations of a row far from 0: the second pass finds by how much and the third takes
 * it into account. */
#include <math.h>
#include <stddef.h>

#include "kernels/layer_norm.h"

/* The sum of all lanes of four. */
static inline float sum_of(const vl_x16 s[4])
{
    return vl_x16_sum(vl_x16_add(vl_x16_add(s[0], s[1]), vl_x16_add(s[2], s[3])));
}

/* dst = src + residual (or src) and its sum. */
static inline __attribute__((always_inline)) float add_rows(float *dst, const float *src,
                                                            const float *residual, int64_t N)
{
    vl_x16 s[4] = {vl_x16_set(0), vl_x16_set(0), vl_x16_set(0), vl_x16_set(0)};
    int64_t n = 0;
    for (; n + 64 <= N; n += 64)
        for (int k = 0; k < 4; k++) {
            vl_x16 x = vl_x16_load(src + n + 16 * k);
            if (residual) x = vl_x16_add(x, vl_x16_load(residual + n + 16 * k));
            vl_x16_store(dst + n + 16 * k, x);
            s[k] = vl_x16_add(s[k], x);
        }
    for (; n < N; n += 16) {
        int64_t some = N - n < 16 ? N - n : 16;
        vl_x16 x = vl_x16_load_some(src + n, some);
        if (residual) x = vl_x16_add(x, vl_x16_load_some(residual + n, some));
        vl_x16_store_some(dst + n, x, some);
        s[0] = vl_x16_add(s[0], x);
    }
    return sum_of(s);
}

/* Sums of d and d^2, d = x - mean. */
static inline void sums_around(float *sum, float *squares, const float *x, float mean, int64_t N)
{
    const vl_x16 m = vl_x16_set(mean), zero = vl_x16_set(0);
    vl_x16 s[4] = {zero, zero, zero, zero}, q[4] = {zero, zero, zero, zero};
    int64_t n = 0;
    for (; n + 64 <= N; n += 64)
        for (int k = 0; k < 4; k++) {
            vl_x16 d = vl_x16_sub(vl_x16_load(x + n + 16 * k), m);
            s[k] = vl_x16_add(s[k], d);
            q[k] = vl_x16_fma(d, d, q[k]);
        }
    for (; n < N; n += 16) {
        int64_t some = N - n < 16 ? N - n : 16;
        vl_x16 d = vl_x16_keep(vl_x16_sub(vl_x16_load_some(x + n, some), m), some);
        s[0] = vl_x16_add(s[0], d);
        q[0] = vl_x16_fma(d, d, q[0]);
    }
    *sum = sum_of(s);
    *squares = sum_of(q);
}

/* x = (x - mean - rest) * factor * gamma + beta */
static inline vl_x16 normal(vl_x16 x, vl_x16 mean, vl_x16 rest, vl_x16 factor)
{
    return vl_x16_mul(vl_x16_sub(vl_x16_sub(x, mean), rest), factor);
}

static inline __attribute__((always_inline)) void normalize(float *x, const float *gamma,
                                                            const float *beta, float mean,
                                                            float rest, float factor, int64_t N)
{
    const vl_x16 m = vl_x16_set(mean), e = vl_x16_set(rest), f = vl_x16_set(factor);
    int64_t n = 0;
    for (; n + 16 <= N; n += 16) {
        vl_x16 y = normal(vl_x16_load(x + n), m, e, f);
        vl_x16 b = beta ? vl_x16_load(beta + n) : vl_x16_set(0);
        vl_x16_store(x + n, vl_x16_fma(y, vl_x16_load(gamma + n), b));
    }
    if (n == N) return;
    int64_t some = N - n;
    vl_x16 y = normal(vl_x16_load_some(x + n, some), m, e, f);
    vl_x16 b = beta ? vl_x16_load_some(beta + n, some) : vl_x16_set(0);
    vl_x16_store_some(x + n, vl_x16_fma(y, vl_x16_load_some(gamma + n, some), b), some);
}

static void layer_norm_row(float *dst, const float *src, const float *residual, const float *gamma,
                           const float *beta, int64_t N, float eps)
{
    float count = (float)N, sum, squares;
    float mean = (residual ? add_rows(dst, src, residual, N) : add_rows(dst, src, NULL, N)) / count;
    sums_around(&sum, &squares, dst, mean, N);
    float rest = sum / count, variance = squares / count - rest * rest;
    float factor = 1.0f / sqrtf((variance > 0 ? variance : variance * 0) + eps);
    if (beta) normalize(dst, gamma, beta, mean, rest, factor, N);
    else normalize(dst, gamma, NULL, mean, rest, factor, N);
}
