/* test_classic.c: training from corpus to store: it learns, any number of threads gives the same
 * bytes, every number of classes, dev data, wrong options, and every allocation failing once. */
#include "made_corpus.h"

#include <math.h>

#include "base/mem.h"
#include "formats/safetensors.h"
#include "models/model.h"
#include "train/classic.h"

typedef struct trained {
    vl_store *store;
    vl_classic_report report;
    vl_status status;
    valence_error error;
} trained;

static vl_classic_options options_of(bool logistic)
{
    vl_classic_options o = vl_classic_defaults(logistic);
    o.vocabulary.capacity = 4000;
    o.vocabulary.min_count = 2;
    return o;
}

static trained train(const vl_corpus *c, const vl_corpus *dev, const vl_classic_options *o,
                     int threads)
{
    trained t = {0};
    vl_workers *w = open_workers(threads);
    assert_int_equal(vl_store_open(&t.store, NULL), VALENCE_OK);
    t.status = vl_classic_train(t.store, &t.report, c, dev, o, w, &t.error);
    vl_workers_close(w);
    return t;
}

/* Accuracy of the stored model on other texts of the same language. */
static double accuracy_on(const trained *t, const vl_classic_options *o, const vl_corpus *c)
{
    vl_model *m;
    const vl_tensor *table;
    valence_error error = {0};
    if (vl_model_build(&m, t->store, &error) != VALENCE_OK) fail_msg("%s", error.message);
    vl_features f = o->pipeline;
    assert_int_equal(vl_store_expect(t->store, "features.fingerprints", VL_U16, 2,
                                     (int64_t[]){-1, 8}, &table, NULL),
                     VALENCE_OK);
    f.table = (vl_ngram_table){table->data, (uint32_t)table->shape[0]};
    vl_feature_scratch *s;
    assert_int_equal(vl_feature_scratch_open(&s, &f, NULL), VALENCE_OK);
    int64_t right = 0;
    float logits[64];
    assert_int_equal(m->K, c->K);
    for (int64_t i = 0; i < c->count; i++) {
        vl_batch b;
        int best = 0;
        vl_features_of_text(&f, s, c->examples[i].text, &b, NULL);
        m->class->forward(m, &b, &(vl_run){0}, logits);
        for (int k = 1; k < m->K; k++)
            if (logits[k] > logits[best]) best = k;
        right += best == vl_corpus_label(c, i);
    }
    vl_feature_scratch_close(s);
    vl_model_close(m);
    return (double)right / (double)c->count;
}

static void test_learns(void **state)
{
    (void)state;
    static const int classes[] = {2, 3, 40};
    for (size_t k = 0; k < LENGTH(classes); k++)
        for (int logistic = 0; logistic < 2; logistic++)
            for (int counts = 0; counts < 2; counts++) {
                int K = classes[k], n = K == 40 ? 4000 : 600;
                if (K == 40 && counts) continue;
                made_corpus m = made_corpus_of(n, K, 0.5f, 1), test = made_corpus_of(400, K, 1, 2);
                vl_classic_options o = options_of(logistic);
                o.pipeline.counts = counts;
                trained t = train(&m.c, NULL, &o, 2);
                if (t.status != VALENCE_OK) fail_msg("%s", t.error.message);
                double accuracy =
                    accuracy_on(&t, &o, &test.c); /* 0.95 of the texts tell the truth */
                if (accuracy < (K == 40 ? 0.82 : 0.88))
                    fail_msg("K %d logistic %d counts %d: %g", K, logistic, counts, accuracy);
                assert_int_equal(t.report.examples, n);
                assert_true(t.report.features > 100 && t.report.features <= 4000);
                assert_true(t.report.held_out > 40);
                assert_true(t.report.held_out_accuracy > 0.75 && t.report.held_out_accuracy <= 1);
                assert_true(t.report.held_out_macro_f1 > 0.7 && t.report.held_out_macro_f1 <= 1);
                assert_true(t.report.temperature > 0.05 && t.report.temperature < 20);
                if (logistic) assert_true(t.report.iterations > 3);
                assert_string_equal(vl_store_get(t.store, "family"),
                                    logistic ? "logistic" : "naive-bayes");
                double stored = strtod(vl_store_get(t.store, "calibration.temperature"), NULL);
                assert_true(fabs(stored - t.report.temperature) < 1e-3);
                vl_store_close(t.store);
                made_release(&m);
                made_release(&test);
            }
}

