/* linear.h: naive Bayes and logistic regression at prediction time: one linear scorer over feature
 * ids. They differ in training only.
 *
 * With C columns of weights, a text with ids i and weights x (1 where the batch has none):
 *     s[c] = sum_i x_i * weight[i][c] / norm        norm: none 1; count sqrt(number of ids);
 *     K = 2 has C = 1: logits = (bias[0] - s/2, bias[1] + s/2)     l2 sqrt(sum_i x_i^2 square[i])
 *     K > 2 has C = K: logits[k] = bias[k] + s[k]
 *
 * Tensors: linear.weight (slots,C) F32|F16|I8; linear.scale (C) F32, with I8: real = int * scale;
 * linear.bias (K) F32; linear.square (slots) F32, with norm l2. Metadata: linear.norm. */
#ifndef VL_LINEAR_H
#define VL_LINEAR_H

#include "models/model.h"

typedef enum vl_linear_norm { VL_NORM_NONE, VL_NORM_COUNT, VL_NORM_L2 } vl_linear_norm;

typedef struct vl_linear {
    vl_model head;
    int32_t C;
    vl_linear_norm norm;
    vl_dtype dtype;
    const void *weight;  /* (slots,C) */
    const float *scale;  /* (C) or NULL */
    const float *bias;   /* (K) */
    const float *square; /* (slots) or NULL */
} vl_linear;

extern const vl_model_class vl_naive_bayes_class, vl_logistic_class;

const char *vl_linear_norm_name(vl_linear_norm norm);
vl_status vl_linear_norm_parse(vl_linear_norm *out, const char *name, valence_error *error);

/* What one id with weight x adds to class k's logit, given the text's norm: for explanations. */
float vl_linear_contribution(const vl_linear *m, int32_t id, float x, float norm, int32_t k);

/* The text's norm, as above; 1 for a text without ids. */
float vl_linear_norm_of(const vl_linear *m, const int32_t *ids, const float *x, int32_t count);

#endif
