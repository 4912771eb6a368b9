/* dequantize_avx2.c: dequantize_x16.h in AVX2's registers. */
#include <stddef.h>

#include "kernels/x16_avx2.h"

#include "kernels/dequantize_x16.h"

void vl_dequantize_row_avx2(float *dst, const int32_t *acc, float row_scale, const float *col_scale,
                            const int32_t *col_sum, const float *bias, int64_t N)
{
    dequantize_with_or_without(dst, acc, row_scale, col_scale, col_sum, bias, N);
}

float vl_dequantize_quantize_row_avx2(uint8_t *q, float *row, const int32_t *acc, float row_scale,
                                      const float *col_scale, const int32_t *col_sum,
                                      const float *bias, int64_t N, vl_activation a)
{
    return dequantize_quantize_row(q, row, acc, row_scale, col_scale, col_sum, bias, N, a);
}