static void expect_same_bytes(const vl_store *a, const vl_store *b)
{
    vl_buffer x, y;
    vl_buffer_init(&x, VL_MEM_IO, 1 << 28);
    vl_buffer_init(&y, VL_MEM_IO, 1 << 28);
    assert_int_equal(vl_safetensors_encode(a, &x, NULL), VALENCE_OK);
    assert_int_equal(vl_safetensors_encode(b, &y, NULL), VALENCE_OK);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.data, y.data, x.len);
    vl_buffer_release(&x);
    vl_buffer_release(&y);
}

static void test_threads(void **state)
{
    (void)state;
    static const int classes[] = {2, 3, 40};
    for (size_t k = 0; k < LENGTH(classes); k++)
        for (int logistic = 0; logistic < 2; logistic++) {
            made_corpus m = made_corpus_of(800, classes[k], 0.3f, 3);
            vl_classic_options o = options_of(logistic);
            o.max_iterations = 15;
            trained first = train(&m.c, NULL, &o, 1);
            assert_int_equal(first.status, VALENCE_OK);
            for (int threads = 2; threads <= 3; threads++) {
                trained t = train(&m.c, NULL, &o, threads);
                assert_int_equal(t.status, VALENCE_OK);
                expect_same_bytes(first.store, t.store);
                vl_store_close(t.store);
            }
            vl_store_close(first.store);
            made_release(&m);
        }
}

/* All types, norms and weightings; int8 loses little. */
static void test_kinds(void **state)
{
    (void)state;
    static const vl_dtype dtypes[] = {VL_F32, VL_F16, VL_I8};
    made_corpus m = made_corpus_of(600, 3, 1, 4), test = made_corpus_of(400, 3, 1, 5);
    for (int logistic = 0; logistic < 2; logistic++)
        for (int i = 0; i < 12; i++) {
            vl_classic_options o = options_of(logistic);
            o.dtype = dtypes[i % 3];
            o.weighting = (vl_weighting)(i / 3);
            o.norm = logistic ? (vl_linear_norm)((i + i / 3) % 3) : VL_NORM_NONE;
            o.pipeline.counts = i % 2;
            o.cost = o.norm == VL_NORM_NONE ? 1 : 30;
            trained t = train(&m.c, NULL, &o, 1);
            if (t.status != VALENCE_OK) fail_msg("%s", t.error.message);
            double accuracy = accuracy_on(&t, &o, &test.c);
            if (accuracy < 0.85) fail_msg("logistic %d kind %d: %g", logistic, i, accuracy);
            vl_store_close(t.store);
        }
    made_release(&m);
    made_release(&test);
}

static void test_dev_and_try(void **state)
{
    (void)state;
    made_corpus m = made_corpus_of(700, 2, 1, 6), dev = made_corpus_of(300, 2, 1, 7);
    for (int logistic = 0; logistic < 2; logistic++) {
        vl_classic_options o = options_of(logistic);
        trained t = train(&m.c, &dev.c, &o, 1);
        assert_int_equal(t.status, VALENCE_OK);
        assert_int_equal(t.report.held_out, 300);
        assert_true(t.report.held_out_accuracy > 0.88);
        /* what was reported is what the file does, up to rounding to int8 */
        assert_true(fabs(accuracy_on(&t, &o, &dev.c) - t.report.held_out_accuracy) < 0.02);
        vl_store_close(t.store);
        vl_classic_report whole, only;
        vl_store *s;
        assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
        assert_int_equal(vl_classic_train(s, &whole, &m.c, NULL, &o, NULL, NULL), VALENCE_OK);
        assert_int_equal(vl_classic_try(&only, &m.c, NULL, &o, NULL, NULL), VALENCE_OK);
        assert_true(only.held_out_accuracy == whole.held_out_accuracy &&
                    only.held_out == whole.held_out);
        assert_true(only.temperature == whole.temperature);
        vl_store_close(s);
        o.holdout = 0; /* nothing kept apart: not calibrated */
        t = train(&m.c, NULL, &o, 1);
        assert_int_equal(t.report.held_out, 0);
        assert_true(t.report.temperature == 1);
        vl_store_close(t.store);
        o.holdout = 60;
        t = train(&m.c, NULL, &o, 1);
        if (logistic) assert_int_equal(t.report.held_out, 60);
        else assert_in_range(t.report.held_out, 40, 60); /* of those whose hash says so */
        vl_store_close(t.store);
    }
    made_release(&m);
    made_release(&dev);
}

