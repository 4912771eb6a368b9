/* test_counts.c: against a sorted list of everything; presence and occurrences, weights, held-out
 * columns, shards, closing early, any number of threads, no memory. */
#include "made_corpus.h"

#include "base/mem.h"
#include "train/counts.h"

static const uint16_t nothing[VL_BUCKET];

static vl_features pipeline(bool counts, int max_n)
{
    return (vl_features){.max_n = max_n, .counts = counts, .table = {nothing, 1}};
}

static vl_counts *count(const vl_corpus *c, const vl_features *f, uint32_t held_out,
                        float min_count, int threads)
{
    vl_counts *counts = malloc(sizeof *counts);
    vl_workers *w = open_workers(threads);
    vl_counts_init(counts, c->K);
    assert_int_equal(vl_counts_add_corpus(counts, c, f, held_out, min_count, w, NULL), VALENCE_OK);
    vl_workers_close(w);
    return counts;
}

static void release(vl_counts *c)
{
    vl_counts_release(c);
    free(c);
}

/* ---- The plain version: (number, column, weight) of everything, sorted and added up -------------
 */

typedef struct entry {
    uint64_t number;
    int column;
    double weight;
} entry;

typedef struct list {
    entry *e;
    size_t count, room;
    int column;
    double weight;
    bool presence;
    size_t text_start;
} list;

static uint64_t upper(uint64_t ngram)
{
    return ngram >> 17 ? ngram & VL_NGRAM_MASK : (uint64_t)1 << 17;
}

static vl_status keep(void *user, const uint64_t *ngrams, int count)
{
    list *l = user;
    for (int i = 0; i < count; i++) {
        if (l->count == l->room)
            l->e = realloc(l->e, (l->room = 2 * l->room + 1000) * sizeof *l->e);
        l->e[l->count++] = (entry){upper(ngrams[i]), l->column, l->weight};
    }
    return VALENCE_OK;
}

static int by_place(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    if (x->number != y->number) return x->number < y->number ? -1 : 1;
    return x->column - y->column;
}

/* Equal neighbours become one; `once`: their weight does not add up. */
static size_t add_up(entry *e, size_t n, bool once)
{
    size_t k = 0;
    qsort(e, n, sizeof *e, by_place);
    for (size_t i = 0; i < n; i++) {
        if (k && by_place(&e[k - 1], &e[i]) == 0) e[k - 1].weight += once ? 0 : e[i].weight;
        else e[k++] = e[i];
    }
    return k;
}

static list plain_counts(const vl_corpus *c, const vl_features *f, uint32_t held_out)
{
    list l = {0};
    vl_feature_scratch *s;
    int classes = c->K <= VL_COUNT_CLASSES ? c->K : 1;
    assert_int_equal(vl_feature_scratch_open(&s, f, NULL), VALENCE_OK);
    for (int64_t i = 0; i < c->count; i++) {
        const vl_example *x = &c->examples[i];
        size_t start = l.count;
        l.column = (classes == 1 ? 0 : vl_corpus_label(c, i)) + (x->order < held_out ? classes : 0);
        l.weight = c->groups[x->group].weight;
        vl_features_stream(f, s, x->text, keep, &l, NULL);
        if (!f->counts) l.count = start + add_up(l.e + start, l.count - start, true);
    }
    vl_feature_scratch_close(s);
    l.count = add_up(l.e, l.count, false);
    return l;
}

static void expect_counts(const vl_counts *c, const list *l, double min_count)
{
    size_t found = 0, i = 0, kept = 0;
    entry *got = malloc((l->count + 1) * sizeof *got);
    for (int p = 0; p < VL_COUNT_PARTS; p++) {
        uint64_t used = 0;
        for (uint64_t k = 0; k < c->part[p].capacity; k++) {
            const float *values;
            uint64_t number = vl_count_entry(c, &c->part[p], k, &values);
            if (!number) continue;
            assert_int_equal(vl_count_part_of(number), p);
            used++;
            for (int column = 0; column < c->columns; column++) {
                if (values[column] == 0) continue;
                assert_true(found < l->count);
                got[found++] = (entry){number, column, values[column]};
            }
        }
        assert_int_equal(used, c->part[p].used);
    }
    qsort(got, found, sizeof *got, by_place);
    for (size_t from = 0; from < l->count; from = i) { /* each n-gram's columns together */
        double sum = 0;
        for (i = from; i < l->count && l->e[i].number == l->e[from].number; i++)
            sum += l->e[i].weight;
        if (sum < min_count) continue;
        for (size_t k = from; k < i; k++, kept++) {
            assert_true(kept < found && by_place(&got[kept], &l->e[k]) == 0);
            assert_true(got[kept].weight == l->e[k].weight); /* halves: exact */
        }
    }
    assert_int_equal(kept, found);
    free(got);
}

