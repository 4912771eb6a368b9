/* dequantize.c: chooses by instruction set. */
#include "kernels/dequantize.h"

#include "base/cpu.h"

static vl_dequantize_row_fn *const dequantize_row_of[VL_ISA_COUNT] = {
    vl_dequantize_row_scalar, vl_dequantize_row_avx2, vl_dequantize_row_avx512};
static vl_dequantize_quantize_row_fn *const quantized_row_of[VL_ISA_COUNT] = {
    vl_dequantize_quantize_row_scalar, vl_dequantize_quantize_row_avx2,
    vl_dequantize_quantize_row_avx512};

void vl_dequantize_rows(float *dst, int64_t dst_stride, const int32_t *acc, int64_t acc_stride,
                        const float *row_scale, const float *col_scale, const int32_t *col_sum,
                        const float *bias, int64_t R, int64_t N, vl_activation a)
{
    vl_dequantize_row_fn *dequantize = dequantize_row_of[vl_isa_active()];
    for (int64_t r = 0; r < R; r++) {
        float *row = dst + r * dst_stride;
        dequantize(row, acc + r * acc_stride, row_scale[r], col_scale, col_sum, bias, N);
        vl_activate(row, N, a); /* it is in the nearest cache */
    }
}

void vl_dequantize_quantize_rows(uint8_t *q, float *q_scale, float *row, const int32_t *acc,
                                 int64_t acc_stride, const float *row_scale, const float *col_scale,
                                 const int32_t *col_sum, const float *bias, int64_t R, int64_t N,
                                 vl_activation a)
{
    vl_dequantize_quantize_row_fn *quantized = quantized_row_of[vl_isa_active()];
    for (int64_t r = 0; r < R; r++)
        q_scale[r] = quantized(q + r * N, row, acc + r * acc_stride, row_scale[r], col_scale,
                               col_sum, bias, N, a);
}
