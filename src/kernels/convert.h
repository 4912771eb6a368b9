/* convert.h: other number types to float and float to bfloat16. Any thread, any alignment (as far
 * as the type goes), nothing is allocated. Exact, or rounded to nearest even: the same bits
 * everywhere, but that a signalling NaN may come out quiet. */
#ifndef VL_CONVERT_H
#define VL_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/store.h"

/* All (n); dst is not src's memory. */
void vl_bf16_to_f32(float *dst, const uint16_t *src, int64_t n);
void vl_f16_to_f32(float *dst, const uint16_t *src, int64_t n);
void vl_i8_to_f32(float *dst, const int8_t *src, float scale, int64_t n); /* src[i] * scale */

/* Rounds to nearest, ties to even; past the largest it is infinity, a NaN stays one. */
void vl_f32_to_bf16(uint16_t *dst, const float *src, int64_t n);

/* By instruction set. A row of type F32, BF16, F16 or I8 (times scale) to dst, or added to it; and
 * to bfloat16. */
typedef void vl_convert_row_fn(float *dst, const void *src, vl_dtype type, float scale, bool add,
                               int64_t n);
typedef void vl_f32_to_bf16_fn(uint16_t *dst, const float *src, int64_t n);
vl_convert_row_fn vl_convert_row_scalar, vl_convert_row_avx2, vl_convert_row_avx512;
vl_f32_to_bf16_fn vl_f32_to_bf16_scalar, vl_f32_to_bf16_avx2, vl_f32_to_bf16_avx512;

/* The one in use. */
vl_convert_row_fn *vl_convert_row(void);

#endif
