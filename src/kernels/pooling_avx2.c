/* pooling_avx2.c: pooling_x16.h in AVX2's registers. */
#include "kernels/x16_avx2.h"

#include "kernels/pooling_x16.h"

void vl_mean_rows_avx2(float *dst, const float *src, int64_t stride, int64_t R, int64_t N)
{
    mean_rows(dst, src, stride, R, N);
}

void vl_max_sum_avx2(float *max, float *sum, const float *x, int64_t N)
{
    max_sum(max, sum, x, N);
}
