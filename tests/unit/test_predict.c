/* test_predict.c: predictions through valence.h: probabilities, empty texts, the options that
 * abstain, contexts, threads, instruction sets, and that nothing is allocated. */
#include "made_model.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/cpu.h"
#include "base/mem.h"

static const made_model two = {.K = 2, .logistic = true, .dtype = VL_I8};
static const made_model three = {.K = 3, .dtype = VL_I8, .passes = VL_CLEAN_DEFAULT};

static void predict(valence_context *c, const char *text, valence_prediction *p)
{
    assert_int_equal(valence_context_predict(c, text, strlen(text), p, NULL), VALENCE_OK);
}

static void test_prediction(void **state)
{
    (void)state;
    const made_model kinds[] = {
        two, three, {.K = 40, .logistic = true, .dtype = VL_F32, .capacity = 20000}};
    for (size_t i = 0; i < LENGTH(kinds); i++) {
        valence_model *m = made_model_open(kinds[i], NULL);
        valence_context *c = made_context_open(m);
        valence_model_info info;
        int right = 0;
        valence_model_describe(m, &info);
        for (int said = 0; said < kinds[i].K; said++) {
            char text[400];
            valence_prediction p, q;
            *made_text(text, said, 999 + (uint64_t)said) = '\0';
            predict(c, text, &p);
            double sum = 0, scaled = 0;
            for (int k = 0; k < kinds[i].K; k++) {
                sum += p.probabilities[k];
                scaled += exp((p.logits[k] - p.logits[0]) / info.temperature);
                assert_true(p.probabilities[k] <= p.probabilities[p.label_index]);
            }
            assert_true(fabs(sum - 1) < 1e-5);
            for (int k = 0; k < kinds[i].K; k++)
                assert_true(fabs(p.probabilities[k] -
                                 exp((p.logits[k] - p.logits[0]) / info.temperature) / scaled) <
                            1e-4);
            assert_true(p.score == p.probabilities[p.label_index]);
            assert_string_equal(p.label, info.labels[p.label_index]);
            assert_int_equal(p.empty, 0);
            right += p.label_index == said;
            assert_int_equal(valence_predict(m, text, strlen(text), &q, NULL), VALENCE_OK);
            assert_true(q.score == p.score && q.label == p.label && q.label_index == p.label_index);
            assert_null(q.probabilities);
            assert_null(q.logits);
        }
        assert_true(right >= kinds[i].K * 3 / 4);
        valence_context_close(c);
        valence_model_close(m);
    }
    valence_context_close(NULL);
}

static void test_empty(void **state)
{
    (void)state;
    static const char *const empty[] = {"", "  \n\t ", "\xFF\xFE", "\xC2\xA0"};
    static const char *const some[] = {"x", "quite unknown", "k1w1"};
    valence_model *m = made_model_open(two, NULL);
    valence_context *c = made_context_open(m);
    valence_prediction p, first;
    predict(c, "", &first);
    float prior[2];
    memcpy(prior, first.probabilities, sizeof prior);
    assert_true(prior[0] > 0.1 && prior[1] > 0.1);
    for (size_t i = 0; i < LENGTH(empty); i++) {
        predict(c, empty[i], &p);
        assert_int_equal(p.empty, 1);
        assert_memory_equal(p.probabilities, prior, sizeof prior); /* the prior */
        assert_non_null(p.label);
    }
    assert_int_equal(valence_context_predict(c, NULL, 0, &p, NULL), VALENCE_OK);
    assert_int_equal(p.empty, 1);
    for (size_t i = 0; i < LENGTH(some); i++) {
        predict(c, some[i], &p);
        assert_int_equal(p.empty, 0);
    }
    assert_int_equal(valence_context_predict(c, "\0\0x\0", 4, &p, NULL),
                     VALENCE_OK); /* NUL is a blank */
    assert_int_equal(p.empty, 0);
    valence_context_close(c);
    valence_model_close(m);
}

