/* test_feature_places.c: offsets of n-grams: the bytes of each place, taken alone, give the very
 * n-gram again; the batch is that of the plain pass; places across blocks and beyond ASCII. */
#include "test.h"

#include "base/hash.h"
#include "base/mem.h"
#include "text/feature_places.h"

enum { BUCKETS = 4096, SLOTS = BUCKETS * VL_BUCKET };

static uint16_t fingerprints[SLOTS];

typedef struct places_test {
    vl_features f;
    vl_feature_scratch *s, *other;
    vl_feature_places p;
} places_test;

static places_test open_test(int max_n, bool counts, uint32_t passes)
{
    places_test t = {.f = {.passes = passes, .word_flags = VL_WORDS_MARKS, .max_n = max_n,
                           .counts = counts, .table = {fingerprints, BUCKETS}}};
    assert_int_equal(vl_feature_scratch_open(&t.s, &t.f, NULL), VALENCE_OK);
    assert_int_equal(vl_feature_scratch_open(&t.other, &t.f, NULL), VALENCE_OK);
    assert_int_equal(vl_feature_places_init(&t.p, &t.f, NULL), VALENCE_OK);
    return t;
}

static void close_test(places_test *t)
{
    vl_feature_scratch_close(t->s);
    vl_feature_scratch_close(t->other);
    vl_feature_places_release(&t->p);
}

static vl_status insert(void *user, const uint64_t *ngrams, int count)
{
    uint64_t *rest = user;
    for (int i = 0; i < count; i++)
        if ((*rest)++ % 2 == 0) vl_ngram_insert(fingerprints, BUCKETS, ngrams[i]);
    return VALENCE_OK;
}

/* Every second n-gram of the text becomes known. */
static void learn(places_test *t, vl_span text)
{
    uint64_t rest = 0;
    assert_int_equal(vl_features_stream(&t->f, t->s, text, insert, &rest, NULL), VALENCE_OK);
}

typedef struct longest {
    uint64_t number;
    int count;
} longest;

static vl_status keep_last(void *user, const uint64_t *ngrams, int count)
{
    longest *l = user;
    l->count += count;
    if (count) l->number = ngrams[count - 1];
    return VALENCE_OK;
}

/* The n-gram of all words of a piece of text: the last one that comes. */
static int32_t slot_of_piece(places_test *t, vl_span piece)
{
    longest l = {0};
    assert_int_equal(vl_features_stream(&t->f, t->other, piece, keep_last, &l, NULL), VALENCE_OK);
    assert_true(l.count == 1 || l.count == 3 || l.count == 6); /* 1, 2 or 3 words */
    return vl_ngram_find(&t->f.table, l.number);
}

static void expect_same_batch(places_test *t, vl_span text, const vl_batch *got, uint64_t words)
{
    vl_batch plain;
    uint64_t plain_words;
    assert_int_equal(vl_features_of_text(&t->f, t->other, text, &plain, &plain_words), VALENCE_OK);
    assert_int_equal(words, plain_words);
    assert_int_equal(got->offsets[1], plain.offsets[1]);
    size_t n = (size_t)plain.offsets[1];
    if (n) assert_memory_equal(got->ids, plain.ids, n * sizeof *plain.ids);
    assert_int_equal(got->weights != NULL, plain.weights != NULL);
    if (n && plain.weights) assert_memory_equal(got->weights, plain.weights, n * sizeof(float));
}

/* All places lead back to their n-grams; counts and first places agree with the list. */
static void expect_places(places_test *t, vl_span text, const vl_batch *batch)
{
    const vl_feature_places *p = &t->p;
    uint32_t *count = calloc(p->reason_count + 1, sizeof *count);
    for (size_t i = 0; i < p->place_count; i++) {
        const valence_place *place = &p->places[i];
        assert_true(place->start < place->end && place->end <= text.len);
        assert_true(place->reason < p->reason_count);
        const valence_reason *r = &p->reasons[place->reason];
        if (count[place->reason]++ == 0)
            assert_true(r->start == place->start && r->end == place->end);
        vl_span piece = {text.ptr + place->start, place->end - place->start};
        assert_int_equal(slot_of_piece(t, piece), batch->ids[place->reason]);
    }
    for (size_t i = 0; i < p->reason_count; i++) assert_int_equal(count[i], p->reasons[i].count);
    free(count);
}

