/* row_sums_x16.h: row_sums.h, sixteen floats at a time: the body of row_sums_avx2.c and row_sums_avx512.c. */
#include "kernels/row_sums.h"

static void row_add(float *to, const float *from, float a, int64_t n)
{
    vl_x16 scale = vl_x16_set(a);
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        vl_x16_store(to + i, vl_x16_fma(scale, vl_x16_load(from + i), vl_x16_load(to + i)));
    if (i == n) return;
    vl_x16 last =
        vl_x16_fma(scale, vl_x16_load_some(from + i, n - i), vl_x16_load_some(to + i, n - i));
    vl_x16_store_some(to + i, last, n - i);
}

/* Floats add up 4096 squares, doubles the rest. */
static double row_square(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t from = 0; from < n; from += 4096) {
        int64_t end = n - from < 4096 ? n : from + 4096, i = from;
        vl_x16 a = vl_x16_set(0), b = vl_x16_set(0);
        for (; i + 32 <= end; i += 32) {
            vl_x16 u = vl_x16_load(x + i), v = vl_x16_load(x + i + 16);
            a = vl_x16_fma(u, u, a);
            b = vl_x16_fma(v, v, b);
        }
        for (; i < end; i += 16) {
            vl_x16 u = vl_x16_load_some(x + i, end - i < 16 ? end - i : 16);
            a = vl_x16_fma(u, u, a);
        }
        sum += (double)vl_x16_sum(vl_x16_add(a, b));
    }
    return sum;
}
