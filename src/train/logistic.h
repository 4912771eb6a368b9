/* logistic.h: L2-regularised logistic regression on sparse rows, two or more classes.
 *
 * Minimises  1/2 |w|^2 + cost * sum_i weight_i * loss(z_i, label_i)  with
 *     z_i = offset_i + bias + sum_s w[s] * factor[s] * x_is / norm_i
 * loss is the logistic loss for K = 2 (one column) and softmax cross-entropy for K > 2 (K columns);
 * the bias is not regularised. factor and norm are the feature weighting (weighting.h). */
#ifndef VL_LOGISTIC_H
#define VL_LOGISTIC_H

#include "train/lbfgs.h"
#include "train/rows.h"

typedef struct vl_logistic_problem {
    const vl_rows *rows;  /* transposed */
    const float *factor;  /* (slots) */
    const float *norm;    /* (n) */
    const uint8_t *skip;  /* (n) rows to leave out (non-zero), or NULL */
    const float *offset;  /* (n*C) what a model that is continued says already, or NULL: 0 */
    int32_t K;
    double cost;
    int max_iterations;
    double tolerance;
} vl_logistic_problem;

static inline int32_t vl_logistic_columns(int32_t K) { return K == 2 ? 1 : K; }

/* w: (slots*C + C) weights then biases; start and result. progress may be NULL. */
vl_status vl_logistic_fit(float *w, const vl_logistic_problem *p, vl_workers *workers,
                          void (*progress)(void *user, int iteration, double value), void *user,
                          vl_lbfgs_result *result, valence_error *error);

#endif
