/* test_rows.c: rows are what features.h gives for each text; the transpose holds the same entries
 * by column, rows ascending; any number of threads. */
#include "made_corpus.h"

#include "base/mem.h"
#include "train/rows.h"
#include "train/vocabulary.h"

enum { BUCKETS = 50, SLOTS = BUCKETS * VL_BUCKET };

static uint16_t fingerprints[SLOTS];

static vl_status insert(void *user, const uint64_t *ngrams, int count)
{
    (void)user;
    for (int i = 0; i < count; i += 3) vl_ngram_insert(fingerprints, BUCKETS, ngrams[i]);
    return VALENCE_OK;
}

/* Pipeline with a table of some of the corpus' n-grams. */
static vl_features pipeline(const vl_corpus *c, bool counts)
{
    vl_features f = {.max_n = 2, .counts = counts, .table = {fingerprints, BUCKETS}};
    vl_feature_scratch *s;
    memset(fingerprints, 0, sizeof fingerprints);
    assert_int_equal(vl_feature_scratch_open(&s, &f, NULL), VALENCE_OK);
    for (int64_t i = 0; i < c->count; i += 5)
        vl_features_stream(&f, s, c->examples[i].text, insert, NULL, NULL);
    vl_feature_scratch_close(s);
    return f;
}

static void check_row(const vl_rows *r, int64_t row, const vl_corpus *c, int64_t example,
                      const vl_features *f, vl_feature_scratch *s)
{
    vl_batch b;
    assert_int_equal(vl_features_of_text(f, s, c->examples[example].text, &b, NULL), VALENCE_OK);
    int32_t offsets[2];
    vl_batch got = vl_rows_batch(r, row, offsets);
    assert_int_equal(got.B, 1);
    assert_int_equal(got.offsets[0], 0);
    assert_int_equal(got.offsets[1], b.offsets[1]);
    assert_memory_equal(got.ids, b.ids, (size_t)b.offsets[1] * sizeof *b.ids);
    assert_int_equal(got.weights != NULL, f->counts);
    if (f->counts)
        assert_memory_equal(got.weights, b.weights, (size_t)b.offsets[1] * sizeof *b.weights);
    assert_int_equal(r->label[row], vl_corpus_label(c, example));
    assert_true(r->weight[row] == c->groups[c->examples[example].group].weight);
}

static void check_columns(const vl_rows *r)
{
    int64_t seen = 0;
    assert_int_equal(r->column_begin[0], 0);
    assert_int_equal(r->column_begin[r->slots], r->nonzeros);
    for (int64_t s = 0; s < r->slots; s++)
        for (int64_t i = r->column_begin[s]; i < r->column_begin[s + 1]; i++) {
            int64_t row = r->column_row[i], k = r->offsets[row];
            if (i > r->column_begin[s]) assert_true(r->column_row[i - 1] < row);
            while (k < r->offsets[row + 1] && r->ids[k] != s) k++;
            assert_true(k < r->offsets[row + 1]);
            if (r->x) assert_true(r->column_x[i] == r->x[k]);
            seen++;
        }
    assert_int_equal(seen, r->nonzeros); /* each once, since ids are each once per row */
}

static void test_all_rows(void **state)
{
    (void)state;
    static const int sizes[] = {1, 2, 3, 5, 256, 257, 700};
    for (size_t z = 0; z < LENGTH(sizes); z++)
        for (int counts = 0; counts < 2; counts++) {
            made_corpus m = made_corpus_of(sizes[z], 3, 0.25f, 40 + z);
            vl_features f = pipeline(&m.c, counts);
            vl_feature_scratch *s;
            vl_rows r;
            vl_workers *w = open_workers(1 + (int)z % 3);
            assert_int_equal(vl_feature_scratch_open(&s, &f, NULL), VALENCE_OK);
            if (sizes[z] > 2) m.c.examples[2].text.len = 0; /* an empty row */
            assert_int_equal(vl_rows_build(&r, &m.c, NULL, 0, &f, w, NULL), VALENCE_OK);
            assert_int_equal(r.n, sizes[z]);
            assert_int_equal(r.slots, SLOTS);
            assert_int_equal(r.nonzeros, r.offsets[r.n]);
            for (int64_t i = 0; i < r.n; i++) check_row(&r, i, &m.c, i, &f, s);
            assert_int_equal(vl_rows_transpose(&r, w, NULL), VALENCE_OK);
            check_columns(&r);
            vl_rows_release(&r);
            vl_workers_close(w);
            vl_feature_scratch_close(s);
            made_release(&m);
        }
}

static void test_chosen_rows(void **state)
{
    (void)state;
    static const int64_t chosen[] = {9, 3, 3, 599, 0, 257};
    made_corpus m = made_corpus_of(600, 2, 0.25f, 50);
    vl_features f = pipeline(&m.c, true);
    vl_feature_scratch *s;
    vl_rows r;
    assert_int_equal(vl_feature_scratch_open(&s, &f, NULL), VALENCE_OK);
    assert_int_equal(vl_rows_build(&r, &m.c, chosen, LENGTH(chosen), &f, NULL, NULL), VALENCE_OK);
    assert_int_equal(r.n, LENGTH(chosen));
    for (int64_t i = 0; i < r.n; i++) check_row(&r, i, &m.c, chosen[i], &f, s);
    assert_int_equal(vl_rows_transpose(&r, NULL, NULL), VALENCE_OK);
    check_columns(&r);
    vl_rows_release(&r);
    assert_int_equal(vl_rows_build(&r, &m.c, chosen, 0, &f, NULL, NULL), VALENCE_OK); /* none */
    assert_int_equal(r.n, 0);
    assert_int_equal(vl_rows_transpose(&r, NULL, NULL), VALENCE_OK);
    assert_int_equal(r.column_begin[SLOTS], 0);
    vl_rows_release(&r);
    vl_rows_release(&r); /* again is fine */
    vl_feature_scratch_close(s);
    made_release(&m);
}

static void test_no_memory(void **state)
{
    (void)state;
    made_corpus m = made_corpus_of(300, 2, 1, 51);
    vl_features f = pipeline(&m.c, true);
    vl_rows r;
    for (int64_t n = 1;; n++) {
        int64_t before = vl_mem_usage_total().current;
        valence_error error = {0};
        vl_mem_fail_from(n);
        vl_status status = vl_rows_build(&r, &m.c, NULL, 0, &f, NULL, &error);
        if (status == VALENCE_OK) status = vl_rows_transpose(&r, NULL, &error);
        vl_mem_fail_from(0);
        vl_rows_release(&r);
        assert_int_equal(vl_mem_usage_total().current, before);
        if (status == VALENCE_OK) {
            assert_true(n > 10);
            break;
        }
        assert_int_equal(status, VALENCE_NO_MEMORY);
        assert_int_equal(error.code, VALENCE_NO_MEMORY);
    }
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_rows),
        cmocka_unit_test(test_chosen_rows),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
