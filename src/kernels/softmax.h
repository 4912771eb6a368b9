/* softmax.h: row-wise softmax, and sigmoid: logits to probabilities. dst and src may be the same array; nothing is allocated; any thread. */
#ifndef VL_SOFTMAX_H
#define VL_SOFTMAX_H

#include <stdint.h>

/* dst[r][n] = exp((src[r][n] - max_r) / temperature) / sum_r     dst, src: (R,N) row-major
 * Subtracting the row's maximum keeps exp() in range; a row that holds NaN comes out all NaN. */
void vl_softmax(float *dst, const float *src, int32_t R, int32_t N, float temperature);

/* dst[n] = 1 / (1 + exp(-src[n] / temperature)): classes that do not exclude each other. */
void vl_sigmoid(float *dst, const float *src, int32_t N, float temperature);

#endif
