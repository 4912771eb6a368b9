/* test_vocabulary.c: capacity, least counts, the strongest are kept, held-out columns, and the same
 * table for any number of threads and for counts that were closed early. */
#include "made_corpus.h"

#include <math.h>

#include "base/mem.h"
#include "train/vocabulary.h"

static const uint16_t nothing[VL_BUCKET];

static vl_counts *counts_of(const vl_corpus *c, int max_n, float min_count, uint32_t held_out)
{
    vl_counts *counts = malloc(sizeof *counts);
    vl_features f = {.max_n = max_n, .table = {nothing, 1}};
    vl_counts_init(counts, c->K);
    assert_int_equal(vl_counts_add_corpus(counts, c, &f, held_out, min_count, NULL, NULL),
                     VALENCE_OK);
    return counts;
}

static void class_texts_of(double *texts, const vl_corpus *c)
{
    for (int k = 0; k < c->K; k++) texts[k] = 0;
    for (int64_t i = 0; i < c->count; i++)
        texts[vl_corpus_label(c, i)] += c->groups[c->examples[i].group].weight;
}

static void release(vl_counts *c)
{
    vl_counts_release(c);
    free(c);
}

static double plain_strength(const float *n, const double *texts, int K, double a)
{
    double all = 0, every = 0, best = 0;
    for (int k = 0; k < K; k++) all += n[k], every += texts[k];
    for (int k = 0; k < K; k++)
        best = fmax(best, fabs(log((n[k] + a) / (texts[k] + 2 * a) /
                                   ((all - n[k] + a) / (every - texts[k] + 2 * a)))));
    return best;
}

static void test_strength(void **state)
{
    (void)state;
    static const double texts[] = {100, 50, 25};
    static const float counts[][3] = {{0, 0, 0}, {1, 0, 0}, {10, 5, 2.5f}, {0, 50, 25}, {3, 3, 3}};
    for (size_t i = 0; i < LENGTH(counts); i++)
        for (int K = 2; K <= 3; K++)
            assert_true(fabs(vl_ngram_strength(counts[i], texts, K, 3) -
                             plain_strength(counts[i], texts, K, 3)) < 1e-5);
    assert_true(vl_ngram_strength(counts[2], texts, 3, 1e-6f) <
                1e-5); /* in proportion: says nothing */
}

/* Every slot: a fingerprint with its n-gram, whose counts are those counted. */
static void expect_consistent(const vl_vocabulary *v, const vl_counts *c,
                              const vl_vocabulary_options *o)
{
    vl_ngram_table table = vl_vocabulary_table(v);
    int64_t used = 0;
    assert_int_equal(v->slots, (int64_t)v->buckets * VL_BUCKET);
    assert_int_equal(v->columns, c->classes);
    for (int64_t s = 0; s < v->slots; s++) {
        assert_int_equal(v->fingerprints[s] != 0, v->numbers[s] != 0);
        if (!v->numbers[s]) continue;
        used++;
        assert_int_equal(vl_ngram_find(&table, v->numbers[s]), s);
        const vl_count_part *p = &c->part[vl_count_part_of(v->numbers[s])];
        const float *values = NULL;
        float sum = 0;
        for (uint64_t i = 0; i < p->capacity; i++)
            if (vl_count_entry(c, p, i, &values) == v->numbers[s]) break;
        for (int k = 0; k < c->classes; k++) {
            float expected = values[k] + (o->held_out ? values[c->classes + k] : 0);
            assert_true(v->counts[s * c->classes + k] == expected);
            sum += expected;
        }
        assert_true(sum >= o->min_count);
    }
    assert_int_equal(used, v->used);
    assert_true(v->used <= o->capacity);
}

static void test_choice(void **state)
{
    (void)state;
    static const int64_t capacities[] = {100, 500, 5000, 1000000};
    for (int K = 2; K <= 40; K += K == 2 ? 1 : 37) {
        made_corpus m = made_corpus_of(1200, K, 0.5f, 60 + (uint64_t)K);
        vl_counts *c = counts_of(&m.c, 3, 0, VL_HELD_OUT_BELOW);
        double texts[40];
        class_texts_of(texts, &m.c);
        for (int choice = VL_CHOOSE_STRENGTH; choice <= VL_CHOOSE_FREQUENCY; choice++)
            for (size_t i = 0; i < LENGTH(capacities); i++)
                for (int held_out = 0; held_out < 2; held_out++) {
                    vl_vocabulary v;
                    vl_vocabulary_options o = {.capacity = capacities[i],
                                               .min_count = 2,
                                               .smoothing = 1,
                                               .choice = (vl_choice)choice,
                                               .held_out = held_out};
                    assert_int_equal(vl_vocabulary_choose(&v, c, texts, K, &o, NULL, NULL),
                                     VALENCE_OK);
                    expect_consistent(&v, c, &o);
                    if (i == 3) assert_true(v.used > 1000);
                    vl_vocabulary_release(&v);
                }
        release(c);
        made_release(&m);
    }
}

