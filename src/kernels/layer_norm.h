/* layer_norm.h: layer normalisation, with the residual sum before it and the quantisation behind
 * it. Any thread, any alignment, nothing is allocated. */
#ifndef VL_LAYER_NORM_H
#define VL_LAYER_NORM_H

#include <stdint.h>

/* x[n] = src[r][n] + residual[r][n], mean and variance (its mean square distance) over n:
 *   dst[r][n] = (x[n] - mean) / sqrt(variance + eps) * gamma[n] + beta[n]
 * dst, src, residual: (R,N); residual NULL: none; gamma, beta: (N), beta NULL: none; dst may be src
 * or residual. |error| <= 2e-6 (1 + |result|) against doubles for |gamma| <= 2, wherever the mean
 * is. A row that holds NaN or an infinity comes out all NaN. AVX2 and AVX-512 agree to the bit. */
void vl_layer_norm(float *dst, const float *src, const float *residual, const float *gamma,
                   const float *beta, int64_t R, int64_t N, float eps);

/* The same, and each row quantised as by vl_quantize_rows: q: (R,N), scale: (R). */
void vl_layer_norm_quantize(uint8_t *q, float *scale, float *dst, const float *src,
                            const float *residual, const float *gamma, const float *beta, int64_t R,
                            int64_t N, float eps);

/* By instruction set, one row. */
typedef void vl_layer_norm_row_fn(float *dst, const float *src, const float *residual,
                                  const float *gamma, const float *beta, int64_t N, float eps);
vl_layer_norm_row_fn vl_layer_norm_row_scalar, vl_layer_norm_row_avx2, vl_layer_norm_row_avx512;

#endif
