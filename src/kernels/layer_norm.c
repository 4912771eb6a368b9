/* layer_norm.c: chooses by instruction set. */
#include "kernels/layer_norm.h"

#include <stddef.h>

#include "base/cpu.h"
#include "kernels/quantize.h"

static vl_layer_norm_row_fn *const row_of[VL_ISA_COUNT] = {
    vl_layer_norm_row_scalar, vl_layer_norm_row_avx2, vl_layer_norm_row_avx512};

void vl_layer_norm(float *dst, const float *src, const float *residual, const float *gamma,
                   const float *beta, int64_t R, int64_t N, float eps)
{
    vl_layer_norm_row_fn *row = row_of[vl_isa_active()];
    for (int64_t at = 0; at < R * N; at += N)
        row(dst + at, src + at, residual ? residual + at : NULL, gamma, beta, N, eps);
}

void vl_layer_norm_quantize(uint8_t *q, float *scale, float *dst, const float *src,
                            const float *residual, const float *gamma, const float *beta, int64_t R,
                            int64_t N, float eps)
{
    vl_layer_norm_row_fn *row = row_of[vl_isa_active()];
    for (int64_t r = 0, at = 0; r < R; r++, at += N) {
        row(dst + at, src + at, residual ? residual + at : NULL, gamma, beta, N, eps);
        vl_quantize_rows(q + at, scale + r, dst + at, 1, N); /* the row is in the nearest cache */
    }
}
