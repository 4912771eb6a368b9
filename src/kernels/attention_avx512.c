/* attention_avx512.c: attention_x16.h in AVX-512's registers: blocks of 6 rows by 4 registers. */
#include "kernels/x16_avx512.h"

enum { WIDE = 4 };

#include "kernels/attention_floats.h"
#include "kernels/attention_x16.h"

void vl_attention_avx512(float *dst, const float *q, const float *k, const float *v, int64_t stride,
                         int64_t dst_stride, int32_t T, int32_t from, int32_t to, int32_t heads,
                         int32_t D, float scale, int32_t window, void *scratch)
{
    attend(dst, q, k, v, stride, dst_stride, T, from, to, heads, D, scale, window, scratch);
}
