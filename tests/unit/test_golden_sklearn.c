/* test_golden_sklearn.c: features, naive Bayes, idf, tf-idf and log-count ratios against
 * scikit-learn's on a tiny corpus: tests/golden/sklearn_small.json, whose header says how it was
 * made. Run in the repository's root, as make check does. */
#include "test.h"

#include <math.h>

#include "base/json.h"
#include "base/mapped_file.h"
#include "train/counts.h"
#include "train/naive_bayes.h"
#include "train/weighting.h"

enum {
    TEXTS_MOST = 64,
    FEATURES_MOST = 2000,
    BUCKETS = 512,
    SLOTS = BUCKETS * VL_BUCKET,
    K_MOST = 3
};

static vl_mapped_file file;
static vl_json_parser *parser;
static vl_json root;

static int texts, features;
static vl_span text[TEXTS_MOST];
static int32_t slot_of[FEATURES_MOST]; /* scikit-learn's number -> ours */
static uint16_t fingerprints[SLOTS];
static uint64_t numbers[SLOTS];

/* ---- The file ---------------------------------------------------------------------------------
 */

static vl_json member(vl_json object, const char *key)
{
    vl_json v;
    if (!vl_json_get(object, key, &v)) fail_msg("the golden file has no '%s'", key);
    return v;
}

/* Elements of an array, up to most; returns their number. */
typedef struct elements {
    vl_json *out;
    int count, most;
} elements;

static int take(void *user, vl_span key, vl_json value)
{
    (void)key;
    elements *e = user;
    if (e->count == e->most) return 1;
    e->out[e->count++] = value;
    return 0;
}

static int array(vl_json list, vl_json *out, int most)
{
    elements e = {out, 0, most};
    assert_int_equal(vl_json_each(list, take, &e), 0);
    return e.count;
}

static double number(vl_json v)
{
    double n;
    assert_true(vl_json_number(v, &n));
    return n;
}

static void read_numbers(vl_json list, double *out, int count)
{
    static vl_json v[FEATURES_MOST];
    assert_int_equal(array(list, v, FEATURES_MOST), count);
    for (int i = 0; i < count; i++) out[i] = number(v[i]);
}

/* [[feature, value], ..] of one text, into out (features), else 0. */
static void read_sparse(vl_json list, double *out)
{
    static vl_json pairs[FEATURES_MOST];
    int n = array(list, pairs, FEATURES_MOST);
    for (int j = 0; j < features; j++) out[j] = 0;
    for (int i = 0; i < n; i++) {
        vl_json pair[2];
        assert_int_equal(array(pairs[i], pair, 2), 2);
        out[(int)number(pair[0])] = number(pair[1]);
    }
}

/* ---- Our side ---------------------------------------------------------------------------------
 */

static uint64_t number_of(vl_span name)
{
    static vl_word_block block;
    assert_int_equal(vl_words_next(&block, name, 0), name.len);
    assert_in_range(block.count, 1, 3);
    return vl_ngram_number(block.hash, block.count);
}

static int set_up(void **state)
{
    (void)state;
    static vl_json v[FEATURES_MOST];
    valence_error error;
    if (vl_mapped_file_open(&file, "tests/golden/sklearn_small.json", &error) != VALENCE_OK)
        return 0;
    parser = vl_json_parser_open(1 << 24);
    if (vl_json_parse_copy(parser, (vl_span){file.data, file.size}, &root, &error) != VALENCE_OK)
        return -1;
    texts = array(member(root, "texts"), v, TEXTS_MOST);
    for (int i = 0; i < texts; i++)
        if (!vl_json_string(v[i], &text[i])) return -1;
    features = array(member(root, "features"), v, FEATURES_MOST);
    for (int j = 0; j < features; j++) {
        vl_span name;
        if (!vl_json_string(v[j], &name)) return -1;
        slot_of[j] = vl_ngram_insert(fingerprints, BUCKETS, number_of(name));
        if (slot_of[j] < 0 || numbers[slot_of[j]]) return -1; /* each has a place of its own */
        numbers[slot_of[j]] = number_of(name) & VL_NGRAM_MASK;
    }
    return features > 200 && texts == 40 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    vl_json_parser_close(parser);
    vl_mapped_file_release(&file);
    return 0;
}

