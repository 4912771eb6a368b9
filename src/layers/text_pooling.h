/* text_pooling.h: one vector for each text of a ragged batch, with the way back. Nothing is
 * allocated; one thread. B texts, T tokens, C channels. A text without tokens gives zeros. */
#ifndef VL_TEXT_POOLING_H
#define VL_TEXT_POOLING_H

#include <stdint.h>

/* A batch's tokens: text b has rows [offsets[b], offsets[b+1]), offsets[0] is 0. */
typedef struct vl_pooling_shape {
    const int32_t *offsets; /* (B+1) */
    int32_t B;
    int64_t C;
    int64_t stride; /* floats between the vectors of two texts: the parts of p share its rows */
} vl_pooling_shape;

/* out[b][c] = max over t of x[t][c]. where: (B,C) the token that had it, the first of several.
 * The way back adds to dx: (T,C). */
void vl_pool_max(float *out, int32_t *where, const float *x, const vl_pooling_shape *s);
void vl_pool_max_back(float *dx, const float *dout, const int32_t *where,
                      const vl_pooling_shape *s);

/* out[b][c] = mean over t of x[t][c] */
void vl_pool_mean(float *out, const float *x, const vl_pooling_shape *s);
void vl_pool_mean_back(float *dx, const float *dout, const vl_pooling_shape *s);

/* out[b] = sum over t of share[t] x[t], with share = softmax over the text of a . x[t].
 * share: (T), kept for the way back; a: (C). Adds to da: (C), too; dshare: (T) is scratch. */
void vl_pool_attention(float *out, float *share, const float *x, const float *a,
                       const vl_pooling_shape *s);
typedef struct vl_pool_attention_gradients {
    float *dx, *da, *dshare;
} vl_pool_attention_gradients;
void vl_pool_attention_back(const vl_pool_attention_gradients *to, const float *dout,
                            const float *share, const float *x, const float *a,
                            const vl_pooling_shape *s);

#endif
