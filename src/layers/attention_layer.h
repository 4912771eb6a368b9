/* attention_layer.h: multi-head self-attention over ragged texts in training, there and back
 * (Vaswani et al. 2017): of each text and head, softmax(Q K^T / sqrt(D)) V. The shares of attention
 * are not kept but computed again on the way back, so memory grows with a text's length, not with
 * its square times the heads. Nothing is allocated; one thread; call vl_gemm_open before. */
#ifndef VL_ATTENTION_LAYER_H
#define VL_ATTENTION_LAYER_H

#include <stddef.h>
#include <stdint.h>

typedef struct vl_attention_shape {
    const int32_t *offsets; /* (B+1), from 0 */
    int32_t B, heads;
    int64_t D; /* of a head; C = heads * D */
} vl_attention_shape;

/* Floats of scratch. */
size_t vl_attention_layer_scratch(const vl_attention_shape *s);

/* out: (T,C); qkv: (T,3C), a row's query, key and value behind each other, each head by head. */
void vl_attention_forward(float *out, const float *qkv, const vl_attention_shape *s,
                          float *scratch);

/* dqkv: (T,3C), set. dout: (T,C). */
void vl_attention_back(float *dqkv, const float *dout, const float *qkv,
                       const vl_attention_shape *s, float *scratch);

#endif
