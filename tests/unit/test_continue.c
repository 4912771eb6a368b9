/* test_continue.c: training a logistic model further: what it knew stays, what is new is learnt. */
#include "train_fixture.h"

#include <math.h>

#include "engine/engine_model.h"
#include "engine/model_config.h"
#include "train/continue.h"

enum { ROWS = 600 };

static const char *const all_labels[] = {"bad", "fine", "good"};

typedef struct example_set {
    int first, labels; /* of all_labels */
    int domain, rows;
} example_set;

static const char *write_set(example_set set, const char *name)
{
    fixture_text t = fixture_begin("label\ttext\n");
    for (int i = 0; i < set.rows; i++) {
        int k = set.labels == 2 && set.first == 0 ? i % 2 * 2 : set.first + i % set.labels;
        fixture_row(&t, all_labels[k], k, set.domain, (uint64_t)i);
    }
    return fixture_write(&t, fixture_folder, name);
}

/* {bad, good}; {fine, good}; all three. */
static const example_set bad_good = {0, 2, 0, ROWS}, fine_good = {1, 2, 0, ROWS},
                         three = {0, 3, 0, ROWS}, elsewhere = {0, 2, 1, ROWS};

static vl_classic_options options(void)
{
    vl_classic_options o = vl_classic_defaults(true);
    o.vocabulary.min_count = 2;
    o.dtype = VL_F32;
    return o;
}

static const char *train(example_set set, const vl_classic_options *o, const char *name)
{
    vl_store *s;
    valence_error e = {0};
    vl_classic_report report;
    const char *path = fixture_path(name);
    vl_corpus c = fixture_read(write_set(set, "base.tsv"), false);
    assert_int_equal(vl_store_open(&s, &e), VALENCE_OK);
    assert_int_equal(vl_classic_train(s, &report, &c, NULL, o, NULL, &e), VALENCE_OK);
    assert_int_equal(vl_model_config_write_checksum(s, &e), VALENCE_OK);
    assert_int_equal(vl_safetensors_write(s, path, &e), VALENCE_OK);
    vl_store_close(s);
    vl_corpus_release(&c);
    return path;
}

static vl_status go_on(const char *base, example_set set, const vl_classic_options *o,
                       vl_workers *workers, vl_buffer *bytes, valence_error *e)
{
    vl_store *s;
    vl_classic_report report;
    vl_corpus c = fixture_read(write_set(set, "more.tsv"), false);
    assert_int_equal(vl_store_open(&s, e), VALENCE_OK);
    vl_status status = vl_continue_train(s, &report, &c, NULL, base, o, workers, e);
    if (status == VALENCE_OK) status = vl_model_config_write_checksum(s, e);
    if (status == VALENCE_OK && bytes) *bytes = fixture_bytes(s);
    vl_store_close(s);
    vl_corpus_release(&c);
    return status;
}

/* Goes on and opens the result. */
static valence_model *continued(const char *base, example_set set, const vl_classic_options *o)
{
    valence_error e = {0};
    valence_model *m;
    vl_buffer bytes;
    if (go_on(base, set, o, NULL, &bytes, &e) != VALENCE_OK) fail_msg("%s", e.message);
    const char *path = fixture_path("continued.safetensors");
    test_write(path, bytes.data, bytes.len);
    vl_buffer_release(&bytes);
    if (valence_model_open(&m, path, NULL, &e) != VALENCE_OK) fail_msg("%s", e.message);
    return m;
}

static valence_model *opened(const char *path)
{
    valence_model *m;
    valence_error e = {0};
    if (valence_model_open(&m, path, NULL, &e) != VALENCE_OK) fail_msg("%s", e.message);
    return m;
}

/* Share of right answers on a set. */
static double accuracy(valence_model *m, example_set set)
{
    vl_corpus c = fixture_read(write_set(set, "test.tsv"), false);
    int64_t right = 0;
    for (int64_t i = 0; i < c.count; i++) {
        valence_prediction p;
        vl_span s = c.examples[i].text;
        assert_int_equal(valence_predict(m, s.ptr, s.len, &p, NULL), VALENCE_OK);
        right += strcmp(p.label, c.labels[vl_corpus_label(&c, i)]) == 0;
    }
    double share = (double)right / (double)c.count;
    vl_corpus_release(&c);
    return share;
}

