/* rope_avx512.c: rope_x16.h in AVX-512's registers. */
#include "kernels/x16_avx512.h"

#include "kernels/rope_x16.h"

void vl_rope_head_avx512(float *x, const float *cos_sin, int32_t half)
{
    rope_head(x, cos_sin, half);
}
