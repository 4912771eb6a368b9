/* convert_avx512.c: convert_x16.h in AVX-512's registers. */
#include "kernels/x16_avx512.h"

#include "kernels/convert_x16.h"

void vl_convert_row_avx512(float *dst, const void *src, vl_dtype type, float scale, bool add,
                           int64_t n)
{
    convert_any_row(dst, src, type, scale, add, n);
}

void vl_f32_to_bf16_avx512(uint16_t *dst, const float *src, int64_t n)
{
    f32_to_bf16(dst, src, n);
}
