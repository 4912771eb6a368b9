/* threshold.c: held-out texts by confidence, and a binomial bound along them.
 *
 * The share that is right of, say, 60 texts is luck by several points, and the smallest threshold
 * at which it looks good is where luck was best. So a threshold must pass a bound: were the true
 * precision p, the chance of as many right answers would be at most 5 %. The bound is exact
 * (Clopper and Pearson 1934), for Wilson's, though simpler, promises too much near 1, which is
 * where it is used.
 *
 * Many thresholds are looked at, so 5 % is not the chance of a wrong promise over all. In simulations
 * (500 to 5000 texts, precision growing with confidence) the promise was broken in 3 to 6 % of runs; in
 * up to 18 % where the precision asked lies beyond what the model ever reaches, and luck alone finds a
 * threshold. The bound takes texts as drawn one by one: equal texts, which are held out together, are
 * less evidence than their number. Nor does it know that the model which is stored was trained on the
 * held-out texts, too, and rounded; of 60 models trained on made texts 2 broke the promise. */
#include "train/threshold.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/mem.h"
#include "engine/ranking.h"
#include "kernels/softmax.h"

static const double doubt = 0.05;

static double log_choose(double n, double k)
{
    int sign;
    return lgamma_r(n + 1, &sign) - lgamma_r(k + 1, &sign) - lgamma_r(n - k + 1, &sign);
}

/* True if at least `right` of n would be right with a chance of at most `doubt`, were each right
 * with chance p: the terms of the binomial tail fall from the first on. */
static bool refutes(double p, int64_t right, int64_t n)
{
    double k = (double)right, N = (double)n;
    if (k <= N * p) return false;
    double term = exp(log_choose(N, k) + k * log(p) + (N - k) * log1p(-p)), sum = term;
    for (; k < N && sum <= doubt && term > sum * 1e-12; k++) {
        term *= (N - k) / (k + 1) * (p / (1 - p));
        sum += term;
    }
    return sum <= doubt;
}

double vl_threshold_bound(int64_t right, int64_t n)
{
    double lo = 0, hi = n ? (double)right / (double)n : 0;
    for (int step = 0; step < 40 && right > 0; step++) {
        double p = (lo + hi) / 2;
        if (refutes(p, right, n)) lo = p;
        else hi = p;
    }
    return lo;
}

static vl_status rank_confidences(uint32_t *keys, const float *logits, const int32_t *label,
                                  int64_t n, int32_t K, float temperature)
{
    float *p = vl_alloc_array(VL_MEM_TRAINING, (size_t)K, sizeof *p);
    if (!p) return VALENCE_NO_MEMORY;
    for (int64_t i = 0; i < n; i++) {
        int32_t best = 0;
        vl_softmax(p, logits + i * K, 1, K, temperature);
        for (int32_t k = 1; k < K; k++)
            if (p[k] > p[best]) best = k;
        keys[i] = vl_rank_key(p[best], best == label[i]);
    }
    vl_free(p);
    return vl_rank_sort(keys, n);
}

/* The threshold with the highest bound, for the message. */
static vl_status tell_best(double asked, const uint32_t *keys, int64_t n, valence_error *error)
{
    vl_rank_cut cut = {0}, best = {0};
    double bound = 0;
    while (vl_rank_next(&cut, keys, n))
        if (bound == 0 || refutes(bound, cut.yes, cut.kept)) {
            bound = vl_threshold_bound(cut.yes, cut.kept);
            best = cut;
        }
    char advice[80] = "the model is too weak for a promise";
    double lower = floor(bound * 100) / 100;
    if (lower > 0.5)
        snprintf(advice, sizeof advice, "ask for %.2f or less, or give more texts to measure on",
                 lower);
    return vl_fail(error, VALENCE_NOT_FOUND,
                   "no confidence makes sure that %g %% of the answers are right: the best is %lld "
                   "of %lld held-out texts (%.1f %% of all), which makes sure of %.1f %%; %s",
                   100 * asked, (long long)best.yes, (long long)best.kept,
                   100 * (double)best.kept / (double)n, 100 * bound, advice);
}

static vl_status choose(vl_threshold *t, double asked, const uint32_t *keys, int64_t n,
                        valence_error *error)
{
    vl_rank_cut cut = {0}, last = {0};
    while (vl_rank_next(&cut, keys, n))
        if (refutes(asked, cut.yes, cut.kept)) last = cut;
    if (!last.kept) return tell_best(asked, keys, n, error);
    *t = (vl_threshold){.asked = asked,
                        .confidence = last.kept < n ? last.score : 0,
                        .precision = (double)last.yes / (double)last.kept,
                        .coverage = (double)last.kept / (double)n};
    return VALENCE_OK;
}

vl_status vl_threshold_choose(vl_threshold *t, double asked, const float *logits,
                              const int32_t *label, int64_t n, int32_t K, float temperature,
                              valence_error *error)
{
    uint32_t *keys = vl_alloc_array(VL_MEM_TRAINING, (size_t)n, sizeof *keys);
    vl_status status =
        keys ? rank_confidences(keys, logits, label, n, K, temperature) : VALENCE_NO_MEMORY;
    if (status != VALENCE_OK) vl_fail_memory(error, (size_t)n * sizeof *keys, "a threshold");
    else status = choose(t, asked, keys, n, error);
    vl_free(keys);
    return status;
}