/* With room for all of a score and nothing below: all that are left out for want of capacity score
 * less than all that are kept (a few go for want of a place in their bucket). */
static void test_strongest(void **state)
{
    (void)state;
    made_corpus m = made_corpus_of(1200, 2, 1, 70);
    vl_counts *c = counts_of(&m.c, 2, 0, 0);
    double texts[2];
    class_texts_of(texts, &m.c);
    vl_vocabulary_options o = {
        .capacity = 400, .min_count = 2, .smoothing = 1, .choice = VL_CHOOSE_EVIDENCE};
    vl_vocabulary v;
    assert_int_equal(vl_vocabulary_choose(&v, c, texts, 2, &o, NULL, NULL), VALENCE_OK);
    assert_in_range(v.used, 300, 400);
    double weakest = 1e9;
    int64_t stronger = 0, told = 0;
    for (int64_t s = 0; s < v.slots; s++)
        if (v.numbers[s]) {
            const float *n = v.counts + s * 2;
            weakest = fmin(weakest, plain_strength(n, texts, 2, 1) * sqrt(n[0] + n[1]));
        }
    for (int p = 0; p < VL_COUNT_PARTS; p++)
        for (uint64_t i = 0; i < c->part[p].capacity; i++) {
            const float *n;
            uint64_t number = vl_count_entry(c, &c->part[p], i, &n);
            if (number && n[0] + n[1] >= 2)
                stronger += plain_strength(n, texts, 2, 1) * sqrt(n[0] + n[1]) > weakest + 1e-4;
        }
    assert_true(stronger <= 400);
    assert_true(stronger - v.used < 40); /* no place in the bucket */
    for (int k = 0; k < 2; k++)
        for (int w = 0; w < 10; w++) { /* the words that tell the class are all there */
            char word[32];
            vl_word_block *block = malloc(sizeof *block);
            vl_words_next(block, (vl_span){word, (size_t)sprintf(word, "k%dw%d", k, w)}, 0);
            vl_ngram_table table = vl_vocabulary_table(&v);
            told += vl_ngram_find(&table, vl_ngram_number(block->hash, 1)) >= 0;
            free(block);
        }
    assert_int_equal(told, 20);
    vl_vocabulary_release(&v);
    release(c);
    made_release(&m);
}

static void expect_same(const vl_vocabulary *a, const vl_vocabulary *b)
{
    assert_int_equal(a->slots, b->slots);
    assert_int_equal(a->used, b->used);
    assert_memory_equal(a->fingerprints, b->fingerprints,
                        (size_t)a->slots * sizeof *a->fingerprints);
    assert_memory_equal(a->numbers, b->numbers, (size_t)a->slots * sizeof *a->numbers);
    assert_memory_equal(a->counts, b->counts, (size_t)(a->slots * a->columns) * sizeof *a->counts);
}

