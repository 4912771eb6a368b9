/* exp_row_x16.h: exp_row.h, sixteen floats at a time: the body of exp_row_avx2.c and
 * exp_row_avx512.c. */
#include "kernels/exp2_x16.h"
#include "kernels/exp_row.h"

static float row_top(const float *x, float least, int64_t n)
{
    vl_x16 top = vl_x16_set(least);
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) top = vl_x16_max(vl_x16_load(x + i), top);
    if (i < n) {
        vl_x16 last = vl_x16_only(vl_x16_load_some(x + i, n - i), 0, n - i, top);
        top = vl_x16_max(last, top);
    }
    return vl_x16_top(top);
}

/* Floats add up 4096 numbers, doubles the rest. */
static double exp_row(float *x, float top, int64_t n)
{
    vl_x16 shift = vl_x16_set(top), scale = vl_x16_set(VL_LOG2_E);
    double sum = 0;
    for (int64_t from = 0; from < n; from += 4096) {
        int64_t end = n - from < 4096 ? n : from + 4096, i = from;
        vl_x16 part = vl_x16_set(0);
        for (; i + 16 <= end; i += 16) {
            vl_x16 y =
                vl_x16_exp2_or_zero(vl_x16_mul(scale, vl_x16_sub(vl_x16_load(x + i), shift)));
            vl_x16_store(x + i, y);
            part = vl_x16_add(part, y);
        }
        if (i < end) {
            vl_x16 z = vl_x16_sub(vl_x16_load_some(x + i, end - i), shift);
            vl_x16 y = vl_x16_keep(vl_x16_exp2_or_zero(vl_x16_mul(scale, z)), end - i);
            vl_x16_store_some(x + i, y, end - i);
            part = vl_x16_add(part, y);
        }
        sum += (double)vl_x16_sum(part);
    }
    return sum;
}
