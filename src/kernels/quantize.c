/* quantize.c: chooses by instruction set. */
#include "kernels/quantize.h"

#include "base/cpu.h"

static vl_quantize_row_fn *const quantize_row_of[VL_ISA_COUNT] = {
    vl_quantize_row_scalar, vl_quantize_row_avx2, vl_quantize_row_avx512};

void vl_quantize_rows(uint8_t *q, float *scale, const float *src, int64_t R, int64_t N)
{
    vl_quantize_row_fn *row = quantize_row_of[vl_isa_active()];
    int32_t sum;
    for (int64_t r = 0; r < R; r++) scale[r] = row(q + r * N, &sum, src + r * N, N, 63, 64);
}

void vl_quantize_weight_rows(int8_t *q, float *scale, int32_t *sum, const float *src, int64_t R,
                             int64_t N)
{
    vl_quantize_row_fn *row = quantize_row_of[vl_isa_active()];
    for (int64_t r = 0; r < R; r++) scale[r] = row(q + r * N, sum + r, src + r * N, N, 127, 0);
}