/* Also with weights whose sums depend on the order of adding: 0.1 is no binary fraction. */
static void test_same_for_all(void **state)
{
    (void)state;
    static const float least[] = {2.1f, 1.4f, 0.8f, 3.1f, 1.1f};
    for (int round = 0; round < 10; round++) {
        int held_out = round % 2;
        float min_count = least[round / 2];
        made_corpus m = made_corpus_of(1500, 3, 0.1f, 80);
        for (int g = 0; g < 3; g++) m.c.groups[g].weight = 0.7f;
        double texts[3];
        class_texts_of(texts, &m.c);
        vl_counts *c = counts_of(&m.c, 3, 0, VL_HELD_OUT_BELOW),
                  *closed = counts_of(&m.c, 3, min_count, VL_HELD_OUT_BELOW);
        vl_vocabulary_options o = {.capacity = 2000,
                                   .min_count = min_count,
                                   .smoothing = 1,
                                   .choice = VL_CHOOSE_EVIDENCE,
                                   .held_out = held_out};
        vl_vocabulary first, v;
        assert_int_equal(vl_vocabulary_choose(&first, c, texts, 3, &o, NULL, NULL), VALENCE_OK);
        for (int threads = 1; threads <= 4; threads++) {
            vl_workers *w = open_workers(threads);
            assert_int_equal(vl_vocabulary_choose(&v, c, texts, 3, &o, w, NULL), VALENCE_OK);
            expect_same(&first, &v);
            vl_vocabulary_release(&v);
            assert_int_equal(vl_vocabulary_choose(&v, closed, texts, 3, &o, w, NULL), VALENCE_OK);
            expect_same(&first, &v);
            vl_vocabulary_release(&v);
            vl_workers_close(w);
        }
        vl_vocabulary_release(&first);
        o.capacity = 1000000; /* the same where the least count alone decides */
        assert_int_equal(vl_vocabulary_choose(&first, c, texts, 3, &o, NULL, NULL), VALENCE_OK);
        assert_int_equal(vl_vocabulary_choose(&v, closed, texts, 3, &o, NULL, NULL), VALENCE_OK);
        expect_same(&first, &v);
        vl_vocabulary_release(&v);
        vl_vocabulary_release(&first);
        release(c);
        release(closed);
        made_release(&m);
    }
}

/* More n-grams of one and the same score than there is room for: some of them are taken. */
static void test_all_alike(void **state)
{
    (void)state;
    vl_counts *c = malloc(sizeof *c);
    vl_counts_init(c, 2);
    for (uint64_t i = 0; i < 1000; i++) vl_counts_add(c, vl_random_at(1, i), (float[]){5, 0, 0, 0});
    for (int choice = VL_CHOOSE_STRENGTH; choice <= VL_CHOOSE_FREQUENCY; choice++) {
        vl_vocabulary v, again;
        vl_workers *w = open_workers(3);
        vl_vocabulary_options o = {
            .capacity = 100, .min_count = 1, .smoothing = 1, .choice = (vl_choice)choice};
        assert_int_equal(vl_vocabulary_choose(&v, c, (double[]){9, 9}, 2, &o, NULL, NULL),
                         VALENCE_OK);
        assert_in_range(v.used, 80, 100);
        assert_int_equal(vl_vocabulary_choose(&again, c, (double[]){9, 9}, 2, &o, w, NULL),
                         VALENCE_OK);
        expect_same(&v, &again);
        vl_vocabulary_release(&v);
        vl_vocabulary_release(&again);
        vl_workers_close(w);
    }
    release(c);
}

static void test_nothing_left(void **state)
{
    (void)state;
    vl_counts *c = malloc(sizeof *c);
    vl_vocabulary v;
    vl_vocabulary_options o = {.capacity = 100, .min_count = 3, .smoothing = 1};
    vl_counts_init(c, 2);
    for (uint64_t i = 0; i < 10; i++) vl_counts_add(c, vl_random_at(1, i), (float[]){1, 1, 0, 0});
    assert_int_equal(vl_vocabulary_choose(&v, c, (double[]){9, 9}, 2, &o, NULL, NULL), VALENCE_OK);
    assert_int_equal(v.used, 0);
    assert_true(v.buckets >= 1);
    vl_vocabulary_release(&v);
    vl_vocabulary_release(&v);
    release(c);
}

static void test_no_memory(void **state)
{
    (void)state;
    made_corpus m = made_corpus_of(200, 2, 1, 90);
    vl_counts *c = counts_of(&m.c, 1, 0, 0);
    vl_vocabulary_options o = {.capacity = 100, .min_count = 1, .smoothing = 1};
    for (int64_t n = 1;; n++) {
        vl_vocabulary v;
        valence_error error = {0};
        int64_t before = vl_mem_usage_total().current;
        vl_mem_fail_from(n);
        vl_status status = vl_vocabulary_choose(&v, c, (double[]){100, 100}, 2, &o, NULL, &error);
        vl_mem_fail_from(0);
        vl_vocabulary_release(&v);
        assert_int_equal(vl_mem_usage_total().current, before);
        if (status == VALENCE_OK) break;
        assert_int_equal(status, VALENCE_NO_MEMORY);
        assert_int_equal(error.code, VALENCE_NO_MEMORY);
    }
    release(c);
    made_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strength),  cmocka_unit_test(test_choice),
        cmocka_unit_test(test_strongest), cmocka_unit_test(test_same_for_all),
        cmocka_unit_test(test_all_alike), cmocka_unit_test(test_nothing_left),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
