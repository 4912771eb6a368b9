/* test_explain.c: weights and bias add up to the logit, for every family, type, norm and class; the
 * prediction is the plain one to the bit; each weight is what leaving the n-gram out changes. */
#include <math.h>

#include "made_model.h"

#include "base/mem.h"
#include "valence.h"

static valence_model *open_made(made_model kind, valence_context **c)
{
    valence_model *m = made_model_open(kind, NULL);
    *c = made_context_open(m);
    return m;
}

static double sum_of(const valence_explanation *e)
{
    double sum = e->bias;
    for (size_t i = 0; i < e->reason_count; i++) sum += (double)e->reasons[i].weight;
    return sum;
}

static const made_model kinds[] = {
    {.K = 2, .logistic = true, .dtype = VL_I8},
    {.K = 3, .logistic = true, .dtype = VL_F32},
    {.K = 2, .dtype = VL_I8},
    {.K = 5, .dtype = VL_F16, .counts = true},
    {.K = 3, .dtype = VL_I8, .passes = VL_CLEAN_ONE(HTML) | VL_CLEAN_ONE(URLS)},
};

static void check_text(valence_context *c, valence_context *plain, const char *text, size_t len, int K)
{
    for (int k = -1; k < K; k++) {
        valence_prediction p, q;
        valence_explanation e;
        assert_int_equal(valence_context_explain(c, text, len, k, &p, &e, NULL), VALENCE_OK);
        assert_int_equal(valence_context_predict(plain, text, len, &q, NULL), VALENCE_OK);
        assert_memory_equal(p.logits, q.logits, (size_t)K * sizeof(float));
        assert_memory_equal(p.probabilities, q.probabilities, (size_t)K * sizeof(float));
        assert_string_equal(p.label, q.label);
        assert_int_equal(p.empty, q.empty);
        assert_int_equal(e.label_index, k < 0 ? p.label_index : k);
        assert_true(e.logit == (double)p.logits[e.label_index]);
        assert_true(fabs(sum_of(&e) - e.logit) < 1e-4 * (1 + fabs(e.logit)));
    }
}

static void test_sums(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(kinds); i++) {
        valence_context *c, *plain;
        valence_model *m = open_made(kinds[i], &c);
        assert_int_equal(valence_context_open(&plain, m, NULL), VALENCE_OK);
        made_corpus texts = made_corpus_of(60, kinds[i].K, 1, 9);
        for (int64_t j = 0; j < texts.c.count; j++) {
            vl_span t = texts.c.examples[j].text;
            check_text(c, plain, t.ptr, t.len, kinds[i].K);
        }
        check_text(c, plain, "", 0, kinds[i].K);
        made_release(&texts);
        valence_context_close(c);
        valence_context_close(plain);
        valence_model_close(m);
    }
}

/* Two texts that differ in one word, presence, no norm (naive Bayes): the difference of logits is
 * the sum of the weights of the n-grams that hold the word. */
static void test_leaving_out(void **state)
{
    (void)state;
    valence_context *c;
    valence_model *m = open_made((made_model){.K = 2, .dtype = VL_F32}, &c);
    valence_prediction p;
    valence_explanation e;
    const char *with = "k1w3", *without = "zzz";
    assert_int_equal(valence_context_explain(c, with, 4, 1, &p, &e, NULL), VALENCE_OK);
    assert_int_equal(e.reason_count, 1);
    double weight = (double)e.reasons[0].weight, logit = (double)p.logits[1];
    assert_true(weight > 0.1); /* a word of class 1 */
    assert_int_equal(valence_context_predict(c, without, 3, &p, NULL), VALENCE_OK);
    assert_true(fabs(logit - (double)p.logits[1] - weight) < 1e-5);
    valence_context_close(c);
    valence_model_close(m);
}

static void test_bad_class(void **state)
{
    (void)state;
    valence_context *c;
    valence_model *m = open_made(kinds[0], &c);
    valence_prediction p;
    valence_explanation e;
    valence_error error;
    static const int bad[] = {-2, 2, 1000000};
    for (size_t i = 0; i < LENGTH(bad); i++) {
        assert_int_equal(valence_context_explain(c, "x", 1, bad[i], &p, &e, &error), VALENCE_ARGUMENT);
        assert_non_null(strstr(error.message, "label number"));
    }
    valence_context_close(c);
    valence_model_close(m);
}

static void test_allocations(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(kinds); i++) {
        valence_context *c;
        valence_model *m = open_made(kinds[i], &c);
        valence_prediction p;
        valence_explanation e;
        const char text[] = "w1 k0w1 w2 k1w2 <b>w3</b> k0w1 www.x.org";
        assert_int_equal(valence_context_explain(c, text, sizeof text - 1, -1, &p, &e, NULL), VALENCE_OK);
        int64_t before = vl_mem_usage_total().allocations;
        for (int j = 0; j < 50; j++)
            valence_context_explain(c, text, sizeof text - 1, -1, &p, &e, NULL);
        assert_int_equal(vl_mem_usage_total().allocations, before);
        valence_context_close(c);
        valence_model_close(m);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    bool done = false;
    for (int n = 1; !done; n++) {
        valence_context *c;
        valence_model *m = open_made(kinds[4], &c);
        valence_prediction p;
        valence_explanation e;
        valence_error error = {0};
        vl_mem_fail_from(n);
        vl_status status = valence_context_explain(c, "w1 k0w1 <b>", 11, -1, &p, &e, &error);
        vl_mem_fail_from(0);
        done = status == VALENCE_OK;
        if (!done) {
            assert_int_equal(status, VALENCE_NO_MEMORY);
            assert_true(error.message[0] != '\0');
            assert_int_equal(valence_context_explain(c, "w1 k0w1", 7, -1, &p, &e, NULL), VALENCE_OK);
        }
        valence_context_close(c);
        valence_model_close(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),        cmocka_unit_test(test_leaving_out),
        cmocka_unit_test(test_bad_class),   cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
