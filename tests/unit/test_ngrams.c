/* test_ngrams.c: numbers (part of the model format), windows across blocks, and everything against
 * a plain version over the list of all words. */
#include "test.h"

#include "base/cpu.h"
#include "base/hash.h"
#include "text/ngrams.h"

static vl_word_block block;
static uint64_t made[VL_NGRAM_MAX * VL_WORDS_BLOCK];

static uint64_t number_of_text(const char *text)
{
    vl_words_next(&block, vl_span_of(text), 0);
    assert_in_range(block.count, 1, VL_NGRAM_MAX);
    return vl_ngram_number(block.hash, block.count);
}

/* Computed by an independent program from the definitions in words.c and ngrams.c. */
static void test_numbers_are_the_format(void **state)
{
    (void)state;
    assert_true(number_of_text("not") == 0x9CBA88C149DBD21Bu);
    assert_true(number_of_text("not good") == 0x894132B930E0C01Bu);
    assert_true(number_of_text("not so good") == 0x8C285FFBD61D1881u);
    assert_true(number_of_text("a a a") == 0xAC93F472458F2033u);
    assert_true(number_of_text("good not") != number_of_text("not good"));
    assert_true(number_of_text("a") != number_of_text("a a"));
}

/* What vl_ngrams_of_block gives for given words in blocks of the given sizes. */
static int of_blocks(uint64_t *out, const uint64_t *words, const int *sizes, int blocks, int max_n)
{
    vl_ngram_window window = {0};
    int n = 0;
    for (int b = 0; b < blocks; b++) {
        memcpy(block.hash, words, (size_t)sizes[b] * sizeof *words);
        block.count = sizes[b];
        int k = vl_ngrams_of_block(out + n, &block, max_n, &window);
        assert_in_range(k, 0, max_n * sizes[b]);
        words += sizes[b];
        n += k;
    }
    return n;
}

static int plain(uint64_t *out, const uint64_t *words, int count, int max_n)
{
    int k = 0;
    for (int n = 1; n <= max_n; n++)
        for (int i = 0; i + n <= count; i++) out[k++] = vl_ngram_number(words + i, n);
    return k;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void expect_same_set(uint64_t *a, int count_a, uint64_t *b, int count_b)
{
    assert_int_equal(count_a, count_b);
    qsort(a, (size_t)count_a, sizeof *a, by_value);
    qsort(b, (size_t)count_b, sizeof *b, by_value);
    assert_memory_equal(a, b, (size_t)count_a * sizeof *a);
}

/* One block: in the promised order. */
static void test_order(void **state)
{
    (void)state;
    uint64_t words[40], expected[120];
    for (uint64_t i = 0; i < 40; i++) words[i] = vl_random_at(5, i);
    for (int max_n = 1; max_n <= 3; max_n++)
        for (int count = 0; count <= 40; count++) {
            int n = plain(expected, words, count, max_n);
            assert_int_equal(of_blocks(made, words, &count, 1, max_n), n);
            assert_memory_equal(made, expected, (size_t)n * sizeof *made);
        }
}

/* Any division into blocks, empty ones and single words included, has the n-grams of the whole. */
static void test_windows(void **state)
{
    (void)state;
    uint64_t words[64], expected[192];
    const uint64_t seed = 12;
    for (uint64_t round = 0; round < 3000; round++) {
        int sizes[20], blocks = 1 + (int)(vl_random_at(seed, round) % 12), count = 0;
        for (int b = 0; b < blocks; b++)
            count += sizes[b] = (int)(vl_random_at(seed + round, (uint64_t)b) % 5);
        for (int i = 0; i < count; i++) words[i] = vl_random_at(round, (uint64_t)i + 100);
        int max_n = 1 + (int)(round % 3);
        expect_same_set(made, of_blocks(made, words, sizes, blocks, max_n), expected,
                        plain(expected, words, count, max_n));
    }
}

/* A long text, whole: blocks as words.h cuts them, against all its words in one list. */
static void test_long_text(void **state)
{
    (void)state;
    enum { LEN = 30000 };
    static char text[LEN];
    static uint64_t words[LEN], got[3 * LEN], expected[3 * LEN];
    const uint64_t seed = 4;
    for (uint64_t i = 0; i < LEN; i++) text[i] = "abcdefg    .'"[vl_random_at(seed, i) % 13];
    for (int max_n = 1; max_n <= 3; max_n++) {
        vl_ngram_window window = {0};
        int count = 0, n = 0, blocks = 0;
        for (vl_span left = {text, LEN}; left.len; blocks++) {
            size_t used = vl_words_next(&block, left, VL_WORDS_MARKS);
            memcpy(words + count, block.hash, (size_t)block.count * sizeof *words);
            count += block.count;
            n += vl_ngrams_of_block(got + n, &block, max_n, &window);
            left.ptr += used;
            left.len -= used;
        }
        assert_true(blocks > 5);
        expect_same_set(got, n, expected, plain(expected, words, count, max_n));
    }
}

/* Different word lists have different numbers (a collision would need 64 bits to meet). */
static void test_no_collisions(void **state)
{
    (void)state;
    enum { WORDS = 26, ALL = WORDS + WORDS * WORDS + WORDS * WORDS * WORDS };
    static uint64_t all[ALL];
    uint64_t hash[WORDS];
    int n = 0;
    for (int i = 0; i < WORDS; i++) {
        char word[2] = {(char)('a' + i), 0};
        vl_words_next(&block, vl_span_of(word), 0);
        hash[i] = block.hash[0];
    }
    for (int a = 0; a < WORDS; a++) {
        all[n++] = vl_ngram_number(&hash[a], 1);
        for (int b = 0; b < WORDS; b++) {
            all[n++] = vl_ngram_number((uint64_t[]){hash[a], hash[b]}, 2);
            for (int c = 0; c < WORDS; c++)
                all[n++] = vl_ngram_number((uint64_t[]){hash[a], hash[b], hash[c]}, 3);
        }
    }
    assert_int_equal(n, ALL);
    qsort(all, ALL, sizeof *all, by_value);
    for (int i = 1; i < ALL; i++) assert_true(all[i] != all[i - 1]);
    /* the upper bits that counts.h keeps are as good */
    for (int i = 1; i < ALL; i++) assert_true(all[i] >> 17 != all[i - 1] >> 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_the_format),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_long_text),
        cmocka_unit_test(test_no_collisions),
    };
    int failed = 0;
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        vl_isa_limit(isa);
        failed += cmocka_run_group_tests_name(vl_isa_name(isa), tests, NULL, NULL);
    }
    return failed;
}
