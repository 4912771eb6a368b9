/* check_descent.c: the optimisers' steps and the sums over rows against doubles, AVX2 and AVX-512
 * to the bit; then their speed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/descent.h"
#include "kernels/row_sums.h"
#include "numeric.h"

int check_descent(void);

enum { ROUNDS = 2000, MOST = 300, TIMED = 1 << 20 };

static const vl_adamw_step adamw = {.beta1 = 0.9f,
                                    .beta2 = 0.99f,
                                    .rate = 0.01f,
                                    .unbias = 1.5f,
                                    .epsilon = 1e-6f,
                                    .keep = 0.99f,
                                    .scale = 0.5f};
static const vl_momentum_step momentum = {
    .momentum = 0.9f, .rate = 0.01f, .keep = 0.99f, .scale = 0.5f};

typedef struct arrays {
    float *w, *m, *v, *g;
    float w0[MOST], m0[MOST], v0[MOST];
    int64_t n;
} arrays;

static void make(arrays *a, uint64_t round)
{
    size_t bytes;
    a->n = 1 + (int64_t)random_below(round, 0, MOST - 1);
    bytes = (size_t)a->n * 4;
    float **all[] = {&a->w, &a->m, &a->v, &a->g};
    for (int i = 0; i < 4; i++) {
        *all[i] = guarded(i, bytes, random_below(round, 1, 16) * 4);
        fill_floats(*all[i], a->n, 1, round, (uint64_t)(2 + i));
    }
    for (int64_t i = 0; i < a->n; i++) a->v[i] = fabsf(a->v[i]);
    memcpy(a->w0, a->w, bytes);
    memcpy(a->m0, a->m, bytes);
    memcpy(a->v0, a->v, bytes);
}

static bool adamw_is(const arrays *a)
{
    for (int64_t i = 0; i < a->n; i++) {
        double g = 0.5 * a->g[i], m = 0.9f * (double)a->m0[i] + (1 - 0.9f) * g;
        double v = 0.99f * (double)a->v0[i] + (1 - 0.99f) * g * g;
        double w = 0.99f * (double)a->w0[i] - 0.01f * m / (sqrt(v) * 1.5 + 1e-6f);
        if (!near(a->m[i], m, 1e-6) || !near(a->v[i], v, 1e-6) ||
            !near(a->w[i], w, 2e-6 * (1 + fabs(0.01 * m / (sqrt(v) + 1e-6)))))
            return false;
    }
    return intact(0, a->w, (size_t)a->n * 4) && intact(1, a->m, (size_t)a->n * 4) &&
           intact(2, a->v, (size_t)a->n * 4);
}

static bool momentum_is(const arrays *a)
{
    for (int64_t i = 0; i < a->n; i++) {
        double m = 0.9f * (double)a->m0[i] + 0.5 * (double)a->g[i],
               w = 0.99f * (double)a->w0[i] - 0.01f * m;
        if (!near(a->m[i], m, 1e-6) || !near(a->w[i], w, 1e-6)) return false;
    }
    return intact(0, a->w, (size_t)a->n * 4) && intact(1, a->m, (size_t)a->n * 4);
}

static bool rows_are(arrays *a)
{
    double sum = 0;
    memcpy(a->w, a->w0, (size_t)a->n * 4);
    vl_row_add(a->w, a->g, 0.25f, a->n);
    for (int64_t i = 0; i < a->n; i++) {
        sum += (double)a->g[i] * a->g[i];
        if (!near(a->w[i], a->w0[i] + 0.25 * (double)a->g[i], 2e-7)) return false;
    }
    return near((float)vl_row_square(a->g, a->n), sum, 1e-5 * (1 + sum)) &&
           intact(0, a->w, (size_t)a->n * 4);
}

static bool agrees(vl_isa isa, uint64_t round)
{
    static arrays a, other;
    float w[MOST];
    vl_isa_limit(VL_ISA_AVX2);
    make(&other, round);
    vl_adamw(other.w, other.m, other.v, other.g, other.n, &adamw);
    memcpy(w, other.w, (size_t)other.n * 4);
    vl_isa_limit(isa);
    make(&a, round);
    vl_adamw(a.w, a.m, a.v, a.g, a.n, &adamw);
    bool good = adamw_is(&a) && (isa != VL_ISA_AVX512 || memcmp(a.w, w, (size_t)a.n * 4) == 0);
    make(&a, round);
    vl_momentum(a.w, a.m, a.g, a.n, &momentum);
    return good && momentum_is(&a) && rows_are(&a);
}

static void time_it(vl_isa isa)
{
    static float w[TIMED], m[TIMED], v[TIMED], g[TIMED];
    double step, add;
    fill_floats(g, TIMED, 1, 0, 1);
    BEST_SECONDS(step, 10, vl_adamw(w, m, v, g, TIMED, &adamw));
    BEST_SECONDS(add, 10, vl_row_add(w, g, 0.5f, TIMED));
    printf("# adamw %s: %.1f GB/s read and written; sums of rows %.1f GB/s\n", vl_isa_name(isa),
           TIMED * 28 / step * 1e-9, TIMED * 12 / add * 1e-9);
}

int check_descent(void)
{
    int failed = 0;
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        bool good = true;
        for (uint64_t round = 0; good && round < ROUNDS; round++) {
            good = agrees(isa, round);
            if (!good) printf("# differs in round %d\n", (int)round);
        }
        failed += said(good, "descent", isa);
        if (good) time_it(isa);
    }
    vl_isa_limit(VL_ISA_AVX512);
    return failed;
}