static void test_against_plain(void **state)
{
    (void)state;
    static const int classes[] = {2, 3, 32, 40};
    for (size_t k = 0; k < LENGTH(classes); k++)
        for (int occurrences = 0; occurrences < 2; occurrences++) {
            made_corpus m = made_corpus_of(700, classes[k], 0.5f, k);
            vl_features f = pipeline(occurrences, 1 + (int)(k + 2) % 3);
            uint32_t held_out = k ? VL_HELD_OUT_BELOW : 0;
            list l = plain_counts(&m.c, &f, held_out);
            vl_counts *c = count(&m.c, &f, held_out, 0, 2);
            assert_int_equal(c->columns, classes[k] == 40 ? 2 : 2 * classes[k]);
            assert_true(vl_counts_total(c) > 300);
            expect_counts(c, &l, 0);
            release(c);
            c = count(&m.c, &f, held_out, 3, 2); /* closed early */
            expect_counts(c, &l, 3);
            release(c);
            free(l.e);
            made_release(&m);
        }
}

static void expect_same(const vl_counts *a, const vl_counts *b)
{
    assert_int_equal(a->columns, b->columns);
    for (int p = 0; p < VL_COUNT_PARTS; p++) {
        assert_int_equal(a->part[p].used, b->part[p].used);
        assert_int_equal(a->part[p].capacity, b->part[p].capacity);
        if (a->part[p].capacity)
            assert_memory_equal(a->part[p].entries, b->part[p].entries,
                                a->part[p].capacity * a->stride);
    }
}

/* The same bytes, even with weights that are no sums of halves. */
static void test_threads(void **state)
{
    (void)state;
    made_corpus m = made_corpus_of(1500, 3, 0.37f, 5);
    vl_features f = pipeline(false, 3);
    for (int closed = 0; closed < 2; closed++) {
        vl_counts *one = count(&m.c, &f, VL_HELD_OUT_BELOW, closed ? 2 : 0, 1);
        for (int threads = 2; threads <= 4; threads++) {
            vl_counts *c = count(&m.c, &f, VL_HELD_OUT_BELOW, closed ? 2 : 0, threads);
            if (!closed) expect_same(one, c);
            assert_int_equal(vl_counts_total(one), vl_counts_total(c));
            release(c);
        }
        release(one);
    }
    made_release(&m);
}

/* Shards counted one after the other, and numbers added by hand, make the same counts. */
static void test_shards(void **state)
{
    (void)state;
    made_corpus m = made_corpus_of(900, 2, 0.5f, 6);
    vl_features f = pipeline(true, 2);
    list l = plain_counts(&m.c, &f, VL_HELD_OUT_BELOW);
    vl_counts *c = malloc(sizeof *c), *sum = malloc(sizeof *sum);
    vl_counts_init(c, 2);
    vl_counts_init(sum, 2);
    for (int shard = 0; shard < 3; shard++) {
        vl_corpus part = m.c;
        part.examples += shard * 300;
        part.count = 300;
        assert_int_equal(
            vl_counts_add_corpus(c, &part, &f, VL_HELD_OUT_BELOW, shard == 2 ? 5 : 0, NULL, NULL),
            VALENCE_OK);
    }
    expect_counts(c, &l, 0); /* min_count is no more than leave; and not when something was there */
    for (int p = 0; p < VL_COUNT_PARTS; p++)
        for (uint64_t i = 0; i < c->part[p].capacity; i++) {
            const float *values;
            uint64_t number = vl_count_entry(c, &c->part[p], i, &values);
            if (number) assert_int_equal(vl_counts_add(sum, number, values), VALENCE_OK);
        }
    expect_counts(sum, &l, 0);
    for (int p = 0; p < VL_COUNT_PARTS; p++)
        assert_int_equal(vl_counts_close_part(sum, p, 2.5f), VALENCE_OK);
    expect_counts(sum, &l, 2.5);
    release(c);
    release(sum);
    free(l.e);
    made_release(&m);
}

