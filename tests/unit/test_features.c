/* test_features.c: from a text to ids: presence and counts against a plain version, the scratch
 * between texts, texts of megabytes with cleaning passes, and that nothing is allocated. */
#include "test.h"

#include "base/hash.h"
#include "base/mem.h"
#include "text/features.h"

enum { BUCKETS = 64, SLOTS = BUCKETS * VL_BUCKET };

static uint16_t fingerprints[SLOTS];

static vl_features features_of(int max_n, bool counts, uint32_t passes)
{
    return (vl_features){
        .passes = passes, .max_n = max_n, .counts = counts, .table = {fingerprints, BUCKETS}};
}

static vl_feature_scratch *open_scratch(const vl_features *f)
{
    vl_feature_scratch *s;
    assert_int_equal(vl_feature_scratch_open(&s, f, NULL), VALENCE_OK);
    return s;
}

/* ---- The plain version ------------------------------------------------------------------------
 */

typedef struct ngram_list {
    uint64_t *numbers;
    size_t count, room;
} ngram_list;

static vl_status keep(void *user, const uint64_t *ngrams, int count)
{
    ngram_list *l = user;
    if (l->count + (size_t)count >= l->room) {
        l->room = 2 * (l->count + (size_t)count + 1);
        l->numbers = realloc(l->numbers, l->room * sizeof *l->numbers);
    }
    memcpy(l->numbers + l->count, ngrams, (size_t)count * sizeof *ngrams);
    l->count += (size_t)count;
    return VALENCE_OK;
}

static ngram_list stream(const vl_features *f, vl_feature_scratch *s, vl_span text, uint64_t *words)
{
    ngram_list l = {0};
    assert_int_equal(vl_features_stream(f, s, text, keep, &l, words), VALENCE_OK);
    return l;
}

/* times[slot]: how often a text's n-grams meet the slot. */
static void count_slots(float *times, const vl_features *f, vl_feature_scratch *s, vl_span text)
{
    memset(times, 0, SLOTS * sizeof *times);
    ngram_list l = stream(f, s, text, NULL);
    for (size_t i = 0; i < l.count; i++) {
        int32_t slot = vl_ngram_find(&f->table, l.numbers[i]);
        if (slot >= 0) times[slot]++;
    }
    free(l.numbers);
}

static void expect_batch(const vl_features *f, const vl_batch *b, const float *times)
{
    float got[SLOTS] = {0};
    assert_int_equal(b->B, 1);
    assert_int_equal(b->offsets[0], 0);
    assert_int_equal(b->weights != NULL, f->counts);
    for (int32_t i = 0; i < b->offsets[1]; i++) {
        assert_in_range(b->ids[i], 0, SLOTS - 1);
        assert_true(got[b->ids[i]] == 0); /* each once */
        got[b->ids[i]] = b->weights ? b->weights[i] : 1;
    }
    for (int i = 0; i < SLOTS; i++)
        assert_true(got[i] == (f->counts ? times[i] : (float)(times[i] > 0)));
}

/* Words w0 .. w199, of which the table holds some n-grams. */
static size_t random_text(char *out, size_t words, uint64_t seed)
{
    size_t n = 0;
    for (uint64_t i = 0; i < words; i++)
        n += (size_t)sprintf(out + n, "w%d%s", (int)(vl_random_at(seed, i) % 200),
                             vl_random_at(seed, i) >> 60 ? " " : ", ");
    return n;
}

static void fill_table(void)
{
    static char text[8000];
    memset(fingerprints, 0, sizeof fingerprints);
    vl_features f = features_of(3, false, 0);
    vl_feature_scratch *s = open_scratch(&f);
    size_t len = random_text(text, 900, 1);
    ngram_list l = stream(&f, s, (vl_span){text, len}, NULL);
    for (size_t i = 0; i < l.count; i += 4) vl_ngram_insert(fingerprints, BUCKETS, l.numbers[i]);
    free(l.numbers);
    vl_feature_scratch_close(s);
}

static void test_against_plain(void **state)
{
    (void)state;
    static char text[40000];
    float times[SLOTS];
    fill_table();
    for (int max_n = 1; max_n <= 3; max_n++)
        for (int counts = 0; counts < 2; counts++) {
            vl_features f = features_of(max_n, counts, 0);
            vl_feature_scratch *s = open_scratch(&f);
            for (uint64_t seed = 1; seed < 60;
                 seed++) { /* one scratch: nothing may be left behind */
                size_t words = seed % 7 ? vl_random_at(seed, 0) % 100 : 4000, len;
                uint64_t said = 99;
                vl_batch batch;
                len = random_text(text, words, seed);
                count_slots(times, &f, s, (vl_span){text, len});
                assert_int_equal(vl_features_of_text(&f, s, (vl_span){text, len}, &batch, &said),
                                 VALENCE_OK);
                assert_int_equal(said, words);
                expect_batch(&f, &batch, times);
            }
            vl_feature_scratch_close(s);
        }
}

