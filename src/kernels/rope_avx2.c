/* rope_avx2.c: rope_x16.h in AVX2's registers. */
#include "kernels/x16_avx2.h"

#include "kernels/rope_x16.h"

void vl_rope_head_avx2(float *x, const float *cos_sin, int32_t half)
{
    rope_head(x, cos_sin, half);
}
