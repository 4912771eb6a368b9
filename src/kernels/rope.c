/* rope.c: the table, and the choice by instruction set. */
#include "kernels/rope.h"

#include <assert.h>
#include <math.h>

#include "base/cpu.h"

static vl_rope_head_fn *const rope_head_of[VL_ISA_COUNT] = {vl_rope_head_scalar, vl_rope_head_avx2,
                                                            vl_rope_head_avx512};

void vl_rope_table(float *cos_sin, int32_t T, int32_t D, double theta)
{
    assert(D % 2 == 0);
    int32_t half = D / 2;
    for (int32_t i = 0; i < half; i++) {
        float exponent = (float)(2 * i) / (float)D;
        float frequency = 1.0f / (float)pow(theta, exponent);
        for (int64_t t = 0; t < T; t++) {
            double angle = (float)t * frequency;
            cos_sin[t * D + i] = (float)cos(angle);
            cos_sin[t * D + half + i] = (float)sin(angle);
        }
    }
}

void vl_rope(float *x, int64_t stride, int32_t T, int32_t heads, int32_t D, const float *cos_sin)
{
    assert(D % 2 == 0);
    vl_rope_head_fn *turn = rope_head_of[vl_isa_active()];
    for (int64_t t = 0; t < T; t++)
        for (int64_t h = 0; h < heads; h++) turn(x + t * stride + h * D, cos_sin + t * D, D / 2);
}