/* Labels that the texts know nothing of: who has not seen the held-out texts guesses. */
static void test_held_out_is_unseen(void **state)
{
    (void)state;
    static const int classes[] = {3, 40}; /* 40: counts per class are taken from the texts again */
    for (size_t k = 0; k < LENGTH(classes); k++)
        for (int logistic = 0; logistic < 2; logistic++) {
            int K = classes[k];
            made_corpus m = made_corpus_of(3000, K, 1, 12);
            for (int64_t i = 0; i < m.c.count; i++)
                m.c.examples[i].group = (int32_t)(vl_random_at(13, (uint64_t)i) % (uint64_t)K);
            vl_classic_options o = options_of(logistic);
            vl_classic_report r;
            assert_int_equal(vl_classic_try(&r, &m.c, NULL, &o, NULL, NULL), VALENCE_OK);
            assert_true(r.held_out >= 200);
            if (r.held_out_accuracy > 1.0 / K + 0.1)
                fail_msg("K %d logistic %d: %g", K, logistic, r.held_out_accuracy);
            made_release(&m);
        }
}

static void test_min_precision(void **state)
{
    (void)state;
    made_corpus m = made_corpus_of(4000, 3, 1, 14);
    for (int logistic = 0; logistic < 2; logistic++) {
        vl_classic_options o = options_of(logistic);
        trained t = train(&m.c, NULL, &o, 1);
        assert_true(t.report.threshold.asked == 0);
        assert_null(vl_store_get(t.store, "decision.min_confidence"));
        double plain = t.report.held_out_accuracy;
        vl_store_close(t.store);
        o.min_precision = plain - 0.002; /* not certain without leaving a few out */
        t = train(&m.c, NULL, &o, 1);
        if (t.status != VALENCE_OK) fail_msg("%s", t.error.message);
        vl_threshold *h = &t.report.threshold;
        assert_true(h->asked == o.min_precision && h->precision > h->asked);
        assert_true(h->confidence > 0 && h->coverage < 1 && h->coverage > 0.1);
        const char *text = vl_store_get(t.store, "decision.min_confidence");
        assert_non_null(text);
        assert_true(strtof(text, NULL) == h->confidence);
        vl_store_close(t.store);
        o.min_precision = 1; /* cannot be */
        t = train(&m.c, NULL, &o, 1);
        assert_int_equal(t.status, VALENCE_NOT_FOUND);
        vl_store_close(t.store);
        vl_classic_report r;
        assert_int_equal(vl_classic_try(&r, &m.c, NULL, &o, NULL, NULL), VALENCE_OK);
        o.holdout = 0;
        t = train(&m.c, NULL, &o, 1);
        assert_int_equal(t.status, VALENCE_ARGUMENT);
        assert_non_null(strstr(t.error.message, "held out"));
        vl_store_close(t.store);
    }
    made_release(&m);
}

/* More texts held out than there are must not fail, nor leave nothing to learn from. */
static void test_holdout_too_large(void **state)
{
    (void)state;
    made_corpus m = made_corpus_of(300, 2, 1, 8);
    for (int logistic = 0; logistic < 2; logistic++) {
        vl_classic_options o = options_of(logistic);
        o.holdout = 1000;
        trained t = train(&m.c, NULL, &o, 1);
        if (t.status != VALENCE_OK) fail_msg("%s", t.error.message);
        assert_true(t.report.held_out <= 150);
        vl_store_close(t.store);
    }
    made_release(&m);
}

static void test_too_small(void **state)
{
    (void)state;
    made_corpus m = made_corpus_of(20, 2, 1, 9);
    vl_classic_options o = options_of(true);
    o.vocabulary.min_count = 1000;
    trained t = train(&m.c, NULL, &o, 1);
    assert_int_equal(t.status, VALENCE_ARGUMENT);
    assert_non_null(strstr(t.error.message, "too small"));
    vl_store_close(t.store);
    for (int logistic = 0; logistic < 2; logistic++) { /* two texts are enough to get a model */
        o = options_of(logistic);
        o.vocabulary.min_count = 1;
        m.c.count = 2;
        t = train(&m.c, NULL, &o, 1);
        assert_int_equal(t.status, VALENCE_OK);
        vl_store_close(t.store);
    }
    made_release(&m);
}