static void check_text(places_test *t, vl_span text)
{
    vl_batch batch;
    assert_int_equal(vl_features_places(&t->f, t->s, &t->p, text, &batch), VALENCE_OK);
    assert_int_equal(batch.offsets[1], t->p.reason_count);
    expect_same_batch(t, text, &batch, t->p.words);
    expect_places(t, text, &batch);
}

static const char *const pieces[] = {
    "good", "bad", "don't", "don\xE2\x80\x99t", "caf\xC3\xA9", "cafe\xCC\x81", "\xC3\x9C" "BER", "!", "...",
    "\xE2\x99\xA5", "\xF0\x9F\x98\x80", "\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD", "\xE2\x80\x9Cso\xE2\x80\x9D",
    "x", "of", "the", "a-b", "3.5", "\xE5\xA5\xBD", "\xEF\xBF\xBD", "\xC2\xA0", "\xE2\x9D\xA4\xEF\xB8\x8F"};

static size_t random_text(char *out, size_t count, uint64_t seed, size_t kinds)
{
    size_t n = 0;
    for (uint64_t i = 0; i < count; i++)
        n += (size_t)sprintf(out + n, "%s ", pieces[vl_random_at(seed, i) % kinds]);
    return n;
}

static void test_random(void **state)
{
    (void)state;
    static char text[400000];
    for (int max_n = 1; max_n <= 3; max_n++)
        for (int counts = 0; counts < 2; counts++) {
            places_test t = open_test(max_n, counts, 0);
            memset(fingerprints, 0, sizeof fingerprints);
            learn(&t, (vl_span){text, random_text(text, 3000, 77, LENGTH(pieces))});
            for (uint64_t seed = 1; seed < 40; seed++) {
                size_t kinds = seed % 3 ? LENGTH(pieces) : 3; /* ASCII alone, too */
                size_t words = seed % 9 ? seed * 3 : 6000;    /* more than one block */
                check_text(&t, (vl_span){text, random_text(text, words, seed, kinds)});
            }
            check_text(&t, (vl_span){"", 0});
            close_test(&t);
        }
}

static void expect_reason(const places_test *t, size_t i, size_t start, size_t end, uint32_t count)
{
    assert_true(i < t->p.reason_count);
    assert_int_equal(t->p.reasons[i].start, start);
    assert_int_equal(t->p.reasons[i].end, end);
    assert_int_equal(t->p.reasons[i].count, count);
}

static vl_status insert_all(void *user, const uint64_t *ngrams, int count)
{
    (void)user;
    for (int i = 0; i < count; i++) vl_ngram_insert(fingerprints, BUCKETS, ngrams[i]);
    return VALENCE_OK;
}

static void test_example(void **state)
{
    (void)state;
    places_test t = open_test(2, false, 0);
    vl_span text = vl_span_of("good, \xE2\x99\xA5 good");
    vl_batch b;
    memset(fingerprints, 0, sizeof fingerprints);
    vl_features_stream(&t.f, t.s, text, insert_all, NULL, NULL);
    assert_int_equal(vl_features_places(&t.f, t.s, &t.p, text, &b), VALENCE_OK);
    assert_int_equal(t.p.reason_count, 6);
    assert_int_equal(t.p.place_count, 7);
    assert_int_equal(t.p.words, 4);
    expect_reason(&t, 0, 0, 4, 2);  /* good */
    expect_reason(&t, 1, 4, 5, 1);  /* , */
    expect_reason(&t, 2, 6, 9, 1);  /* the heart */
    expect_reason(&t, 3, 0, 5, 1);  /* good , */
    expect_reason(&t, 4, 4, 9, 1);  /* , heart */
    expect_reason(&t, 5, 6, 14, 1); /* heart good */
    assert_int_equal(t.p.places[3].start, 10);
    close_test(&t);
}

/* One character that stands for three marks is the place of each. */
static void test_ellipsis(void **state)
{
    (void)state;
    places_test t = open_test(2, true, 0);
    vl_span text = vl_span_of("so\xE2\x80\xA6 ok");
    vl_batch b;
    memset(fingerprints, 0, sizeof fingerprints);
    vl_features_stream(&t.f, t.s, text, insert_all, NULL, NULL);
    assert_int_equal(vl_features_places(&t.f, t.s, &t.p, text, &b), VALENCE_OK);
    expect_reason(&t, 0, 0, 2, 1); /* so */
    expect_reason(&t, 1, 2, 5, 3); /* . */
    expect_reason(&t, 2, 6, 8, 1); /* ok */
    expect_reason(&t, 3, 0, 5, 1); /* so . */
    expect_reason(&t, 4, 2, 5, 2); /* . . */
    expect_reason(&t, 5, 2, 8, 1); /* . ok */
    close_test(&t);
}

