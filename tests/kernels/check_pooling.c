/* check_pooling.c: means of rows: each level equal to the plain version, that one right in doubles;
 * running maxima and sums. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/pooling.h"
#include "numeric.h"

int check_pooling(void);

enum { ROUNDS = 3000, MOST = 300, R_TIMED = 128, N_TIMED = 768 };

static vl_mean_rows_fn *const mean_rows_of[VL_ISA_COUNT] = {vl_mean_rows_scalar, vl_mean_rows_avx2,
                                                            vl_mean_rows_avx512};

static bool agrees(vl_isa isa, uint64_t round)
{
    static float expected[MOST];
    int64_t R = 1 + (int64_t)random_below(round, 0, 40), N = (int64_t)random_below(round, 1, MOST);
    int64_t stride = N + (int64_t)random_below(round, 2, 4);
    size_t size = (size_t)((R - 1) * stride + N);
    float *src = guarded(0, size * 4, random_below(round, 3, 16) * 4);
    float *dst = guarded(1, (size_t)N * 4, random_below(round, 4, 16) * 4);
    fill_floats(src, (int64_t)size, 5, round, 1);
    vl_mean_rows_scalar(expected, src, stride, R, N);
    mean_rows_of[isa](dst, src, stride, R, N);
    bool good = memcmp(dst, expected, (size_t)N * 4) == 0 && intact(1, dst, (size_t)N * 4);
    for (int64_t n = 0; n < N; n++) {
        double sum = 0;
        for (int64_t r = 0; r < R; r++) sum += src[r * stride + n];
        good = good && near(dst[n], sum / (double)R, 1e-5);
    }
    return good;
}

static vl_max_sum_fn *const max_sum_of[VL_ISA_COUNT] = {vl_max_sum_scalar, vl_max_sum_avx2,
                                                        vl_max_sum_avx512};

static bool max_sum_agrees(vl_isa isa, uint64_t round)
{
    float max0[MOST], sum0[MOST];
    int64_t N = (int64_t)random_below(round, 1, MOST);
    size_t bytes = (size_t)N * 4;
    float *max = guarded(0, bytes, random_below(round, 2, 16) * 4), *sum = guarded(1, bytes, 0);
    float *x = guarded(2, bytes, random_below(round, 3, 16) * 4);
    fill_floats(max, N, 1, round, 1);
    fill_floats(sum, N, 1, round, 2);
    fill_floats(x, N, 1, round, 3);
    if (N) x[random_below(round, 4, (uint64_t)N)] = NAN;
    memcpy(max0, max, bytes);
    memcpy(sum0, sum, bytes);
    max_sum_of[isa](max, sum, x, N);
    bool good = intact(0, max, bytes) && intact(1, sum, bytes);
    for (int64_t n = 0; n < N; n++) {
        float larger = isnan(x[n]) || x[n] > max0[n] ? x[n] : max0[n];
        good = good && near(max[n], larger, 0) && near(sum[n], sum0[n] + x[n], 0);
    }
    return good;
}

int check_pooling(void)
{
    static float src[R_TIMED * N_TIMED], dst[N_TIMED];
    int failed = 0;
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        bool good = true;
        for (uint64_t round = 0; good && round < ROUNDS; round++) good = agrees(isa, round);
        failed += said(good, "mean of rows", isa);
        bool right = true;
        for (uint64_t round = 0; right && round < ROUNDS; round++)
            right = max_sum_agrees(isa, round);
        failed += said(right, "maximum and sum", isa);
        if (!good) continue;
        double best;
        BEST_SECONDS(best, 50, mean_rows_of[isa](dst, src, N_TIMED, R_TIMED, N_TIMED));
        printf("# mean of rows %s: %.1f GB/s\n", vl_isa_name(isa),
               R_TIMED * N_TIMED * 4 / best * 1e-9);
    }
    return failed;
}
