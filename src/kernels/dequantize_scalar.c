/* dequantize_scalar.c: the plain version. */
#include "kernels/dequantize.h"

void vl_dequantize_row_scalar(float *dst, const int32_t *acc, float row_scale,
                              const float *col_scale, const int32_t *col_sum, const float *bias,
                              int64_t N)
{
    for (int64_t n = 0; n < N; n++) {
        /* unsigned: wraps instead of undefined behaviour where the sums of a hostile file are false
         */
        int32_t difference = (int32_t)((uint32_t)acc[n] - 64 * (uint32_t)col_sum[n]);
        float x = (float)difference * (row_scale * col_scale[n]);
        dst[n] = bias ? x + bias[n] : x;
    }
}
