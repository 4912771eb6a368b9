/* exp_row_avx2.c: exp_row_x16.h in AVX2's registers. */
#include "kernels/x16_avx2.h"

#include "kernels/exp_row_x16.h"

float vl_row_top_avx2(const float *x, float least, int64_t n)
{
    return row_top(x, least, n);
}

double vl_exp_row_avx2(float *x, float top, int64_t n)
{
    return exp_row(x, top, n);
}