/* Labels under the options follow from the probabilities as the options say. */
static void check_options(made_model kind, double band, double least)
{
    valence_model_options o = {.neutral_band = band, .min_confidence = least};
    valence_model *m = made_model_open(kind, &o);
    valence_context *c = made_context_open(m);
    valence_model_info info;
    valence_model_describe(m, &info);
    int neutral = 0, uncertain = 0, sure = 0;
    for (uint64_t i = 0; i < 300; i++) {
        char text[400];
        valence_prediction p;
        *made_text(text, (int)(i % (uint64_t)kind.K), i) = '\0';
        if (i % 2) text[strlen(text) / (1 + i % 9)] = '\0'; /* shorter: less sure */
        predict(c, text, &p);
        const char *expected = info.labels[p.label_index];
        if (kind.K == 2 && p.probabilities[p.label_index] - 0.5f < (float)band)
            expected = "neutral";
        if (p.probabilities[p.label_index] < (float)least) expected = "uncertain";
        assert_string_equal(p.label, expected);
        neutral += strcmp(expected, "neutral") == 0;
        uncertain += strcmp(expected, "uncertain") == 0;
        sure += strcmp(expected, info.labels[p.label_index]) == 0;
    }
    if (least > 0) assert_true(uncertain > 0 && sure > 0);
    else if (band > 0 && kind.K == 2) assert_true(neutral > 0 && sure > 0);
    else assert_int_equal(sure, 300);
    valence_context_close(c);
    valence_model_close(m);
}

static void test_options(void **state)
{
    (void)state;
    check_options(two, 0, 0);
    check_options(two, 0.2, 0);
    check_options(two, 0, 0.8);
    check_options(two, 0.2, 0.6);
    check_options(three, 0.2, 0); /* a band is for two classes */
    check_options(three, 0, 0.6);
}

/* Answers of a context live until its next prediction, and do not depend on those before. */
static void test_context_is_clean(void **state)
{
    (void)state;
    for (int counts = 0; counts < 2; counts++) {
        made_model kind = three;
        kind.counts = counts;
        valence_model *m = made_model_open(kind, NULL);
        valence_context *used = made_context_open(m);
        for (uint64_t i = 0; i < 100; i++) {
            char text[400];
            valence_prediction a, b;
            *made_text(text, (int)(i % 3), i) = '\0';
            valence_context *fresh = made_context_open(m);
            predict(used, text, &a);
            predict(fresh, text, &b);
            assert_memory_equal(a.logits, b.logits, 3 * sizeof(float));
            assert_memory_equal(a.probabilities, b.probabilities, 3 * sizeof(float));
            valence_context_close(fresh);
        }
        valence_context_close(used);
        valence_model_close(m);
    }
}

/* ---- Threads -----------------------------------------------------------------------------------
 */

enum { TEXTS = 200, THREADS = 8 };

typedef struct shared {
    valence_model *m;
    double score[TEXTS];
    int index[TEXTS];
    _Atomic int wrong;
} shared;

static void *ask(void *argument)
{
    shared *s = argument;
    valence_context *c;
    if (valence_context_open(&c, s->m, NULL) != VALENCE_OK) {
        s->wrong++;
        return NULL;
    }
    for (uint64_t i = 0; i < TEXTS * 5; i++) {
        char text[400];
        valence_prediction p;
        uint64_t n = i % TEXTS;
        size_t len = (size_t)(made_text(text, (int)(n % 3), n) - text);
        vl_status status = i % 2 ? valence_context_predict(c, text, len, &p, NULL)
                                 : valence_predict(s->m, text, len, &p, NULL);
        if (status != VALENCE_OK || p.score != s->score[n] || p.label_index != s->index[n])
            s->wrong++;
    }
    valence_context_close(c);
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    static shared s;
    pthread_t threads[THREADS];
    s.m = made_model_open(three, NULL);
    for (uint64_t n = 0; n < TEXTS; n++) {
        char text[400];
        valence_prediction p;
        size_t len = (size_t)(made_text(text, (int)(n % 3), n) - text);
        assert_int_equal(valence_predict(s.m, text, len, &p, NULL), VALENCE_OK);
        s.score[n] = p.score;
        s.index[n] = p.label_index;
    }
    for (int t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, ask, &s), 0);
    for (int t = 0; t < THREADS; t++) pthread_join(threads[t], NULL);
    assert_int_equal(s.wrong, 0);
    valence_model_close(s.m);
}

