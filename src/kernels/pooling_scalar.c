/* pooling_scalar.c: the plain versions. */
#include "kernels/pooling.h"

void vl_mean_rows_scalar(float *dst, const float *src, int64_t stride, int64_t R, int64_t N)
{
    for (int64_t n = 0; n < N; n++) {
        float sum = 0;
        for (int64_t r = 0; r < R; r++) sum += src[r * stride + n];
        dst[n] = sum / (float)R;
    }
}

void vl_max_sum_scalar(float *max, float *sum, const float *x, int64_t N)
{
    for (int64_t n = 0; n < N; n++) {
        max[n] = max[n] > x[n] ? max[n] : x[n];
        sum[n] += x[n];
    }
}
