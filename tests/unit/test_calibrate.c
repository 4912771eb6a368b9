/* test_calibrate.c: a known temperature comes back; the two figures against small examples. */
#include "test.h"

#include <math.h>

#include "base/hash.h"
#include "base/mem.h"
#include "train/calibrate.h"

enum { N = 20000, K = 3 };

static double unit(uint64_t seed, uint64_t n)
{
    return (double)vl_random_at(seed, n) / 1.8446744073709552e19;
}

/* Labels drawn from softmax(logits / temperature). */
static void draw(float *logits, int32_t *label, double temperature)
{
    for (uint64_t i = 0; i < N; i++) {
        double p[K], sum = 0, at = unit(2, i);
        for (uint64_t k = 0; k < K; k++) {
            logits[i * K + k] = (float)((unit(1, i * K + k) - 0.5) * 8 * temperature);
            sum += p[k] = exp(logits[i * K + k] / temperature);
        }
        label[i] = 0;
        for (int32_t k = 0; k < K - 1 && at * sum > p[k]; k++) {
            at -= p[k] / sum;
            label[i] = k + 1;
        }
    }
}

static void test_known_temperature(void **state)
{
    (void)state;
    static float logits[N * K];
    static int32_t label[N];
    static const double known[] = {0.1, 0.5, 1, 3, 40};
    for (size_t i = 0; i < LENGTH(known); i++) {
        draw(logits, label, known[i]);
        float t = vl_calibrate_temperature(logits, label, NULL, N, K);
        assert_true(fabs(t / known[i] - 1) < 0.05);
    }
}

static double loss(const float *logits, const int32_t *label, const float *weight, double t)
{
    double all = 0;
    for (int i = 0; i < N; i++) {
        double sum = 0;
        for (int k = 0; k < K; k++) sum += exp(logits[i * K + k] / t);
        all -= (weight ? weight[i] : 1) * (logits[i * K + label[i]] / t - log(sum));
    }
    return all;
}

/* Weights count: it is the minimum of the weighted loss. Rows of weight 0 are as good as absent. */
static void test_weights(void **state)
{
    (void)state;
    static float logits[N * K], weight[N];
    static int32_t label[N];
    draw(logits, label, 2);
    for (int i = 0; i < N; i++) {
        weight[i] = (float)(i % 3);
        if (i % 3 == 0) label[i] = (label[i] + 1) % K; /* would say otherwise */
    }
    float t = vl_calibrate_temperature(logits, label, weight, N, K);
    assert_true(fabs(t / 2 - 1) < 0.05);
    assert_true(loss(logits, label, weight, t) <= loss(logits, label, weight, t * 1.01));
    assert_true(loss(logits, label, weight, t) <= loss(logits, label, weight, t / 1.01));
    assert_true(vl_calibrate_temperature(logits, label, NULL, N, K) > 2.2f);
}

static void test_bounds(void **state)
{
    (void)state;
    static const float right[] = {1, 0, 0, 1}, wrong[] = {0, 1, 1, 0}, flat[] = {0, 0, 0, 0};
    static const int32_t label[] = {0, 1};
    assert_true(vl_calibrate_temperature(right, label, NULL, 0, 2) == 1);
    float t =
        vl_calibrate_temperature(right, label, NULL, 2, 2); /* always right: as sure as allowed */
    assert_true(t >= 0.0499f && t < 0.051f);
    t = vl_calibrate_temperature(wrong, label, NULL, 2, 2);
    assert_true(t > 190 && t <= 200.1f);
    t = vl_calibrate_temperature(flat, label, NULL, 2, 2);
    assert_true(isfinite(t) && t > 0);
    static const float huge[] = {3e38f, -3e38f, -3e38f, 3e38f};
    t = vl_calibrate_temperature(huge, label, NULL, 2, 2);
    assert_true(isfinite(t) && t > 0);
}

static void test_figures(void **state)
{
    (void)state;
    /* said: 0 0 1 1 2 0; are: 0 1 1 1 0 0 */
    static const float logits[] = {3, 1, 2, 5, 4, 4, 0, 1, 0, 0, 2, 1, 1, 1, 2, 1, 0, 0};
    static const int32_t label[] = {0, 1, 1, 1, 0, 0};
    assert_true(fabs(vl_calibrate_accuracy(logits, label, 6, 3) - 4.0 / 6) < 1e-12);
    /* F1 of 0: 2*2/(3+3); of 1: 2*2/(2+3); class 2 does not occur */
    assert_true(fabs(vl_calibrate_macro_f1(logits, label, 6, 3) - (4.0 / 6 + 4.0 / 5) / 2) < 1e-12);
    assert_true(vl_calibrate_accuracy(logits, label, 0, 3) == 0);
    assert_true(vl_calibrate_macro_f1(logits, label, 0, 3) == 0);
    vl_mem_fail_from(1);
    assert_true(vl_calibrate_macro_f1(logits, label, 6, 3) == -1);
    vl_mem_fail_from(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_temperature),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
