/* language_head.h: what makes a language model of an LSTM layer: from each state a guess at the
 * token that the layer meets next, a linear layer into the space of the token vectors and a softmax
 * over tokens drawn from the same texts (sampled_softmax.h). Token vectors serve at both ends
 * (Press and Wolf 2017). Nothing is allocated; one thread. */
#ifndef VL_LANGUAGE_HEAD_H
#define VL_LANGUAGE_HEAD_H

#include "train/net.h"

typedef struct vl_language_head {
    int32_t E, H, samples;
    const float *table;               /* (V,E) */
    const float *weight[2], *bias[2]; /* (E,H), (E): of the way forward and of the way back */
} vl_language_head;

/* Of the loss times scale; added to weight and bias, set are states and tied. */
typedef struct vl_language_gradients {
    float *weight[2], *bias[2];
    float *states; /* (T,2H) */
    float *tied;   /* (T,E) by each token's vector as what is guessed */
    float scale;
} vl_language_gradients;

/* Floats of scratch for T tokens. */
size_t vl_language_head_scratch(const vl_language_head *head, int64_t T);

/* states: (T,2H); to: NULL: only the score. */
vl_net_score vl_language_head_run(const vl_language_head *head, const vl_net_texts *texts,
                                  const float *states, const vl_language_gradients *to,
                                  float *scratch);

#endif
