/* dequantize.h: what follows the int8 product: integers back to floats, bias, activation, and
 * quantised again for the next product. Any thread, any alignment, nothing is allocated. */
#ifndef VL_DEQUANTIZE_H
#define VL_DEQUANTIZE_H

#include <stdint.h>

#include "kernels/activation.h"

/* dst[r][n] = a((acc[r][n] - 64 col_sum[n]) * (row_scale[r] * col_scale[n]) + bias[n])
 *   dst: (R,N) rows dst_stride apart, acc: (R,N) rows acc_stride apart, row_scale: (R),
 *   col_scale, col_sum, bias: (N), bias may be NULL; dst may be acc's memory.
 * acc is the product of vl_quantize_rows' bytes and vl_quantize_weight_rows' integers, col_sum the
 * latter's sums. The difference is taken in int32; then three roundings and that of the sum, in
 * this order everywhere: all instruction sets agree to the bit, up to what activation.h says of a.
 */
void vl_dequantize_rows(float *dst, int64_t dst_stride, const int32_t *acc, int64_t acc_stride,
                        const float *row_scale, const float *col_scale, const int32_t *col_sum,
                        const float *bias, int64_t R, int64_t N, vl_activation a);

/* The same, and each row quantised as by vl_quantize_rows: q: (R,N), q_scale: (R), q_scale may be
 * row_scale. row: scratch for (N) floats. The same bytes as by the two calls one after the other. */
void vl_dequantize_quantize_rows(uint8_t *q, float *q_scale, float *row, const int32_t *acc,
                                 int64_t acc_stride, const float *row_scale, const float *col_scale,
                                 const int32_t *col_sum, const float *bias, int64_t R, int64_t N,
                                 vl_activation a);

/* By instruction set, one row: without activation; with it and quantised, giving the new scale. */
typedef void vl_dequantize_row_fn(float *dst, const int32_t *acc, float row_scale,
                                  const float *col_scale, const int32_t *col_sum, const float *bias,
                                  int64_t N);
typedef float vl_dequantize_quantize_row_fn(uint8_t *q, float *row, const int32_t *acc,
                                            float row_scale, const float *col_scale,
                                            const int32_t *col_sum, const float *bias, int64_t N,
                                            vl_activation a);
vl_dequantize_row_fn vl_dequantize_row_scalar, vl_dequantize_row_avx2, vl_dequantize_row_avx512;
vl_dequantize_quantize_row_fn vl_dequantize_quantize_row_scalar, vl_dequantize_quantize_row_avx2,
    vl_dequantize_quantize_row_avx512;

#endif
