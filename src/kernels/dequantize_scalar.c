/* dequantize_scalar.c: the plain version. */
#include <stddef.h>

#include "kernels/dequantize.h"
#include "kernels/quantize.h"

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

float vl_dequantize_quantize_row_scalar(uint8_t *q, float *row, const int32_t *acc, float row_scale,
                                        const float *col_scale, const int32_t *col_sum,
                                        const float *bias, int64_t N, vl_activation a)
{
    int32_t sum;
    vl_dequantize_row_scalar(row, acc, row_scale, col_scale, col_sum, bias, N);
    vl_bias_activate_scalar(row, NULL, N, a);
    return vl_quantize_row_scalar(q, &sum, row, N, 63, 64);
}