static void need_file(void)
{
    if (file.data) return;
    print_message("# SKIP no tests/golden/sklearn_small.json: not in the repository's root\n");
    skip();
}

static vl_features pipeline(bool counts)
{
    return (vl_features){.max_n = 3, .counts = counts, .table = {fingerprints, BUCKETS}};
}

static void expect_near(double got, double expected)
{
    if (!(fabs(got - expected) < 1e-5 * (1 + fabs(expected))))
        fail_msg("%.9g, scikit-learn has %.9g", got, expected);
}

static void test_counts(void **state)
{
    (void)state;
    need_file();
    static vl_json lists[TEXTS_MOST];
    static double expected[FEATURES_MOST], got[SLOTS];
    vl_features f = pipeline(true);
    vl_feature_scratch *s;
    assert_int_equal(vl_feature_scratch_open(&s, &f, NULL), VALENCE_OK);
    assert_int_equal(array(member(root, "counts"), lists, TEXTS_MOST), texts);
    for (int i = 0; i < texts; i++) {
        vl_batch b;
        int32_t there = 0;
        assert_int_equal(vl_features_of_text(&f, s, text[i], &b, NULL), VALENCE_OK);
        memset(got, 0, sizeof got);
        for (int32_t k = 0; k < b.offsets[1]; k++) got[b.ids[k]] = b.weights[k];
        read_sparse(lists[i], expected);
        for (int j = 0; j < features; j++) {
            assert_true(got[slot_of[j]] == expected[j]);
            there += expected[j] > 0;
        }
        assert_int_equal(there, b.offsets[1]); /* and no other n-grams */
    }
    vl_feature_scratch_close(s);
}

/* The corpus under one of the two label columns. */
typedef struct problem {
    vl_json json;
    int32_t K;
    double labels[TEXTS_MOST], class_texts[K_MOST];
    vl_group groups[K_MOST];
    vl_example examples[TEXTS_MOST];
    vl_corpus corpus;
} problem;

static void make(problem *p, int which)
{
    vl_json v[2];
    memset(p, 0, sizeof *p);
    assert_int_equal(array(member(root, "problems"), v, 2), 2);
    p->json = v[which];
    p->K = 2 + which;
    read_numbers(member(p->json, "labels"), p->labels, texts);
    for (int32_t k = 0; k < p->K; k++) p->groups[k] = (vl_group){k, 1, 0};
    for (int i = 0; i < texts; i++) {
        int32_t k = (int32_t)p->labels[i];
        p->examples[i] = (vl_example){.text = text[i], .group = k, .order = 1};
        p->groups[k].count++;
        p->class_texts[k]++;
    }
    p->corpus = (vl_corpus){.examples = p->examples,
                            .count = texts,
                            .groups = p->groups,
                            .group_count = p->K,
                            .K = p->K};
}

/* counts (slots,K) of our counting, at the features' slots. */
static void count(const problem *p, bool occurrences, float *out)
{
    vl_counts *c = malloc(sizeof *c);
    vl_features f = pipeline(occurrences);
    uint64_t found = 0;
    memset(out, 0, (size_t)SLOTS * (size_t)p->K * sizeof *out);
    vl_counts_init(c, p->K);
    assert_int_equal(vl_counts_add_corpus(c, &p->corpus, &f, 0, 0, NULL, NULL), VALENCE_OK);
    for (int part = 0; part < VL_COUNT_PARTS; part++)
        for (uint64_t i = 0; i < c->part[part].capacity; i++) {
            const float *values;
            uint64_t ngram = vl_count_entry(c, &c->part[part], i, &values);
            if (!ngram) continue;
            int32_t slot = vl_ngram_find(&f.table, ngram);
            assert_true(slot >= 0 && numbers[slot] == ngram);
            memcpy(out + (int64_t)slot * p->K, values, (size_t)p->K * sizeof *out);
            found++;
        }
    assert_int_equal(found, features);
    vl_counts_release(c);
    free(c);
}

