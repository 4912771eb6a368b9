/* layer_norm_avx2.c: layer_norm_x16.h in AVX2's registers. */
#include "kernels/x16_avx2.h"

#include "kernels/layer_norm_x16.h"

void vl_layer_norm_row_avx2(float *dst, const float *src, const float *residual, const float *gamma,
                            const float *beta, int64_t N, float eps)
{
    layer_norm_row(dst, src, residual, gamma, beta, N, eps);
}