static void expect_labels(const valence_model *m, int count, const char *const *labels)
{
    valence_model_info info;
    valence_model_describe(m, &info);
    assert_int_equal(info.label_count, count);
    for (int k = 0; k < count; k++) assert_string_equal(info.labels[k], labels[k]);
}

static void expect_near(valence_model *a, valence_model *b, example_set set, float tolerance)
{
    vl_corpus c = fixture_read(write_set(set, "near.tsv"), false);
    valence_context *x, *y;
    valence_prediction p, q;
    assert_int_equal(valence_context_open(&x, a, NULL), VALENCE_OK);
    assert_int_equal(valence_context_open(&y, b, NULL), VALENCE_OK);
    for (int64_t i = 0; i < c.count; i++) {
        vl_span s = c.examples[i].text;
        assert_int_equal(valence_context_predict(x, s.ptr, s.len, &p, NULL), VALENCE_OK);
        assert_int_equal(valence_context_predict(y, s.ptr, s.len, &q, NULL), VALENCE_OK);
        for (int k = 0; k < 2; k++) assert_true(fabsf(p.logits[k] - q.logits[k]) <= tolerance);
    }
    valence_context_close(x);
    valence_context_close(y);
    vl_corpus_release(&c);
}

/* A loss without weight and no room for new n-grams: nothing may change. */
static void test_nothing_new(void **state)
{
    (void)state;
    vl_classic_options o = options();
    const char *base = train(bad_good, &o, "a.safetensors");
    o.cost = 1e-12;
    o.vocabulary.min_count = 500;
    valence_model *old = opened(base), *new = continued(base, bad_good, &o);
    expect_labels(new, 2, (const char *const[]){"bad", "good"});
    expect_near(old, new, bad_good, 1e-4f);
    valence_model_close(old);
    valence_model_close(new);
}

/* The new data lacks 'bad' and brings 'fine'. */
static void test_third_label(void **state)
{
    (void)state;
    vl_classic_options o = options();
    const char *base = train(bad_good, &o, "b.safetensors");
    valence_model *m = continued(base, fine_good, &o);
    expect_labels(m, 3, all_labels);
    assert_true(accuracy(m, fine_good) > 0.95);
    assert_true(accuracy(m, bad_good) > 0.95);
    assert_true(accuracy(m, three) > 0.9);
    valence_model_close(m);
}

/* Three labels stay three although the new data has two of them. */
static void test_labels_stay(void **state)
{
    (void)state;
    vl_classic_options o = options();
    o.dtype = VL_I8;
    const char *base = train(three, &o, "c.safetensors");
    valence_model *m = continued(base, elsewhere, &o);
    expect_labels(m, 3, all_labels);
    assert_true(accuracy(m, elsewhere) > 0.95);
    assert_true(accuracy(m, three) > 0.9);
    valence_model_close(m);
}

static uint64_t places_taken(const valence_model *m)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < m->features.table.buckets * VL_BUCKET; i++)
        n += m->features.table.fingerprints[i] != 0;
    return n;
}

static void test_new_words(void **state)
{
    (void)state;
    vl_classic_options o = options();
    const char *base = train(bad_good, &o, "d.safetensors");
    valence_model *old = opened(base);
    double before = accuracy(old, elsewhere);
    valence_model *m = continued(base, elsewhere, &o);
    assert_int_equal(m->features.table.buckets, old->features.table.buckets);
    for (uint32_t i = 0; i < old->features.table.buckets * VL_BUCKET; i++)
        if (old->features.table.fingerprints[i])
            assert_int_equal(m->features.table.fingerprints[i], old->features.table.fingerprints[i]);
    assert_true(places_taken(m) > places_taken(old));
    assert_true(before < 0.7);
    assert_true(accuracy(m, elsewhere) > 0.95);
    assert_true(accuracy(m, bad_good) > 0.95);
    valence_model_close(old);
    valence_model_close(m);
}

