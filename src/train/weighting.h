/* weighting.h: how much an n-gram counts before anything is learnt: presence, tf-idf, naive Bayes'
 * log ratio, or their product. */
#ifndef VL_WEIGHTING_H
#define VL_WEIGHTING_H

#include "models/linear.h"
#include "train/rows.h"
#include "train/vocabulary.h"

typedef enum vl_weighting {
    VL_WEIGH_PRESENCE, /* 1 */
    VL_WEIGH_TFIDF,    /* idf = log((1 + texts) / (1 + texts with it)) + 1, as scikit-learn smooths */
    VL_WEIGH_NB,       /* strength: |log(p / q)|, Wang and Manning, ACL 2012 */
    VL_WEIGH_TFIDF_NB  /* the product */
} vl_weighting;

const char *vl_weighting_name(vl_weighting w);
vl_status vl_weighting_parse(vl_weighting *out, const char *name, valence_error *error);

/* factor[s] for each slot from its class counts (slots, columns); class_texts (K). */
void vl_weighting_factors(float *factor, vl_weighting w, const float *counts, int64_t slots,
                          int32_t columns, const double *class_texts, int32_t K, float smoothing);

/* norm[i] of each row: none 1, count sqrt(features), l2 sqrt(sum (factor x)^2); 1 for empty rows. */
void vl_weighting_norms(float *norm, vl_linear_norm kind, const vl_rows *rows, const float *factor);

#endif
