/* pooling.h: one vector of many. Any thread, any alignment, nothing is allocated. */
#ifndef VL_POOLING_H
#define VL_POOLING_H

#include <stdint.h>

/* dst[n] = (src[0][n] + ... + src[R-1][n]) / R     dst: (N), src: (R,N) rows `stride` floats apart,
 * R >= 1. Added in order of rows: the same bits everywhere. */
void vl_mean_rows(float *dst, const float *src, int64_t stride, int64_t R, int64_t N);

/* max[n] = the larger of max[n] and x[n], sum[n] += x[n]     all (N). A NaN in x goes into both.
 * The same bits everywhere. */
void vl_max_sum(float *max, float *sum, const float *x, int64_t N);

typedef void vl_mean_rows_fn(float *dst, const float *src, int64_t stride, int64_t R, int64_t N);
vl_mean_rows_fn vl_mean_rows_scalar, vl_mean_rows_avx2, vl_mean_rows_avx512;
typedef void vl_max_sum_fn(float *max, float *sum, const float *x, int64_t N);
vl_max_sum_fn vl_max_sum_scalar, vl_max_sum_avx2, vl_max_sum_avx512;

#endif
