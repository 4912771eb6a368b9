/* quantize.h: floats to small integers, row by row: activations for the int8 product, and weights.
 * Any thread, any alignment, nothing is allocated. Every instruction set gives the same bytes. */
#ifndef VL_QUANTIZE_H
#define VL_QUANTIZE_H

#include <stdint.h>

/* Seven bits around 64, which no pair of products can saturate on CPUs without VNNI:
 *   scale[r] = max_n |src[r][n]| / 63
 *   q[r][n]  = 64 + round(src[r][n] * (63 / max)), ties to even, in [1,127]
 * q, src: (R,N), scale: (R). src is about (q - 64) * scale. A row of zeros, or with no |x| above
 * 1e-30, has scale 1 and q 64. A NaN is passed over in the maximum and becomes 64. A row that holds
 * an infinity has scale infinity and q 64 all over, so that what is computed from it is NaN. */
void vl_quantize_rows(uint8_t *q, float *scale, const float *src, int64_t R, int64_t N);

/* The same with 127 in place of 63 and no offset: q in [-127,127], and sum[r] = sum_n q[r][n].
 * N <= 2^24. */
void vl_quantize_weight_rows(int8_t *q, float *scale, int32_t *sum, const float *src, int64_t R,
                             int64_t N);

/* By instruction set, one row: q[n] = offset + round(src[n] * (steps / max)). Gives max / steps,
 * and *sum = sum of q - offset. */
typedef float vl_quantize_row_fn(void *q, int32_t *sum, const float *src, int64_t N, int32_t steps,
                                 int32_t offset);
vl_quantize_row_fn vl_quantize_row_scalar, vl_quantize_row_avx2, vl_quantize_row_avx512;

#endif
