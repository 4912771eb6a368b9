/* check_layer_norm.c: each level against doubles over odd sizes, large means, NaN and infinities,
 * in place and not; AVX2 and AVX-512 to the bit; then its speed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/layer_norm.h"
#include "kernels/quantize.h"
#include "numeric.h"

int check_layer_norm(void);

enum { ROUNDS = 6000, MOST = 2100, R_TIMED = 128, N_TIMED = 768 };

static const float eps = 1e-12f;

static void in_doubles(double *dst, const float *src, const float *residual, const float *gamma,
                       const float *beta, int64_t N)
{
    double mean = 0, variance = 0;
    for (int64_t n = 0; n < N; n++) mean += dst[n] = residual ? src[n] + residual[n] : src[n];
    mean /= (double)N;
    for (int64_t n = 0; n < N; n++) variance += (dst[n] - mean) * (dst[n] - mean) / (double)N;
    for (int64_t n = 0; n < N; n++)
        dst[n] = (dst[n] - mean) / sqrt(variance + eps) * gamma[n] + (beta ? beta[n] : 0);
}

static void fill(float *x, int64_t n, uint64_t round)
{
    float mean = round % 4 ? random_float(round, 3) : 100 * random_float(round, 3);
    fill_floats(x, n, 1.8f, round, 4);
    for (int64_t i = 0; i < n; i++) x[i] += mean;
    if (n && round % 16 == 0) x[random_below(round, 4, (uint64_t)n)] = round % 32 ? NAN : INFINITY;
    if (round % 50 == 1)
        for (int64_t i = 0; i < n; i++) x[i] = mean; /* no variance at all */
}

static bool agrees(vl_isa isa, uint64_t round)
{
    static double expected[MOST];
    static float other[MOST], start[MOST];
    int64_t N = 1 + (int64_t)random_below(round, 0, round % 8 ? 200 : MOST);
    size_t bytes = (size_t)N * 4, gap = random_below(round, 1, 32) * 4;
    float *src = guarded(0, bytes, gap), *residual = guarded(1, bytes, 0);
    float *gamma = guarded(2, bytes, 0), *beta = guarded(3, bytes, 0),
          *dst = guarded(4, bytes, gap);
    fill(src, N, round);
    fill_floats(residual, N, 1, round, 5);
    fill_floats(gamma, N, 2, round, 6);
    fill_floats(beta, N, 1, round, 7);
    if (round % 3 == 0) residual = NULL;
    if (round % 5 == 0) beta = NULL;
    memcpy(start, src, bytes);
    in_doubles(expected, src, residual, gamma, beta, N);
    vl_isa_limit(VL_ISA_AVX2);
    vl_layer_norm(other, src, residual, gamma, beta, 1, N, eps);
    if (round % 4 == 1) dst = src;
    if (round % 4 == 2 && residual) dst = residual;
    vl_isa_limit(isa);
    vl_layer_norm(dst, src, residual, gamma, beta, 1, N, eps);
    bool good = dst == src || memcmp(src, start, bytes) == 0;
    good = good && intact(dst == src ? 0 : dst == residual ? 1 : 4, dst, bytes);
    good = good && (isa != VL_ISA_AVX512 || memcmp(dst, other, bytes) == 0);
    for (int64_t n = 0; good && n < N; n++) {
        good = near(dst[n], expected[n], 2e-6 * (1 + fabs(expected[n])));
        if (!good) printf("# N %d n %d: %g, not %g\n", (int)N, (int)n, dst[n], expected[n]);
    }
    return good;
}

/* Rows, and the same with quantisation. */
static bool rows_agree(vl_isa isa)
{
    enum { R = 3, N = 77 };
    float x[R * N], residual[R * N], gamma[N], beta[N], one[N], dst[R * N], fused[R * N], scale[R],
        s;
    uint8_t q[R * N], expected[N];
    fill_floats(x, R * N, 2, 1, 1);
    fill_floats(residual, R * N, 2, 1, 2);
    fill_floats(gamma, N, 2, 1, 3);
    fill_floats(beta, N, 2, 1, 4);
    vl_isa_limit(isa);
    vl_layer_norm(dst, x, residual, gamma, beta, R, N, eps);
    vl_layer_norm_quantize(q, scale, fused, x, residual, gamma, beta, R, N, eps);
    bool good = memcmp(dst, fused, sizeof dst) == 0;
    for (int r = 0; r < R; r++) {
        vl_layer_norm(one, x + r * N, residual + r * N, gamma, beta, 1, N, eps);
        vl_quantize_rows(expected, &s, one, 1, N);
        good = good && memcmp(one, dst + r * N, sizeof one) == 0 && s == scale[r] &&
               memcmp(expected, q + r * N, N) == 0;
    }
    return good;
}

static void time_it(vl_isa isa)
{
    static float x[R_TIMED * N_TIMED], residual[R_TIMED * N_TIMED], dst[R_TIMED * N_TIMED];
    static float gamma[N_TIMED], beta[N_TIMED], scale[R_TIMED];
    static uint8_t q[R_TIMED * N_TIMED];
    double plain, quantized;
    fill_floats(x, R_TIMED * N_TIMED, 1, 0, 1);
    fill_floats(residual, R_TIMED * N_TIMED, 1, 0, 2);
    vl_isa_limit(isa);
    BEST_SECONDS(plain, 50, vl_layer_norm(dst, x, residual, gamma, beta, R_TIMED, N_TIMED, eps));
    BEST_SECONDS(
        quantized, 50,
        vl_layer_norm_quantize(q, scale, dst, x, residual, gamma, beta, R_TIMED, N_TIMED, eps));
    printf(
        "# layer norm %s with residual: %.1f GB/s read and written; quantised, too: %.2f ns each\n",
        vl_isa_name(isa), R_TIMED * N_TIMED * 12 / plain * 1e-9,
        quantized / (R_TIMED * N_TIMED) * 1e9);
}

int check_layer_norm(void)
{
    int failed = 0;
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        bool good = rows_agree(isa);
        for (uint64_t round = 0; good && round < ROUNDS; round++) {
            good = agrees(isa, round);
            if (!good) printf("# differs in round %d\n", (int)round);
        }
        failed += said(good, "layer norm", isa);
        if (good) time_it(isa);
    }
    vl_isa_limit(VL_ISA_AVX512);
    return failed;
}
