/* naive_bayes.c: counts to weights. */
#include "train/naive_bayes.h"

#include <math.h>
#include <string.h>

/* totals (K): the sum of each class' counts over all slots. NULL: out of memory. */
static double *count_totals(const vl_vocabulary *v, int32_t K)
{
    double *totals = vl_alloc_zero(VL_MEM_TRAINING, (size_t)K * sizeof *totals);
    for (int64_t s = 0; totals && s < v->slots; s++)
        for (int32_t k = 0; k < K; k++) totals[k] += v->counts[s * K + k];
    return totals;
}

static double log_prior(const double *class_texts, int32_t K, int32_t k)
{
    double all = 0;
    for (int32_t i = 0; i < K; i++) all += class_texts[i];
    return log((class_texts[k] + 1) / (all + K));
}

static void slot_weights(float *w, const float *counts, const double *log_totals, int32_t K,
                         double alpha)
{
    if (K == 2) {
        w[0] = (float)(log((counts[1] + alpha) / (counts[0] + alpha)) - log_totals[1] +
                       log_totals[0]);
        return;
    }
    double mean = 0;
    for (int32_t k = 0; k < K; k++) mean += log(counts[k] + alpha) - log_totals[k];
    for (int32_t k = 0; k < K; k++)
        w[k] = (float)(log(counts[k] + alpha) - log_totals[k] - mean / K);
}

vl_status vl_naive_bayes_weights(float *weight, float *bias, const vl_vocabulary *v,
                                 const double *class_texts, int32_t K, double alpha)
{
    int32_t C = K == 2 ? 1 : K;
    double *totals = count_totals(v, K);
    if (!totals) return VALENCE_NO_MEMORY;
    for (int32_t k = 0; k < K; k++) {
        totals[k] = log(totals[k] + alpha * (double)v->used);
        bias[k] = (float)log_prior(class_texts, K, k);
    }
    memset(weight, 0, (size_t)(v->slots * C) * sizeof *weight);
    for (int64_t s = 0; s < v->slots; s++)
        if (v->numbers[s]) slot_weights(weight + s * C, v->counts + s * K, totals, K, alpha);
    vl_free(totals);
    return VALENCE_OK;
}