static void test_example(void **state)
{
    (void)state;
    memset(fingerprints, 0, sizeof fingerprints);
    vl_features f = features_of(2, true, 0);
    vl_feature_scratch *s = open_scratch(&f);
    ngram_list l = stream(&f, s, vl_span_of("not good"), NULL); /* not, good, not good */
    assert_int_equal(l.count, 3);
    int32_t slot[3];
    for (int i = 0; i < 3; i++) slot[i] = vl_ngram_insert(fingerprints, BUCKETS, l.numbers[i]);
    vl_batch b;
    uint64_t words;
    assert_int_equal(
        vl_features_of_text(&f, s, vl_span_of("Not good? Not good, not bad!"), &b, &words),
        VALENCE_OK);
    assert_int_equal(words, 6);
    assert_int_equal(b.offsets[1], 3);
    assert_int_equal(b.ids[0], slot[0]);
    assert_int_equal(b.ids[1], slot[1]);
    assert_int_equal(b.ids[2], slot[2]);
    assert_true(b.weights[0] == 3 && b.weights[1] == 2 && b.weights[2] == 2);
    free(l.numbers);
    vl_feature_scratch_close(s);
}

static void test_nothing_to_go_by(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "   \n", "!?...", "\xFF\xFE"};
    for (int passes = 0; passes < 2; passes++) {
        vl_features f = features_of(3, false, passes ? VL_CLEAN_DEFAULT : 0);
        vl_feature_scratch *s = open_scratch(&f);
        for (size_t i = 0; i < LENGTH(texts); i++) {
            vl_batch b;
            uint64_t words = 7;
            assert_int_equal(vl_features_of_text(&f, s, vl_span_of(texts[i]), &b, &words),
                             VALENCE_OK);
            assert_int_equal(words, 0);
            assert_int_equal(b.offsets[1], 0);
            assert_int_equal(vl_features_of_text(&f, s, vl_span_of(texts[i]), &b, NULL),
                             VALENCE_OK);
        }
        vl_feature_scratch_close(s);
    }
}

static void test_words_unknown_to_the_model(void **state)
{
    (void)state;
    memset(fingerprints, 0, sizeof fingerprints);
    vl_features f = features_of(3, false, 0);
    vl_feature_scratch *s = open_scratch(&f);
    vl_batch b;
    uint64_t words;
    assert_int_equal(vl_features_of_text(&f, s, vl_span_of("quite unknown words"), &b, &words),
                     VALENCE_OK);
    assert_int_equal(words, 3);
    assert_int_equal(b.offsets[1], 0);
    vl_feature_scratch_close(s);
}

static void test_marks(void **state)
{
    (void)state;
    vl_features f = features_of(1, false, 0);
    vl_feature_scratch *s = open_scratch(&f);
    uint64_t words;
    free(stream(&f, s, vl_span_of("so! good!!"), &words).numbers);
    assert_int_equal(words, 2);
    f.word_flags = VL_WORDS_MARKS;
    free(stream(&f, s, vl_span_of("so! good!!"), &words).numbers);
    assert_int_equal(words, 5);
    vl_feature_scratch_close(s);
}

