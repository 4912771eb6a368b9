/* check_quantize.c: bytes, scales and sums of every instruction set equal to the plain version's,
 * the plain one against the formula in double precision; zeros, NaN, infinities, tiny and huge
 * rows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/quantize.h"
#include "numeric.h"

int check_quantize(void);

enum { ROUNDS = 20000, MOST = 1000, R_TIMED = 128, N_TIMED = 768 };

static vl_quantize_row_fn *const quantize_of[VL_ISA_COUNT] = {
    vl_quantize_row_scalar, vl_quantize_row_avx2, vl_quantize_row_avx512};

static void fill(float *x, int64_t n, uint64_t round)
{
    static const float ranges[] = {1, 4, 1e-3f, 1e-31f, 1e-36f, 1e30f, 3e38f, 0};
    fill_floats(x, n, ranges[random_below(round, 1, 8)], round, 1);
    for (int64_t i = 0; i < n; i++) {
        uint64_t r = random_below(round, 1000 + (uint64_t)i, 400);
        if (r == 0 && round % 4 == 0) x[i] = NAN;
        if (r == 1 && round % 8 == 0) x[i] = round % 16 ? INFINITY : -INFINITY;
        if (r < 40 && round % 3 == 0) x[i] = truncf(x[i] * 126) / 2; /* ties */
    }
}

/* The contract, in doubles: within half a step, nearest unless the float product rounds past a tie.
 */
static bool follows_formula(const int8_t *q, float scale, int32_t sum, const float *x, int64_t n,
                            int steps, int offset)
{
    double max = 0, total = 0;
    for (int64_t i = 0; i < n; i++) max = fmax(max, fabs((double)x[i])); /* passes over NaN */
    if (isinf(max)     ? !isinf(scale)
        : max <= 1e-30 ? scale != 1
                       : !near(scale, max / steps, max * 1e-7))
        return false;
    for (int64_t i = 0; i < n; i++) {
        int got = (int8_t)(q[i] - offset);
        total += got;
        double exact = isinf(max) || max <= 1e-30 || isnan(x[i]) ? 0 : x[i] / max * steps;
        if (got < -steps || got > steps || fabs(got - exact) > 0.5 + 1e-5) return false;
    }
    return total == sum;
}

static bool agrees(vl_isa isa, uint64_t round)
{
    int64_t n = (int64_t)random_below(round, 0, round % 16 ? 100 : MOST);
    size_t gap = random_below(round, 2, 64);
    float *x = guarded(0, (size_t)n * 4, gap * 4), scale;
    int8_t *q = guarded(1, (size_t)n, gap), expected[MOST];
    int32_t sum, expected_sum;
    bool weights = round % 2;
    int steps = weights ? 127 : 63, offset = weights ? 0 : 64;
    fill(x, n, round);
    float expected_scale = vl_quantize_row_scalar(expected, &expected_sum, x, n, steps, offset);
    scale = quantize_of[isa](q, &sum, x, n, steps, offset);
    bool good = intact(1, q, (size_t)n) && memcmp(q, expected, (size_t)n) == 0;
    good = good && memcmp(&scale, &expected_scale, 4) == 0 && sum == expected_sum;
    return good && follows_formula(q, scale, sum, x, n, steps, offset);
}

/* Several rows through the public functions, at every level. */
static bool rows_agree(vl_isa isa)
{
    enum { R = 3, N = 37 };
    float x[R * N], scale[R];
    uint8_t q[R * N], expected[N];
    int8_t w[R * N], expected_w[N];
    int32_t sum[R], s;
    bool good = true;
    fill_floats(x, R * N, 2, 7, 1);
    vl_isa_limit(isa);
    vl_quantize_rows(q, scale, x, R, N);
    for (int r = 0; r < R; r++)
        good = good && scale[r] == vl_quantize_row_scalar(expected, &s, x + r * N, N, 63, 64) &&
               memcmp(expected, q + r * N, N) == 0;
    vl_quantize_weight_rows(w, scale, sum, x, R, N);
    for (int r = 0; r < R; r++)
        good = good && scale[r] == vl_quantize_row_scalar(expected_w, &s, x + r * N, N, 127, 0) &&
               memcmp(expected_w, w + r * N, N) == 0 && s == sum[r];
    vl_isa_limit(VL_ISA_AVX512);
    return good;
}

int check_quantize(void)
{
    static float x[R_TIMED * N_TIMED], scale[R_TIMED];
    static uint8_t q[R_TIMED * N_TIMED];
    int failed = 0;
    fill_floats(x, R_TIMED * N_TIMED, 3, 0, 1);
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        bool good = rows_agree(isa);
        for (uint64_t round = 0; good && round < ROUNDS; round++) {
            good = agrees(isa, round);
            if (!good) printf("# differs in round %d\n", (int)round);
        }
        failed += said(good, "quantize", isa);
        if (!good) continue;
        double best;
        vl_isa_limit(isa);
        BEST_SECONDS(best, 50, vl_quantize_rows(q, scale, x, R_TIMED, N_TIMED));
        printf("# quantize %s: %.1f GB/s of floats\n", vl_isa_name(isa), sizeof x / best * 1e-9);
    }
    vl_isa_limit(VL_ISA_AVX512);
    return failed;
}
