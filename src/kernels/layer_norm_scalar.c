/* layer_norm_scalar.c: the plain version; sums are doubles. */
#include <math.h>

#include "kernels/layer_norm.h"

void vl_layer_norm_row_scalar(float *dst, const float *src, const float *residual,
                              const float *gamma, const float *beta, int64_t N, float eps)
{
    double sum = 0, squares = 0;
    for (int64_t n = 0; n < N; n++) {
        dst[n] = residual ? src[n] + residual[n] : src[n];
        sum += dst[n];
    }
    double mean = sum / (double)N;
    for (int64_t n = 0; n < N; n++) squares += (dst[n] - mean) * (dst[n] - mean);
    float factor = 1.0f / sqrtf((float)(squares / (double)N) + eps);
    for (int64_t n = 0; n < N; n++) {
        float x = (float)(dst[n] - mean) * factor * gamma[n];
        dst[n] = beta ? x + beta[n] : x;
    }
}
