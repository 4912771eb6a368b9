/* attention.c: chooses by instruction set. */
#include "kernels/attention.h"

#include <assert.h>

#include "base/cpu.h"

static vl_attention_fn *const attention_of[VL_ISA_COUNT] = {vl_attention_scalar, vl_attention_avx2,
                                                            vl_attention_avx512};

/* Floats: a tile of keys and values, the scores of a group, and for each row of a block its query,
 * its sums, 16 partial denominators, its largest score and the factor of its last change; 16 to
 * align. What bfloat16 takes is less. */
size_t vl_attention_scratch(int32_t T, int32_t heads, int32_t D)
{
    (void)heads;
    size_t padded = ((size_t)D + 15) / 16 * 16;
    size_t block = T < VL_ATTENTION_BLOCK ? (size_t)T : VL_ATTENTION_BLOCK;
    size_t tile = 2 * VL_ATTENTION_KEYS * padded + VL_ATTENTION_GROUP * VL_ATTENTION_KEYS;
    return (tile + block * (2 * padded + 16 + 2) + 16) * sizeof(float);
}

void vl_attention(float *dst, const float *q, const float *k, const float *v, int64_t stride,
                  int64_t dst_stride, int32_t T, int32_t from, int32_t to, int32_t heads, int32_t D,
                  float scale, int32_t window, void *scratch)
{
    assert(0 <= from && from <= to && to <= T && D >= 1 && D <= 256);
    attention_of[vl_isa_active()](dst, q, k, v, stride, dst_stride, T, from, to, heads, D, scale,
                                  window, scratch);
}

void vl_attention_bf16(float *dst, const float *q, const float *k, const float *v, int64_t stride,
                       int64_t dst_stride, int32_t T, int32_t from, int32_t to, int32_t heads,
                       int32_t D, float scale, int32_t window, void *scratch)
{
    assert(0 <= from && from <= to && to <= T && D >= 1 && D <= 256);
    vl_attention_fn *attend =
        vl_cpu_has_bf16() ? vl_attention_avx512bf16 : attention_of[vl_isa_active()];
    attend(dst, q, k, v, stride, dst_stride, T, from, to, heads, D, scale, window, scratch);
}