/* Cleaning first: the same features as the text cleaned beforehand. */
static void test_passes(void **state)
{
    (void)state;
    static const char raw[] = "It's NOT <b>sooooo</b> good &amp; done :) http://x.org/a";
    const uint32_t passes = VL_CLEAN_ONE(HTML) | VL_CLEAN_ONE(URLS) | VL_CLEAN_ONE(EMOTICONS) |
                            VL_CLEAN_ONE(ELONGATIONS) | VL_CLEAN_DEFAULT;
    vl_features with = features_of(3, false, passes), without = features_of(3, false, 0);
    vl_feature_scratch *s = open_scratch(&with);
    vl_clean_scratch clean = {0};
    vl_span cleaned;
    assert_int_equal(vl_clean(passes, vl_span_of(raw), &clean, &cleaned), VALENCE_OK);
    ngram_list a = stream(&with, s, vl_span_of(raw), NULL);
    ngram_list b = stream(&without, s, cleaned, NULL);
    assert_true(a.count > 10 && a.count == b.count);
    assert_memory_equal(a.numbers, b.numbers, a.count * sizeof *a.numbers);
    free(a.numbers);
    free(b.numbers);
    vl_clean_scratch_release(&clean);
    vl_feature_scratch_close(s);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Texts above a megabyte are cleaned in segments; n-grams reach across them. */
static void test_long_text(void **state)
{
    (void)state;
    enum { LEN = 3 << 20 };
    char *text = malloc(LEN + 64);
    size_t len = 0;
    for (uint64_t i = 0; len < LEN; i++)
        len += (size_t)sprintf(text + len, "%s%d ", i % 3 ? "Word" : "gr\u00F6\u00DFe",
                               (int)(vl_random_at(3, i) % 50000));
    const uint32_t passes = VL_CLEAN_ONE(LOWER) | VL_CLEAN_ONE(SPACES); /* change no word here */
    vl_features with = features_of(3, false, passes), without = features_of(3, false, 0);
    vl_feature_scratch *s = open_scratch(&with);
    uint64_t words[2];
    ngram_list a = stream(&with, s, (vl_span){text, len}, &words[0]);
    ngram_list b = stream(&without, s, (vl_span){text, len}, &words[1]);
    assert_true(words[0] > 200000);
    assert_int_equal(words[0], words[1]);
    assert_int_equal(a.count, 3 * words[0] - 3);
    assert_int_equal(b.count, a.count);
    qsort(a.numbers, a.count, sizeof *a.numbers, by_value);
    qsort(b.numbers, b.count, sizeof *b.numbers, by_value);
    assert_memory_equal(a.numbers, b.numbers, a.count * sizeof *a.numbers);
    free(a.numbers);
    free(b.numbers);
    memset(text, 'x', LEN); /* no blank at all: cut at every 4096 bytes */
    a = stream(&with, s, (vl_span){text, LEN}, &words[0]);
    assert_int_equal(words[0], LEN / 4096);
    free(a.numbers);
    memset(text, 0x80, LEN); /* no place where a code point begins */
    a = stream(&without, s, (vl_span){text, LEN}, &words[0]);
    assert_int_equal(words[0], 0);
    free(a.numbers);
    free(stream(&with, s, (vl_span){text, LEN}, &words[0]).numbers);
    vl_feature_scratch_close(s);
    free(text);
}

/* With passes: nothing is allocated unless a text is longer than any before. Without: never. */
static void test_allocations(void **state)
{
    (void)state;
    static char text[40000];
    fill_table();
    for (int passes = 0; passes < 2; passes++)
        for (int counts = 0; counts < 2; counts++) {
            vl_features f = features_of(3, counts, passes ? VL_CLEAN_DEFAULT : 0);
            vl_feature_scratch *s = open_scratch(&f);
            vl_batch b;
            size_t len = random_text(text, 4000, 2);
            if (passes) vl_features_of_text(&f, s, (vl_span){text, len}, &b, NULL);
            int64_t before = vl_mem_usage_total().allocations;
            for (uint64_t seed = 0; seed < 200; seed++) {
                len = random_text(text, seed * 20, seed);
                if (passes && len > 20000) len = 20000;
                assert_int_equal(vl_features_of_text(&f, s, (vl_span){text, len}, &b, NULL),
                                 VALENCE_OK);
            }
            assert_int_equal(vl_mem_usage_total().allocations, before);
            vl_feature_scratch_close(s);
        }
}

/* Out of memory is said, and the scratch is as good as before. */
static void test_no_memory(void **state)
{
    (void)state;
    static char text[40000];
    float times[SLOTS];
    fill_table();
    vl_features f = features_of(3, true, VL_CLEAN_DEFAULT);
    vl_feature_scratch *s;
    valence_error error;
    int failures = 0;
    for (int64_t n = 1;; n++) {
        vl_mem_fail_from(n);
        vl_status status = vl_feature_scratch_open(&s, &f, &error);
        vl_mem_fail_from(0);
        if (status == VALENCE_OK) break;
        assert_int_equal(status, VALENCE_NO_MEMORY);
        assert_null(s);
        failures++;
    }
    assert_int_equal(failures, 5);
    vl_batch b;
    size_t len = random_text(text, 4000, 2);
    vl_mem_fail_from(1);
    assert_int_equal(vl_features_of_text(&f, s, (vl_span){text, len}, &b, NULL), VALENCE_NO_MEMORY);
    vl_mem_fail_from(0);
    assert_int_equal(b.offsets[1], 0);
    assert_int_equal(vl_features_of_text(&f, s, (vl_span){text, len}, &b, NULL), VALENCE_OK);
    vl_batch kept = b;
    vl_feature_scratch *other = open_scratch(&f);
    count_slots(times, &f, other, (vl_span){text, len});
    expect_batch(&f, &kept, times);
    vl_feature_scratch_close(other);
    vl_feature_scratch_close(s);
    vl_feature_scratch_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_plain),
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_nothing_to_go_by),
        cmocka_unit_test(test_words_unknown_to_the_model),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_passes),
        cmocka_unit_test(test_long_text),
        cmocka_unit_test(test_allocations),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
