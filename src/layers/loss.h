/* loss.h: softmax cross-entropy with label smoothing and weights, and its gradient. Any thread. */
#ifndef VL_LOSS_H
#define VL_LOSS_H

#include <stdint.h>

/* Sum over b of weight[b] * -log p. The target is 1 - smoothing for the label and smoothing spread
 * evenly over all classes. gradient: (B,K), of that sum by the logits, times scale; or NULL.
 * logits: (B,K), label, weight: (B). */
double vl_cross_entropy(float *gradient, const float *logits, const int32_t *label,
                        const float *weight, int32_t B, int32_t K, float smoothing, float scale);

#endif
