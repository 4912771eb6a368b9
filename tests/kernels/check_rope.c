/* check_rope.c: the table against doubles, the turn: each level equal to the plain version, that
 * one against complex multiplication in doubles; odd sizes and strides; speed. */
#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/rope.h"
#include "numeric.h"

int check_rope(void);

enum { ROUNDS = 1000, MOST_T = 20, MOST_H = 4, MOST_D = 256, T_TIMED = 128, H_TIMED = 12 };

static bool table_right(int T, int D, double theta)
{
    static float table[300 * 64];
    bool good = true;
    vl_rope_table(table, T, D, theta);
    for (int t = 0; t < T; t++)
        for (int i = 0; i < D / 2; i++) {
            double angle = t * pow(theta, -2.0 * i / D), bound = 3e-7 + angle * 3e-7;
            good = good && near(table[t * D + i], cos(angle), bound);
            good = good && near(table[t * D + D / 2 + i], sin(angle), bound);
        }
    return good;
}

static bool agrees(vl_isa isa, uint64_t round)
{
    static float table[MOST_T * MOST_D], start[MOST_T * (MOST_H * MOST_D + 4)];
    static float expected[MOST_T * (MOST_H * MOST_D + 4)];
    int T = 1 + (int)random_below(round, 0, MOST_T),
        heads = 1 + (int)random_below(round, 1, MOST_H);
    int D = 2 + 2 * (int)random_below(round, 2, MOST_D / 2);
    int64_t stride = heads * D + (int64_t)random_below(round, 3, 4);
    size_t bytes = (size_t)((T - 1) * stride + heads * D) * 4;
    float *x = guarded(0, bytes, random_below(round, 4, 16) * 4);
    fill_floats(x, (int64_t)bytes / 4, 3, round, 1);
    memcpy(start, x, bytes);
    memcpy(expected, x, bytes);
    vl_rope_table(table, T, D, 10000);
    vl_isa_limit(VL_ISA_SCALAR);
    vl_rope(expected, stride, T, heads, D, table);
    vl_isa_limit(isa);
    vl_rope(x, stride, T, heads, D, table);
    bool good = memcmp(x, expected, bytes) == 0 && intact(0, x, bytes);
    for (int t = 0; t < T; t++)
        for (int64_t at = t * stride, h = 0; h < heads; h++, at += D)
            for (int i = 0; i < D / 2; i++) {
                double complex turn = table[t * D + i] + I * (double)table[t * D + D / 2 + i];
                double complex z = (start[at + i] + I * (double)start[at + D / 2 + i]) * turn;
                good = good && near(x[at + i], creal(z), 1e-6) &&
                       near(x[at + D / 2 + i], cimag(z), 1e-6);
            }
    return good;
}

int check_rope(void)
{
    static float x[T_TIMED * H_TIMED * 64], table[T_TIMED * 64];
    int failed = said(table_right(300, 64, 10000) && table_right(256, 34, 160000), "rope table",
                      VL_ISA_SCALAR);
    vl_rope_table(table, T_TIMED, 64, 10000);
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        bool good = true;
        for (uint64_t round = 0; good && round < ROUNDS; round++) good = agrees(isa, round);
        failed += said(good, "rope", isa);
        if (!good) continue;
        double best;
        BEST_SECONDS(best, 50, vl_rope(x, H_TIMED * 64, T_TIMED, H_TIMED, 64, table));
        printf("# rope %s: %.1f GB/s read and written\n", vl_isa_name(isa),
               sizeof x * 2 / best * 1e-9);
    }
    vl_isa_limit(VL_ISA_AVX512);
    return failed;
}
