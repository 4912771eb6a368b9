/* calibrate.c: temperature scaling, and the two figures training shows while it runs. */
#include "train/calibrate.h"

#include <math.h>

#include "base/mem.h"

static double log_loss(const float *logits, const int32_t *label, const float *weight, int64_t n,
                       int32_t K, double temperature)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const float *z = logits + i * K;
        double max = z[0], total = 0;
        for (int32_t k = 1; k < K; k++) max = z[k] > max ? z[k] : max;
        for (int32_t k = 0; k < K; k++) total += exp((z[k] - max) / temperature);
        sum += (weight ? weight[i] : 1) * (log(total) - (z[label[i]] - max) / temperature);
    }
    return sum;
}

float vl_calibrate_temperature(const float *logits, const int32_t *label, const float *weight,
                               int64_t n, int32_t K)
{
    if (n == 0) return 1;
    const double golden = 0.6180339887498949;
    double lo = log(0.05), hi = log(200.0);
    double a = hi - golden * (hi - lo), b = lo + golden * (hi - lo);
    double loss_a = log_loss(logits, label, weight, n, K, exp(a));
    double loss_b = log_loss(logits, label, weight, n, K, exp(b));
    for (int step = 0; step < 40 && hi - lo > 1e-4; step++) {
        if (loss_a < loss_b) {
            hi = b, b = a, loss_b = loss_a;
            a = hi - golden * (hi - lo);
            loss_a = log_loss(logits, label, weight, n, K, exp(a));
        } else {
            lo = a, a = b, loss_a = loss_b;
            b = lo + golden * (hi - lo);
            loss_b = log_loss(logits, label, weight, n, K, exp(b));
        }
    }
    return (float)exp((lo + hi) / 2);
}

static int32_t best_class(const float *z, int32_t K)
{
    int32_t best = 0;
    for (int32_t k = 1; k < K; k++)
        if (z[k] > z[best]) best = k;
    return best;
}

double vl_calibrate_accuracy(const float *logits, const int32_t *label, int64_t n, int32_t K)
{
    int64_t right = 0;
    for (int64_t i = 0; i < n; i++) right += best_class(logits + i * K, K) == label[i];
    return n ? (double)right / (double)n : 0;
}

double vl_calibrate_macro_f1(const float *logits, const int32_t *label, int64_t n, int32_t K)
{
    int64_t *table = vl_alloc_zero(VL_MEM_TRAINING, (size_t)K * 3 * sizeof *table);
    if (!table) return -1; /* out of memory */
    int64_t *hit = table, *said = table + K, *is = table + 2 * K;
    for (int64_t i = 0; i < n; i++) {
        int32_t k = best_class(logits + i * K, K);
        hit[k] += k == label[i];
        said[k]++;
        is[label[i]]++;
    }
    double sum = 0;
    int32_t classes = 0;
    for (int32_t k = 0; k < K; k++) {
        if (!is[k]) continue;
        sum += 2.0 * (double)hit[k] / (double)(said[k] + is[k]);
        classes++;
    }
    vl_free(table);
    return classes ? sum / classes : 0;
}
