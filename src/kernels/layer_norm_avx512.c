/* layer_norm_avx512.c: layer_norm_x16.h in AVX-512's registers. */
#include "kernels/x16_avx512.h"

#include "kernels/layer_norm_x16.h"

void vl_layer_norm_row_avx512(float *dst, const float *src, const float *residual,
                              const float *gamma, const float *beta, int64_t N, float eps)
{
    layer_norm_row(dst, src, residual, gamma, beta, N, eps);
}
