/* test_naive_bayes.c: weights and priors against the formula of naive_bayes.h, written out; K = 2
 * and centring change no probability. */
#include "test.h"

#include <math.h>

#include "base/hash.h"
#include "train/naive_bayes.h"

enum { SLOTS = 40, K_MOST = 5 };

typedef struct made {
    vl_vocabulary v;
    uint64_t numbers[SLOTS];
    float counts[SLOTS * K_MOST];
    double class_texts[K_MOST];
} made;

/* Every fifth slot is empty. */
static void make(made *m, int K)
{
    memset(m, 0, sizeof *m);
    m->v = (vl_vocabulary){.buckets = SLOTS / 8,
                           .slots = SLOTS,
                           .numbers = m->numbers,
                           .columns = K,
                           .counts = m->counts};
    for (int s = 0; s < SLOTS; s++) {
        if (s % 5 == 4) continue;
        m->numbers[s] = (uint64_t)(s + 1) << 17;
        m->v.used++;
        for (int k = 0; k < K; k++)
            m->counts[s * K + k] = (float)(vl_random_at((uint64_t)s, (uint64_t)k) % 30) / 2;
    }
    for (int k = 0; k < K; k++) m->class_texts[k] = 20 + 15 * k;
}

/* log P(n-gram of slot s | class k) */
static double plain(const made *m, int K, int s, int k, double alpha)
{
    double total = 0;
    for (int i = 0; i < SLOTS; i++) total += m->counts[i * K + k];
    return log((m->counts[s * K + k] + alpha) / (total + alpha * (double)m->v.used));
}

static void test_weights(void **state)
{
    (void)state;
    static const double alphas[] = {1, 0.1, 7};
    for (int K = 2; K <= K_MOST; K++)
        for (size_t a = 0; a < LENGTH(alphas); a++) {
            made m;
            float weight[SLOTS * K_MOST], bias[K_MOST];
            make(&m, K);
            assert_int_equal(
                vl_naive_bayes_weights(weight, bias, &m.v, m.class_texts, K, alphas[a]),
                VALENCE_OK);
            int C = K == 2 ? 1 : K;
            for (int s = 0; s < SLOTS; s++) {
                double sum = 0;
                for (int c = 0; c < C; c++) sum += weight[s * C + c];
                if (!m.numbers[s]) {
                    for (int c = 0; c < C; c++) assert_true(weight[s * C + c] == 0);
                    continue;
                }
                if (K > 2) assert_true(fabs(sum) < 1e-5);
                for (int k = 1; k < K; k++) { /* differences between classes are what counts */
                    double expected = plain(&m, K, s, k, alphas[a]) - plain(&m, K, s, 0, alphas[a]);
                    double got = K == 2 ? weight[s] : weight[s * C + k] - weight[s * C];
                    assert_true(fabs(got - expected) < 1e-5);
                }
            }
        }
}

static void test_priors(void **state)
{
    (void)state;
    for (int K = 2; K <= K_MOST; K++) {
        made m;
        float weight[SLOTS * K_MOST], bias[K_MOST];
        double all = 0, sum = 0;
        make(&m, K);
        vl_naive_bayes_weights(weight, bias, &m.v, m.class_texts, K, 1);
        for (int k = 0; k < K; k++) all += m.class_texts[k];
        for (int k = 0; k < K; k++) {
            assert_true(fabs(bias[k] - log((m.class_texts[k] + 1) / (all + K))) < 1e-6);
            sum += exp(bias[k]);
        }
        assert_true(fabs(sum - 1) < 1e-6);
    }
}

/* A class without texts or counts has small but finite probabilities. */
static void test_empty_class(void **state)
{
    (void)state;
    made m;
    float weight[SLOTS * K_MOST], bias[K_MOST];
    make(&m, 3);
    for (int s = 0; s < SLOTS; s++) m.counts[s * 3 + 1] = 0;
    m.class_texts[1] = 0;
    vl_naive_bayes_weights(weight, bias, &m.v, m.class_texts, 3, 1);
    for (int i = 0; i < SLOTS * 3; i++) assert_true(isfinite(weight[i]));
    assert_true(isfinite(bias[1]) && bias[1] < bias[0] && bias[1] < bias[2]);
}

static void test_no_memory(void **state)
{
    (void)state;
    made m;
    float weight[SLOTS], bias[2];
    make(&m, 2);
    vl_mem_fail_from(1);
    assert_int_equal(vl_naive_bayes_weights(weight, bias, &m.v, m.class_texts, 2, 1),
                     VALENCE_NO_MEMORY);
    vl_mem_fail_from(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_priors),
        cmocka_unit_test(test_empty_class),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