/* With cleaning passes the offsets are those of the text before them. */
static void test_cleaned(void **state)
{
    (void)state;
    places_test t = open_test(1, false, VL_CLEAN_ONE(HTML) | VL_CLEAN_ONE(URLS) | VL_CLEAN_ONE(ELONGATIONS));
    vl_span text = vl_span_of("<br />Soooo good: see http://x.org/y, ok");
    vl_batch b;
    memset(fingerprints, 0, sizeof fingerprints);
    vl_features_stream(&t.f, t.s, text, insert_all, NULL, NULL);
    assert_int_equal(vl_features_places(&t.f, t.s, &t.p, text, &b), VALENCE_OK);
    expect_reason(&t, 0, 6, 11, 1);  /* soo */
    expect_reason(&t, 1, 12, 16, 1); /* good */
    expect_reason(&t, 2, 16, 17, 1); /* : */
    expect_reason(&t, 3, 18, 21, 1); /* see */
    expect_reason(&t, 4, 22, 36, 1); /* urltoken */
    expect_reason(&t, 5, 36, 37, 1); /* , */
    expect_reason(&t, 6, 38, 40, 1); /* ok */
    close_test(&t);
}

/* A text of several pieces: offsets go on behind the first megabyte. */
static void test_long(void **state)
{
    (void)state;
    size_t len = (size_t)3 << 20, at = len - 10;
    char *text = malloc(len + 1);
    for (size_t i = 0; i < len; i++) text[i] = i % 8 == 7 ? ' ' : 'z';
    memcpy(text + at, " <b> good ", 10);
    for (int passes = 0; passes < 2; passes++) {
        places_test t = open_test(1, false, passes ? VL_CLEAN_ONE(HTML) : 0);
        vl_batch b;
        memset(fingerprints, 0, sizeof fingerprints);
        vl_features_stream(&t.f, t.s, vl_span_of("good"), insert_all, NULL, NULL);
        assert_int_equal(vl_features_places(&t.f, t.s, &t.p, (vl_span){text, len}, &b), VALENCE_OK);
        assert_int_equal(t.p.place_count, 1);
        expect_reason(&t, 0, at + 5, at + 9, 1);
        close_test(&t);
    }
    free(text);
}

/* The list of places ends at its maximum; counts go on. */
static void test_many_places(void **state)
{
    (void)state;
    size_t words = VL_PLACES_MAX + 5000;
    char *text = malloc(words * 5);
    for (size_t i = 0; i < words; i++) memcpy(text + i * 5, "good ", 5);
    places_test t = open_test(1, true, 0);
    vl_batch b;
    memset(fingerprints, 0, sizeof fingerprints);
    vl_features_stream(&t.f, t.s, vl_span_of("good"), insert_all, NULL, NULL);
    assert_int_equal(vl_features_places(&t.f, t.s, &t.p, (vl_span){text, words * 5}, &b), VALENCE_OK);
    assert_int_equal(t.p.place_count, VL_PLACES_MAX);
    expect_reason(&t, 0, 0, 4, (uint32_t)words);
    assert_true(b.weights[0] == (float)words);
    close_test(&t);
    free(text);
}

static void test_no_memory(void **state)
{
    (void)state;
    vl_span text = vl_span_of("good <b>x</b>");
    memset(fingerprints, 0, sizeof fingerprints);
    bool done = false;
    size_t before = vl_mem_usage_total().current;
    for (int n = 1; !done; n++) {
        places_test t = {.f = {.passes = VL_CLEAN_ONE(HTML), .max_n = 3, .table = {fingerprints, BUCKETS}}};
        vl_batch b;
        valence_error error = {0};
        assert_int_equal(vl_feature_scratch_open(&t.s, &t.f, NULL), VALENCE_OK);
        vl_mem_fail_from(n);
        vl_status status = vl_feature_places_init(&t.p, &t.f, &error);
        if (status == VALENCE_OK) status = vl_features_places(&t.f, t.s, &t.p, text, &b);
        vl_mem_fail_from(0);
        done = status == VALENCE_OK;
        if (!done) assert_int_equal(status, VALENCE_NO_MEMORY);
        close_test(&t);
        assert_int_equal(vl_mem_usage_total().current, before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),      cmocka_unit_test(test_example),
        cmocka_unit_test(test_cleaned),     cmocka_unit_test(test_long),
        cmocka_unit_test(test_ellipsis),    cmocka_unit_test(test_many_places), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