static void test_naive_bayes(void **state)
{
    (void)state;
    need_file();
    static float counts[SLOTS * K_MOST], weight[SLOTS * K_MOST];
    static double log_prob[K_MOST][FEATURES_MOST];
    for (int which = 0; which < 2; which++) {
        problem p;
        vl_json rows[TEXTS_MOST];
        float bias[K_MOST];
        make(&p, which);
        count(&p, true, counts);
        vl_vocabulary v = {.buckets = BUCKETS,
                           .slots = SLOTS,
                           .used = features,
                           .fingerprints = fingerprints,
                           .numbers = numbers,
                           .columns = p.K,
                           .counts = counts};
        assert_int_equal(vl_naive_bayes_weights(weight, bias, &v, p.class_texts, p.K, 1),
                         VALENCE_OK);
        assert_int_equal(array(member(p.json, "feature_log_prob"), rows, TEXTS_MOST), p.K);
        for (int32_t k = 0; k < p.K; k++) read_numbers(rows[k], log_prob[k], features);
        for (int j = 0; j < features; j++) {
            double mean = 0;
            for (int32_t k = 0; k < p.K; k++) mean += log_prob[k][j] / p.K;
            if (p.K == 2) expect_near(weight[slot_of[j]], log_prob[1][j] - log_prob[0][j]);
            for (int32_t k = 0; p.K > 2 && k < p.K; k++)
                expect_near(weight[slot_of[j] * p.K + k], log_prob[k][j] - mean);
        }
        /* whole texts: differences between classes */
        vl_features f = pipeline(true);
        vl_rows r;
        assert_int_equal(vl_rows_build(&r, &p.corpus, NULL, 0, &f, NULL, NULL), VALENCE_OK);
        assert_int_equal(array(member(p.json, "joint_log_likelihood"), rows, TEXTS_MOST), texts);
        for (int i = 0; i < texts; i++) {
            double joint[K_MOST], sum[K_MOST] = {0};
            int32_t C = p.K == 2 ? 1 : p.K;
            read_numbers(rows[i], joint, p.K);
            for (int64_t k = r.offsets[i]; k < r.offsets[i + 1]; k++)
                for (int32_t c = 0; c < C; c++) sum[c] += (double)r.x[k] * weight[r.ids[k] * C + c];
            for (int32_t k = 1; k < p.K; k++)
                expect_near(C == 1 ? sum[0] : sum[k] - sum[0], joint[k] - joint[0]);
        }
        vl_rows_release(&r);
    }
}

static void test_weights(void **state)
{
    (void)state;
    need_file();
    static float counts[SLOTS * K_MOST], factor[SLOTS], norm[TEXTS_MOST];
    static double expected[FEATURES_MOST], got[SLOTS];
    static vl_json lists[TEXTS_MOST];
    for (int which = 0; which < 2; which++) {
        problem p;
        make(&p, which);
        count(&p, false, counts);
        vl_weighting_factors(factor, VL_WEIGH_NB, counts, SLOTS, p.K, p.class_texts, p.K, 1);
        read_numbers(member(p.json, "log_ratio"), expected, features);
        for (int j = 0; j < features; j++) expect_near(factor[slot_of[j]], expected[j]);

        vl_weighting_factors(factor, VL_WEIGH_TFIDF, counts, SLOTS, p.K, p.class_texts, p.K, 1);
        read_numbers(member(root, "idf"), expected, features);
        for (int j = 0; j < features; j++) expect_near(factor[slot_of[j]], expected[j]);

        vl_features f = pipeline(true);
        vl_rows r;
        assert_int_equal(vl_rows_build(&r, &p.corpus, NULL, 0, &f, NULL, NULL), VALENCE_OK);
        vl_weighting_norms(norm, VL_NORM_L2, &r, factor);
        assert_int_equal(array(member(root, "tfidf"), lists, TEXTS_MOST), texts);
        for (int i = 0; i < texts; i++) {
            memset(got, 0, sizeof got);
            for (int64_t k = r.offsets[i]; k < r.offsets[i + 1]; k++)
                got[r.ids[k]] = (double)r.x[k] * factor[r.ids[k]] / norm[i];
            read_sparse(lists[i], expected);
            for (int j = 0; j < features; j++) expect_near(got[slot_of[j]], expected[j]);
        }
        vl_rows_release(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_naive_bayes),
        cmocka_unit_test(test_weights),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
