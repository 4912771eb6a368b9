/* rope_scalar.c: the plain version. */
#include "kernels/rope.h"

void vl_rope_head_scalar(float *x, const float *cos_sin, int32_t half)
{
    for (int32_t i = 0; i < half; i++) {
        float a = x[i], b = x[half + i], c = cos_sin[i], s = cos_sin[half + i];
        x[i] = a * c - b * s;
        x[half + i] = b * c + a * s;
    }
}