static int stages;
static void told(void *user, const char *stage, double share)
{
    assert_ptr_equal(user, &stages);
    assert_non_null(stage);
    assert_true(share >= 0 && share <= 1);
    stages++;
}

static void test_progress(void **state)
{
    (void)state;
    made_corpus m = made_corpus_of(200, 2, 1, 10);
    vl_classic_options o = options_of(true);
    o.progress = told;
    o.user = &stages;
    vl_store_close(train(&m.c, NULL, &o, 1).store);
    assert_true(stages > 3);
    made_release(&m);
}

/* The n-th allocation and all later ones fail: NO_MEMORY with a message, or a model; nothing leaks.
 */
static void sweep(bool logistic, int K, vl_linear_norm norm)
{
    made_corpus m = made_corpus_of(520, K, 1, 11);
    vl_classic_options o = options_of(logistic);
    int failures = 0;
    o.pipeline.max_n = 1;
    o.max_iterations = 3;
    o.norm = logistic ? norm : VL_NORM_NONE;
    for (int64_t n = 1;; n += n < 60 ? 1 : 131) {
        vl_store *s;
        vl_classic_report report;
        valence_error error = {0};
        int64_t before = vl_mem_usage_total().current;
        assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
        int64_t calls = vl_mem_usage_total().allocations;
        vl_mem_fail_from(n);
        vl_status status = vl_classic_train(s, &report, &m.c, NULL, &o, NULL, &error);
        calls = vl_mem_usage_total().allocations - calls;
        vl_mem_fail_from(0);
        vl_store_close(s);
        assert_int_equal(vl_mem_usage_total().current, before);
        if (status == VALENCE_OK && calls < n) break; /* it never needed the n-th one */
        if (status != VALENCE_OK) {
            assert_int_equal(status, VALENCE_NO_MEMORY);
            assert_int_equal(error.code, VALENCE_NO_MEMORY);
            failures++;
        }
    }
    assert_true(failures > 50);
    made_release(&m);
}

/* The last allocations, one by one: the sweep above steps over most of them. */
static void sweep_end(bool logistic, int K, vl_linear_norm norm)
{
    made_corpus m = made_corpus_of(520, K, 1, 11);
    vl_classic_options o = options_of(logistic);
    o.pipeline.max_n = 1;
    o.max_iterations = 2;
    o.norm = logistic ? norm : VL_NORM_NONE;
    int64_t all = 0;
    for (int64_t back = -1; back < 120; back++) {
        vl_store *s;
        vl_classic_report report;
        valence_error error = {0};
        int64_t before = vl_mem_usage_total().current;
        assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
        int64_t calls = vl_mem_usage_total().allocations;
        if (back >= 0 && all - back <= 0) back = 1000;
        else vl_mem_fail_from(back < 0 ? 0 : all - back);
        vl_status status = vl_classic_train(s, &report, &m.c, NULL, &o, NULL, &error);
        vl_mem_fail_from(0);
        if (back < 0) all = vl_mem_usage_total().allocations - calls;
        vl_store_close(s);
        assert_int_equal(vl_mem_usage_total().current, before);
        if (back < 0) assert_int_equal(status, VALENCE_OK);
        else if (back < 1000) assert_true(status == VALENCE_OK || status == VALENCE_NO_MEMORY);
        if (status != VALENCE_OK) assert_int_equal(error.code, VALENCE_NO_MEMORY);
    }
    made_release(&m);
}

static void test_no_memory(void **state)
{
    (void)state;
    sweep(false, 2, VL_NORM_NONE);
    sweep(true, 3, VL_NORM_L2);
    sweep_end(false, 40, VL_NORM_NONE);
    sweep_end(true, 2, VL_NORM_L2);
    sweep_end(true, 40, VL_NORM_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_dev_and_try),
        cmocka_unit_test(test_held_out_is_unseen),
        cmocka_unit_test(test_min_precision),
        cmocka_unit_test(test_holdout_too_large),
        cmocka_unit_test(test_too_small),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