/* ---- Instruction sets
 * ----------------------------------------------------------------------------- */

static void test_instruction_sets(void **state)
{
    (void)state;
    const made_model kinds[] = {
        two, three, {.K = 2, .dtype = VL_F16, .counts = true, .logistic = true}};
    for (size_t i = 0; i < LENGTH(kinds); i++) {
        valence_model *m = made_model_open(kinds[i], NULL);
        valence_context *c = made_context_open(m);
        for (uint64_t n = 0; n < 300; n++) {
            char text[800];
            float expected[3];
            size_t len = (size_t)(made_text(text, (int)n % kinds[i].K, n) - text);
            if (n % 3 == 0)
                len += (size_t)sprintf(text + len,
                                       " Gr\u00F6\u00DFe \u2014 DON\u2019T! \U0001F600 \xFF");
            for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
                valence_prediction p;
                vl_isa_limit(isa);
                assert_int_equal(valence_context_predict(c, text, len, &p, NULL), VALENCE_OK);
                if (isa == VL_ISA_SCALAR)
                    memcpy(expected, p.logits, (size_t)kinds[i].K * sizeof(float));
                assert_memory_equal(p.logits, expected, (size_t)kinds[i].K * sizeof(float));
            }
        }
        valence_context_close(c);
        valence_model_close(m);
    }
}

/* ---- Memory
 * -------------------------------------------------------------------------------------- */

static void test_allocations(void **state)
{
    (void)state;
    const made_model kinds[] = {two, three};
    for (size_t i = 0; i < LENGTH(kinds); i++) {
        valence_model *m = made_model_open(kinds[i], NULL);
        valence_context *c = made_context_open(m);
        valence_prediction p;
        char longest[2000];
        memset(longest, 'x', sizeof longest);
        valence_context_predict(c, longest, sizeof longest, &p, NULL);
        valence_predict(m, longest, sizeof longest, &p, NULL);
        int64_t before = vl_mem_usage_total().allocations;
        for (uint64_t n = 0; n < 500; n++) {
            char text[400];
            size_t len = (size_t)(made_text(text, (int)(n % 2), n) - text);
            assert_int_equal(valence_context_predict(c, text, len, &p, NULL), VALENCE_OK);
            assert_int_equal(valence_predict(m, text, len, &p, NULL), VALENCE_OK);
        }
        assert_int_equal(vl_mem_usage_total().allocations, before);
        valence_context_close(c);
        valence_model_close(m);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    valence_model *m = made_model_open(three, NULL);
    valence_prediction p;
    valence_error error = {0};
    for (int64_t n = 1;; n++) {
        valence_context *c;
        int64_t before = vl_mem_usage_total().current;
        vl_mem_fail_from(n);
        vl_status status = valence_context_open(&c, m, &error);
        vl_mem_fail_from(0);
        if (status == VALENCE_OK) {
            vl_mem_fail_from(1);
            assert_int_equal(valence_context_predict(c, "SOME Text!", 10, &p, &error),
                             VALENCE_NO_MEMORY);
            vl_mem_fail_from(0);
            assert_int_equal(error.code, VALENCE_NO_MEMORY);
            assert_int_equal(valence_context_predict(c, "SOME Text!", 10, &p, &error), VALENCE_OK);
            valence_context_close(c);
            break;
        }
        assert_int_equal(status, VALENCE_NO_MEMORY);
        assert_null(c);
        assert_int_equal(vl_mem_usage_total().current, before);
    }
    vl_mem_fail_from(1);
    assert_int_equal(valence_predict(m, "some", 4, &p, &error), VALENCE_NO_MEMORY);
    vl_mem_fail_from(0);
    assert_int_equal(valence_predict(m, "some", 4, &p, &error), VALENCE_OK);
    valence_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prediction),  cmocka_unit_test(test_empty),
        cmocka_unit_test(test_options),     cmocka_unit_test(test_context_is_clean),
        cmocka_unit_test(test_threads),     cmocka_unit_test(test_instruction_sets),
        cmocka_unit_test(test_allocations), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
