/* check_activation.c: each activation against its formula in double precision over the floats
 * (every 997th, all of them with VALENCE_ALL_FLOATS=1), AVX2 and AVX-512 against each other to the
 * bit; odd sizes between guard bytes; bias and gate; then speed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/activation.h"
#include "numeric.h"

int check_activation(void);

enum { BLOCK = 1024, ROUNDS = 4000, MOST = 300, TIMED = 4096, TIMES = 20 };

static const struct {
    const char *name;
    vl_activation a;
} activations[] = {{"none", VL_ACT_NONE}, {"gelu", VL_ACT_GELU}, {"gelu_tanh", VL_ACT_GELU_TANH},
                   {"relu", VL_ACT_RELU}, {"silu", VL_ACT_SILU}, {"tanh", VL_ACT_TANH}};
enum { COUNT = sizeof activations / sizeof *activations };

static vl_bias_activate_fn *const activate_of[VL_ISA_COUNT] = {
    vl_bias_activate_scalar, vl_bias_activate_avx2, vl_bias_activate_avx512};
static vl_gate_fn *const gate_of[VL_ISA_COUNT] = {vl_gate_scalar, vl_gate_avx2, vl_gate_avx512};

static double formula(double x, vl_activation a)
{
    switch (a) {
    case VL_ACT_GELU:
        return x < -40 ? 0 : x * 0.5 * erfc(-x * M_SQRT1_2);
    case VL_ACT_GELU_TANH: {
        double u = sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
        return u < -400 ? 0 : x / (1 + exp(-2 * u));
    }
    case VL_ACT_RELU:
        return x < 0 ? 0 : x;
    case VL_ACT_SILU:
        return x < -700 ? 0 : x / (1 + exp(-x));
    case VL_ACT_TANH:
        return tanh(x);
    default:
        return x;
    }
}

/* The worst error as a multiple of max(1, |x|); false where NaN and not NaN meet. */
static bool block_error(double *worst, const float *got, const float *x, vl_activation a)
{
    for (int i = 0; i < BLOCK; i++) {
        double expected = formula(x[i], a);
        if (!near(got[i], expected, 1e-3 * fmax(1, fabs((double)x[i])))) {
            printf("# %s(%a) = %a, not %a\n", activations[a].name, x[i], got[i], expected);
            return false;
        }
        if (!isfinite(expected)) continue;
        double error = fabs(got[i] - expected) / fmax(1, fabs((double)x[i]));
        if (error > *worst) *worst = error;
    }
    return true;
}

static bool over_floats(vl_isa isa, vl_activation a, double *worst)
{
    static float x[BLOCK], got[BLOCK], other[BLOCK];
    uint64_t step = getenv("VALENCE_ALL_FLOATS") ? 1 : 997;
    uint64_t bits = step == 1 ? 0 : numeric_seed() % step;
    while (bits < (uint64_t)1 << 32) {
        for (int i = 0; i < BLOCK; i++, bits += step) {
            uint32_t low = bits < (uint64_t)1 << 32 ? (uint32_t)bits : 0x7F800000;
            memcpy(x + i, &low, 4);
        }
        memcpy(got, x, sizeof x);
        activate_of[isa](got, NULL, BLOCK, a);
        if (!block_error(worst, got, x, a)) return false;
        if (isa != VL_ISA_AVX512) continue;
        memcpy(other, x, sizeof x);
        vl_bias_activate_avx2(other, NULL, BLOCK, a);
        if (memcmp(got, other, sizeof got) != 0) return false;
    }
    return *worst <= 2e-7;
}

/* Sizes, alignments, bias and gate: the vectors against the same function one element at a time. */
static bool agrees(vl_isa isa, uint64_t round)
{
    int64_t n = (int64_t)random_below(round, 0, round % 8 ? 50 : MOST);
    size_t bytes = (size_t)n * 4, gap = round % 3 ? random_below(round, 1, 64) * 4 : 0;
    vl_activation a = (vl_activation)random_below(round, 2, VL_ACTIVATIONS);
    float *x = guarded(0, bytes, gap), *bias = guarded(1, bytes, 0), *up = guarded(2, bytes, 4);
    float *dst = guarded(3, bytes, gap / 2 & ~(size_t)3), start[MOST];
    fill_floats(start, n, 6, round, 1);
    fill_floats(bias, n, 2, round, 2);
    fill_floats(up, n, 3, round, 3);
    memcpy(x, start, bytes);
    gate_of[isa](dst, x, up, n, a);
    bool good = intact(3, dst, bytes) && memcmp(x, start, bytes) == 0;
    for (int64_t i = 0; i < n; i++)
        good =
            good && near(dst[i], formula(x[i], a) * up[i], 2e-7 * 18 + fabs((double)dst[i]) * 1e-7);
    activate_of[isa](x, round % 5 ? bias : NULL, n, a);
    for (int64_t i = 0; i < n; i++) {
        float sum = round % 5 ? start[i] + bias[i] : start[i];
        good = good && near(x[i], formula(sum, a), 2e-7 * fmax(1, fabs((double)sum)));
    }
    return good && intact(0, x, bytes);
}

static double nanoseconds(vl_isa isa, vl_activation a)
{
    static float x[TIMED], bias[TIMED];
    double best;
    fill_floats(bias, TIMED, 1e-3f, 0, 1);
    fill_floats(x, TIMED, 3, 0, 2);
    BEST_SECONDS(best, 20, for (int i = 0; i < TIMES; i++) activate_of[isa](x, bias, TIMED, a));
    return best / (TIMED * TIMES) * 1e9;
}

int check_activation(void)
{
    int failed = 0;
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        bool good = true;
        for (uint64_t round = 0; good && round < ROUNDS; round++) {
            good = agrees(isa, round);
            if (!good) printf("# differs in round %d\n", (int)round);
        }
        failed += said(good, "activations, sizes and gates", isa);
        for (int i = 1; i < COUNT; i++) {
            double worst = 0;
            char what[64];
            good = over_floats(isa, activations[i].a, &worst);
            snprintf(what, sizeof what, "%s over the floats", activations[i].name);
            failed += said(good, what, isa);
            printf("# %s %s: error %.1e max(1,|x|)", activations[i].name, vl_isa_name(isa), worst);
            if (good) printf(", %.2f ns each", nanoseconds(isa, activations[i].a));
            printf("\n");
        }
    }
    return failed;
}
