/* naive_bayes.h: multinomial naive Bayes from counts (McCallum and Nigam 1998).
 *     w[s][k] = log((count[s][k] + alpha) / (sum_s count[s][k] + alpha * features))
 *     bias[k] = log(prior of class k)
 * For K = 2 the one column is w[s][1] - w[s][0]; for K > 2 columns are centred over the classes:
 * neither changes a probability. */
#ifndef VL_NAIVE_BAYES_H
#define VL_NAIVE_BAYES_H

#include "train/rows.h"
#include "train/vocabulary.h"

/* weight: (slots, C), bias: (K). v->counts: (slots, K). class_texts: (K) summed text weights. */
vl_status vl_naive_bayes_weights(float *weight, float *bias, const vl_vocabulary *v,
                                 const double *class_texts, int32_t K, double alpha);

#endif