/* A number whose upper bits are all 0 does not look like an empty place. */
static void test_number_zero(void **state)
{
    (void)state;
    vl_counts *c = malloc(sizeof *c);
    const float *values;
    vl_counts_init(c, 2);
    assert_int_equal(vl_counts_add(c, 5, (float[]){1, 0, 0, 2}), VALENCE_OK);
    assert_int_equal(vl_counts_add(c, 0, (float[]){1, 0, 0, 0}), VALENCE_OK);
    assert_int_equal(vl_counts_total(c), 1);
    for (uint64_t i = 0; i < c->part[0].capacity; i++)
        if (vl_count_entry(c, &c->part[0], i, &values)) {
            assert_true(values[0] == 2 && values[1] == 0 && values[2] == 0 && values[3] == 2);
        }
    release(c);
}

static void test_empty_texts(void **state)
{
    (void)state;
    vl_group groups[2] = {{0, 1, 1}, {1, 1, 1}};
    vl_example examples[2] = {{{"", 0}, 0, 5}, {{"!!!", 3}, 1, 6}};
    vl_corpus corpus = {.examples = examples,
                        .count = 2,
                        .groups = groups,
                        .group_count = 2,
                        .K = 2,
                        .labels = made_labels()};
    vl_features f = pipeline(false, 3);
    for (int min_count = 0; min_count < 2; min_count++) {
        vl_counts *c = count(&corpus, &f, 0, (float)min_count, 2);
        assert_int_equal(vl_counts_total(c), 0);
        release(c);
    }
    corpus.count = 0;
    release(count(&corpus, &f, 0, 1, 1));
}

/* One text longer than a set or a buffer begins with. */
static void test_long_text(void **state)
{
    (void)state;
    enum { WORDS = 60000 };
    char *text = malloc(WORDS * 8);
    size_t len = 0;
    for (int i = 0; i < WORDS; i++) len += (size_t)sprintf(text + len, "v%d ", (i * 7919) % 30000);
    vl_group groups[2] = {{0, 1, 1}, {1, 1, 0}};
    vl_example examples[1] = {{{text, len}, 0, 5}};
    vl_corpus corpus = {.examples = examples,
                        .count = 1,
                        .groups = groups,
                        .group_count = 2,
                        .K = 2,
                        .labels = made_labels()};
    for (int occurrences = 0; occurrences < 2; occurrences++) {
        vl_features f = pipeline(occurrences, 2);
        list l = plain_counts(&corpus, &f, 0);
        vl_counts *c = count(&corpus, &f, 0, 0, 1);
        expect_counts(c, &l, 0);
        release(c);
        free(l.e);
    }
    free(text);
}

static void test_no_memory(void **state)
{
    (void)state;
    made_corpus m = made_corpus_of(300, 2, 1, 9);
    vl_features f = pipeline(false, 1);
    vl_counts *c = malloc(sizeof *c);
    int64_t n = 1, failures = 0;
    for (;; n += n < 40 ? 1 : 97) {
        valence_error error = {0};
        int64_t before = vl_mem_usage_total().current;
        vl_counts_init(c, 2);
        vl_mem_fail_from(n);
        vl_status status = vl_counts_add_corpus(c, &m.c, &f, 0, 2, NULL, &error);
        vl_mem_fail_from(0);
        vl_counts_release(c);
        assert_int_equal(vl_mem_usage_total().current, before);
        if (status == VALENCE_OK) break;
        assert_int_equal(status, VALENCE_NO_MEMORY);
        assert_int_equal(error.code, VALENCE_NO_MEMORY);
        failures++;
    }
    assert_true(failures > 20);
    free(c);
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_plain), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_shards),        cmocka_unit_test(test_number_zero),
        cmocka_unit_test(test_empty_texts),   cmocka_unit_test(test_long_text),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
