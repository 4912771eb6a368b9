/* check_exp_row.c: rows of exponentials against doubles, AVX2 and AVX-512 to the bit; then their
 * speed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/exp_row.h"
#include "numeric.h"

int check_exp_row(void);

enum { ROUNDS = 3000, MOST = 9000, TIMED = 4096 };

typedef struct row {
    float *x;
    int64_t n;
} row;

/* Odd lengths, some beyond the block that floats add up; now and then -infinity. */
static row make(uint64_t round)
{
    row r = {.n = 1 + (int64_t)random_below(round, 0, round % 16 ? 200 : MOST - 1)};
    r.x = guarded(0, (size_t)r.n * 4, random_below(round, 1, 16) * 4);
    fill_floats(r.x, r.n, round % 3 ? 4 : 120, round, 2);
    if (round % 7 == 0) r.x[random_below(round, 4, (uint64_t)r.n)] = NAN;
    if (round % 5 == 0) r.x[random_below(round, 3, (uint64_t)r.n)] = -INFINITY;
    return r;
}

static bool is_right(uint64_t round, float *sum_out, float *y)
{
    row r = make(round);
    float x[MOST], top = vl_row_top(r.x, -INFINITY, r.n), most = -INFINITY;
    memcpy(x, r.x, (size_t)r.n * 4);
    for (int64_t i = 0; i < r.n; i++) most = x[i] > most ? x[i] : most;
    if (top != most || vl_row_top(r.x, 1000, r.n) != 1000) return false;
    if (top == -INFINITY) top = 0;
    double sum = vl_exp_row(r.x, top, r.n), expected = 0;
    for (int64_t i = 0; i < r.n; i++) {
        /* The exponent is a float: the further below the top, the less of its digits are behind the
           point. */
        if (isnan(x[i])) {
            if (!isnan(r.x[i]) || !isnan(sum)) return false;
            expected = NAN;
            continue;
        }
        double far = (double)top - (double)x[i], e = exp(-far);
        expected += e;
        if (e > 0 && !near((double)r.x[i], e, (4e-7 + 2e-7 * far) * e + 0x1p-126)) return false;
        if (e == 0 && r.x[i] != 0) return false;
    }
    *sum_out = (float)sum;
    memcpy(y, r.x, (size_t)r.n * 4);
    memset(y + r.n, 0, (size_t)(MOST - r.n) * 4);
    return near(sum, expected, 1e-5 * expected) && intact(0, r.x, (size_t)r.n * 4);
}

static bool agrees(vl_isa isa, uint64_t round)
{
    static float y[MOST], other[MOST];
    float sum, other_sum;
    vl_isa_limit(isa == VL_ISA_AVX512 ? VL_ISA_AVX2 : isa);
    bool good = is_right(round, &other_sum, other);
    vl_isa_limit(isa);
    good = good && is_right(round, &sum, y);
    return good && near((double)sum, (double)other_sum, 0) && memcmp(y, other, sizeof y) == 0;
}

static void time_it(vl_isa isa)
{
    static float x[TIMED];
    double seconds;
    BEST_SECONDS(seconds, 200, (fill_floats(x, 1, 1, 0, 1), vl_exp_row(x, 0, TIMED)));
    printf("# exp_row %s: %.2f G/s\n", vl_isa_name(isa), TIMED / seconds * 1e-9);
}

int check_exp_row(void)
{
    int failed = 0;
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        bool good = true;
        for (uint64_t round = 0; good && round < ROUNDS; round++) {
            good = agrees(isa, round);
            if (!good) printf("# differs in round %d\n", (int)round);
        }
        failed += said(good, "exp_row", isa);
        if (good) time_it(isa);
    }
    vl_isa_limit(VL_ISA_AVX512);
    return failed;
}
