/* attention.h: multi-head self-attention of one text, softmax fused, in constant memory. Any
 * thread, any alignment, nothing is allocated. */
#ifndef VL_ATTENTION_H
#define VL_ATTENTION_H

#include <stddef.h>
#include <stdint.h>

/* For each head h and row i, from <= i < to:
 *   s[j] = scale * sum_d q[i][h][d] * k[j][h][d]   over the keys j it sees
 *   dst[i][h][d] = sum_j exp(s[j] - max s) * v[j][h][d] / sum_j exp(s[j] - max s)
 * q, k, v: (T,heads,D) rows `stride` floats apart (they may be parts of one (T,3*heads*D) array);
 * dst: (T,heads,D) rows dst_stride apart, only rows from..to-1 are written, not overlapping the
 * others. window w > 0: row i sees the keys with |i - j| <= w; 0: all. 1 <= D <= 256, scale > 0.
 * scratch: vl_attention_scratch(T, heads, D) bytes, any alignment.
 *
 * A row's result does not depend on from and to: keys are taken in tiles at fixed places. |error|
 * <= (4e-6 + 2e-7 m) max|v| against doubles, m = max_j scale sum_d |q k|, which is what the
 * rounding of scores goes by; a NaN or infinity among the scores a row sees makes the row NaN
 * (-infinity only drops the key). AVX2 and AVX-512 agree to the bit. */
void vl_attention(float *dst, const float *q, const float *k, const float *v, int64_t stride,
                  int64_t dst_stride, int32_t T, int32_t from, int32_t to, int32_t heads, int32_t D,
                  float scale, int32_t window, void *scratch);

/* The same with q, k, v and the weights rounded to bfloat16 on CPUs that multiply pairs of them
 * (vl_cpu_has_bf16), about 1.7 times as fast; elsewhere vl_attention. For models whose products
 * have 8 bits anyway: |error| <= 2^-7 (1 + m) max|v|, in practice some 30 times less. */
void vl_attention_bf16(float *dst, const float *q, const float *k, const float *v, int64_t stride,
                       int64_t dst_stride, int32_t T, int32_t from, int32_t to, int32_t heads,
                       int32_t D, float scale, int32_t window, void *scratch);

/* Bounded: does not grow with T past 240, nor with heads. */
size_t vl_attention_scratch(int32_t T, int32_t heads, int32_t D);

typedef void vl_attention_fn(float *dst, const float *q, const float *k, const float *v,
                             int64_t stride, int64_t dst_stride, int32_t T, int32_t from,
                             int32_t to, int32_t heads, int32_t D, float scale, int32_t window,
                             void *scratch);
vl_attention_fn vl_attention_scalar, vl_attention_avx2, vl_attention_avx512,
    vl_attention_avx512bf16;

/* How the fast ones cut their work (attention_x16.h). */
enum { VL_ATTENTION_KEYS = 64, VL_ATTENTION_GROUP = 24, VL_ATTENTION_BLOCK = 240 };

#endif
