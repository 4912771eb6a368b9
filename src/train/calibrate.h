/* calibrate.h: the temperature that makes probabilities true on held-out texts (Guo et al. 2017). */
#ifndef VL_CALIBRATE_H
#define VL_CALIBRATE_H

#include <stdint.h>

/* The T > 0 that minimises the mean log loss of softmax(logits / T), logits (n,K), by golden-section
 * search over log T in [1/20, 200]. weight (n) or NULL. 1 if n is 0. */
float vl_calibrate_temperature(const float *logits, const int32_t *label, const float *weight,
                               int64_t n, int32_t K);

/* Share of rows whose largest logit is the label's; weight as above. */
double vl_calibrate_accuracy(const float *logits, const int32_t *label, int64_t n, int32_t K);

/* Mean over the classes that occur of F1; -1: out of memory. */
double vl_calibrate_macro_f1(const float *logits, const int32_t *label, int64_t n, int32_t K);

#endif
