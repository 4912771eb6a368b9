/* loss.c: by log-sum-exp around the largest logit, in doubles: there are few classes. */
#include "layers/loss.h"

#include <math.h>
#include <stddef.h>

static double one(float *gradient, const float *z, int32_t label, double weight, int32_t K,
                  double smoothing, double scale)
{
    double most = (double)z[0], sum = 0, even = 0;
    for (int32_t k = 1; k < K; k++)
        if ((double)z[k] > most) most = (double)z[k];
    for (int32_t k = 0; k < K; k++) {
        sum += exp((double)z[k] - most);
        even += ((double)z[k] - most) / K;
    }
    double log_sum = log(sum);
    for (int32_t k = 0; gradient && k < K; k++) {
        double target = smoothing / K + (k == label ? 1 - smoothing : 0);
        gradient[k] = (float)(weight * scale * (exp((double)z[k] - most - log_sum) - target));
    }
    return weight * (log_sum - (1 - smoothing) * ((double)z[label] - most) - smoothing * even);
}

double vl_cross_entropy(float *gradient, const float *logits, const int32_t *label,
                        const float *weight, int32_t B, int32_t K, float smoothing, float scale)
{
    double loss = 0;
    for (int32_t b = 0; b < B; b++)
        loss += one(gradient ? gradient + (int64_t)b * K : NULL, logits + (int64_t)b * K, label[b],
                    (double)weight[b], K, (double)smoothing, (double)scale);
    return loss;
}