static void test_threads_and_pipeline(void **state)
{
    (void)state;
    vl_workers *workers;
    valence_error e = {0};
    vl_buffer a, b;
    vl_classic_options o = options();
    o.pipeline.max_n = 2;
    const char *base = train(bad_good, &o, "e.safetensors");
    o = options(); /* max_n 3: the model's 2 wins */
    o.norm = VL_NORM_NONE;
    assert_int_equal(vl_workers_open(&workers, 3, NULL), VALENCE_OK);
    assert_int_equal(go_on(base, fine_good, &o, NULL, &a, &e), VALENCE_OK);
    assert_int_equal(go_on(base, fine_good, &o, workers, &b, &e), VALENCE_OK);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    vl_store *s;
    assert_int_equal(vl_safetensors_read(&s, vl_buffer_span(&a), "a", &e), VALENCE_OK);
    assert_string_equal(vl_store_get(s, "text.ngrams"), "2");
    assert_string_equal(vl_store_get(s, "linear.norm"), "count");
    vl_store_close(s);
    vl_buffer_release(&a);
    vl_buffer_release(&b);
    vl_workers_close(workers);
}

/* Dev texts may have labels that only the old model knows. */
static void test_dev(void **state)
{
    (void)state;
    valence_error e = {0};
    vl_store *s;
    vl_classic_report report;
    vl_classic_options o = options();
    const char *base = train(bad_good, &o, "f.safetensors");
    vl_corpus c = fixture_read(write_set(fine_good, "f.tsv"), false);
    vl_corpus dev = fixture_read(write_set(bad_good, "g.tsv"), false);
    assert_int_equal(vl_store_open(&s, &e), VALENCE_OK);
    assert_int_equal(vl_continue_train(s, &report, &c, &dev, base, &o, NULL, &e), VALENCE_OK);
    assert_int_equal(report.held_out, ROWS);
    assert_true(report.held_out_accuracy > 0.95);
    assert_int_equal(c.K, 3);
    vl_store_close(s);
    vl_corpus_release(&c);
    vl_corpus_release(&dev);
}

static void test_refusals(void **state)
{
    (void)state;
    valence_error e = {0};
    vl_classic_options o = options();
    o.norm = VL_NORM_L2;
    const char *base = train(bad_good, &o, "l2.safetensors");
    assert_int_equal(go_on(base, bad_good, &o, NULL, NULL, &e), VALENCE_UNSUPPORTED);
    assert_non_null(strstr(e.message, "norm l2"));
    o = vl_classic_defaults(false);
    base = train(bad_good, &o, "nb.safetensors");
    assert_int_equal(go_on(base, bad_good, &o, NULL, NULL, &e), VALENCE_UNSUPPORTED);
    assert_non_null(strstr(e.message, "naive-bayes"));
    assert_int_equal(go_on("/nowhere/m", bad_good, &o, NULL, NULL, &e), VALENCE_NOT_FOUND);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    vl_classic_options o = options();
    o.max_iterations = 3;
    example_set few = fine_good;
    few.rows = 60;
    const char *base = train(bad_good, &o, "h.safetensors");
    const char *data = write_set(few, "few.tsv");
    int64_t before = vl_mem_usage_total().current, failures = 0;
    vl_status status = VALENCE_NO_MEMORY;
    for (int64_t n = 1; n < 100000; n += 1 + n / 60) {
        valence_error e = {0};
        vl_store *s = NULL;
        vl_classic_report report;
        vl_corpus c = fixture_read(data, false);
        vl_mem_fail_from(n);
        status = vl_store_open(&s, &e);
        if (status == VALENCE_OK) status = vl_continue_train(s, &report, &c, NULL, base, &o, NULL, &e);
        vl_mem_fail_from(0);
        vl_store_close(s);
        vl_corpus_release(&c);
        assert_int_equal(vl_mem_usage_total().current, before);
        if (status == VALENCE_OK) break;
        if (status != VALENCE_NO_MEMORY) fail_msg("allocation %lld: %s", (long long)n, e.message);
        failures++;
    }
    assert_int_equal(status, VALENCE_OK);
    assert_true(failures > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_new), cmocka_unit_test(test_third_label),
        cmocka_unit_test(test_labels_stay), cmocka_unit_test(test_new_words),
        cmocka_unit_test(test_threads_and_pipeline), cmocka_unit_test(test_dev),
        cmocka_unit_test(test_refusals),    cmocka_unit_test(test_out_of_memory)};
    return cmocka_run_group_tests(tests, fixture_make, fixture_remove);
}
