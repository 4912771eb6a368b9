/* convert.c: chooses by instruction set. */
#include "kernels/convert.h"

#include "base/cpu.h"

static vl_convert_row_fn *const row_of[VL_ISA_COUNT] = {vl_convert_row_scalar, vl_convert_row_avx2,
                                                        vl_convert_row_avx512};
static vl_f32_to_bf16_fn *const to_bf16_of[VL_ISA_COUNT] = {
    vl_f32_to_bf16_scalar, vl_f32_to_bf16_avx2, vl_f32_to_bf16_avx512};

vl_convert_row_fn *vl_convert_row(void)
{
    return row_of[vl_isa_active()];
}

void vl_bf16_to_f32(float *dst, const uint16_t *src, int64_t n)
{
    vl_convert_row()(dst, src, VL_BF16, 1, false, n);
}

void vl_f16_to_f32(float *dst, const uint16_t *src, int64_t n)
{
    vl_convert_row()(dst, src, VL_F16, 1, false, n);
}

void vl_i8_to_f32(float *dst, const int8_t *src, float scale, int64_t n)
{
    vl_convert_row()(dst, src, VL_I8, scale, false, n);
}

void vl_f32_to_bf16(uint16_t *dst, const float *src, int64_t n)
{
    to_bf16_of[vl_isa_active()](dst, src, n);
}
