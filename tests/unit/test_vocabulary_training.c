/* test_vocabulary_training.c: the vocabulary made from texts, and the word vectors over it. */
#include "test.h"

#include <math.h>

#include "base/mem.h"
#include "train/word_vectors.h"

/* A corpus over texts in memory. */
typedef struct texts {
    vl_corpus corpus;
    vl_example *examples;
} texts;

static void open_texts(texts *t, const char *const *lines, int count, int copies)
{
    *t = (texts){
        .examples = vl_alloc_zero(VL_MEM_TRAINING, (size_t)(count * copies) * sizeof *t->examples)};
    for (int i = 0; i < count * copies; i++) t->examples[i].text = vl_span_of(lines[i % count]);
    t->corpus.examples = t->examples;
    t->corpus.count = count * copies;
}

static const char *const lines[] = {
    "The film was good, really GOOD.<br /><br />I liked it!",
    "the film was bad, really bad. i hated it",
    "Caf\xC3\xA9 scenes were charming; the acting was unbelievably unbelievable",
    "unhappily the unhappy ending was unbearable"};

static vl_tokenizer *vocabulary_of(const vl_wordpieces_options *o, const texts *t, vl_buffer *json)
{
    vl_tokenizer *tokenizer;
    valence_error error = {0};
    vl_buffer_init(json, VL_MEM_TRAINING, 1 << 26);
    assert_int_equal(vl_wordpieces_build(json, &t->corpus, o, &error), VALENCE_OK);
    if (vl_tokenizer_open(&tokenizer, vl_buffer_span(json), &error) != VALENCE_OK)
        fail_msg("%s", error.message);
    return tokenizer;
}

static vl_wordpieces_options small(void)
{
    vl_wordpieces_options o = vl_wordpieces_defaults();
    o.size = VL_WORDPIECES_LEAST;
    o.min_count = 2;
    return o;
}

static void expect_tokens(const vl_tokenizer *t, const char *text, const char *expected)
{
    char got[512] = "";
    vl_tokens tokens;
    vl_token_scratch *scratch;
    assert_int_equal(vl_token_scratch_open(&scratch, t, NULL), VALENCE_OK);
    assert_int_equal(vl_tokenizer_encode(t, scratch, vl_span_of(text), false, &tokens), VALENCE_OK);
    for (int64_t i = 0; i < tokens.count; i++) {
        vl_span token = vl_tokenizer_token(t, tokens.ids[i]);
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%.*s", i ? " " : "",
                 (int)token.len, token.ptr);
    }
    vl_token_scratch_close(scratch);
    assert_string_equal(got, expected);
}

static void test_words_and_parts(void **state)
{
    (void)state;
    texts t;
    vl_buffer json;
    vl_wordpieces_options o = small();
    open_texts(&t, lines, 4, 3);
    vl_tokenizer *tokenizer = vocabulary_of(&o, &t, &json);
    assert_int_equal(vl_tokenizer_id(tokenizer, vl_span_of("[PAD]")), VL_PIECE_PAD);
    assert_int_equal(vl_tokenizer_id(tokenizer, vl_span_of("[MASK]")), VL_PIECE_MASK);
    assert_true(vl_tokenizer_size(tokenizer) <= o.size);
    expect_tokens(tokenizer, "Good<br />FILM caf\xC3\xA9", "good film cafe");
    expect_tokens(tokenizer, "gab", "g ##a ##b");
    assert_int_equal(vl_tokenizer_template(tokenizer)->prefix_count, 0);
    vl_tokenizer_close(tokenizer);
    vl_buffer_release(&json);
    vl_free(t.examples);
}

static void test_rare_words_are_cut_into_parts(void **state)
{
    (void)state;
    static const char *const rare[] = {"xylo xylo xylophonic xylophagous",
                                       "xylocarp xylography phonic", "a a a b b b"};
    texts t;
    vl_buffer json;
    vl_wordpieces_options o = small();
    o.pieces = 0.9;
    open_texts(&t, rare, 3, 1);
    vl_tokenizer *tokenizer = vocabulary_of(&o, &t, &json);
    assert_true(vl_tokenizer_id(tokenizer, vl_span_of("xylo")) >= 0);
    assert_true(vl_tokenizer_id(tokenizer, vl_span_of("##phonic")) >= 0);
    expect_tokens(tokenizer, "xylophonic", "xylopho ##nic"); /* the longest first */
    vl_tokenizer_close(tokenizer);
    vl_buffer_release(&json);
    vl_free(t.examples);
}

static void test_same_texts_same_bytes_and_frames(void **state)
{
    (void)state;
    texts t;
    vl_buffer a, b;
    vl_wordpieces_options o = small();
    o.framed = true;
    open_texts(&t, lines, 4, 2);
    vl_tokenizer *one = vocabulary_of(&o, &t, &a), *two = vocabulary_of(&o, &t, &b);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    const vl_token_template *around = vl_tokenizer_template(one);
    assert_int_equal(around->prefix[0], VL_PIECE_FIRST);
    assert_int_equal(around->suffix[0], VL_PIECE_LAST);
    vl_tokenizer_close(one);
    vl_tokenizer_close(two);
    vl_buffer_release(&a);
    vl_buffer_release(&b);
    vl_free(t.examples);
}

/* ---- Vectors --------------------------------------------------------------------------------- */

enum { SENTENCES = 4000, WORDS = 6 };

/* Words of two kinds that never meet: animals among animals, numbers among numbers. */
static char *make_sentence(int i)
{
    static const char *const kinds[2][WORDS] = {{"cat", "dog", "horse", "cow", "sheep", "goat"},
                                                {"one", "two", "three", "four", "five", "six"}};
    char *text = malloc(128);
    if (!text) exit(1);
    *text = '\0';
    for (int k = 0; k < 12; k++) {
        strcat(text, kinds[i % 2][vl_random_at(8, (uint64_t)(i * 12 + k)) % WORDS]);
        strcat(text, " ");
    }
    return text;
}

static double cosine(const float *v, int32_t a, int32_t b, int32_t E)
{
    double ab = 0, aa = 0, bb = 0;
    for (int32_t e = 0; e < E; e++) {
        ab += (double)v[a * E + e] * (double)v[b * E + e];
        aa += (double)v[a * E + e] * (double)v[a * E + e];
        bb += (double)v[b * E + e] * (double)v[b * E + e];
    }
    return ab / sqrt(aa * bb);
}

static vl_store *vectors_of(const texts *t, int threads, vl_status expected)
{
    vl_store *store;
    vl_workers *workers;
    vl_word_vectors_report report;
    vl_wordpieces_options pieces = small();
    vl_skipgram_options s = vl_skipgram_defaults();
    s.E = 16;
    s.buckets = 1000;
    s.sample = 1;
    s.epochs = 12;
    assert_int_equal(vl_workers_open(&workers, threads, NULL), VALENCE_OK);
    assert_int_equal(vl_store_open(&store, NULL), VALENCE_OK);
    assert_int_equal(vl_word_vectors_make(store, &report, &t->corpus, &pieces, &s, workers, NULL),
                     expected);
    vl_workers_close(workers);
    return store;
}

static void test_neighbours_are_alike(void **state)
{
    (void)state;
    static char *sentences[SENTENCES];
    texts t;
    const char *json;
    const vl_tensor *v, *w;
    vl_tokenizer *tokenizer;
    for (int i = 0; i < SENTENCES; i++) sentences[i] = make_sentence(i);
    open_texts(&t, (const char *const *)sentences, SENTENCES, 1);
    vl_store *one = vectors_of(&t, 1, VALENCE_OK), *three = vectors_of(&t, 3, VALENCE_OK);
    assert_int_equal(vl_word_vectors_read(one, &json, &v, NULL), VALENCE_OK);
    assert_int_equal(vl_word_vectors_read(three, &json, &w, NULL), VALENCE_OK);
    assert_memory_equal(v->data, w->data, v->bytes);
    assert_int_equal(vl_tokenizer_open(&tokenizer, vl_span_of(json), NULL), VALENCE_OK);
    int32_t cat = vl_tokenizer_id(tokenizer, vl_span_of("cat")),
            dog = vl_tokenizer_id(tokenizer, vl_span_of("dog"));
    int32_t two = vl_tokenizer_id(tokenizer, vl_span_of("two")),
            six = vl_tokenizer_id(tokenizer, vl_span_of("six"));
    assert_true(cosine(v->data, cat, dog, 16) > cosine(v->data, cat, two, 16) + 0.3);
    assert_true(cosine(v->data, two, six, 16) > cosine(v->data, dog, six, 16) + 0.3);
    vl_tokenizer_close(tokenizer);
    vl_store_close(one);
    vl_store_close(three);
    for (int i = 0; i < SENTENCES; i++) free(sentences[i]);
    vl_free(t.examples);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    texts t;
    vl_status status = VALENCE_NO_MEMORY;
    open_texts(&t, lines, 4, 2);
    for (int64_t n = 1; status == VALENCE_NO_MEMORY; n++) {
        vl_store *store;
        vl_word_vectors_report report;
        vl_wordpieces_options pieces = small();
        vl_skipgram_options s = vl_skipgram_defaults();
        s.E = 8;
        s.buckets = 64;
        s.epochs = 1;
        assert_int_equal(vl_store_open(&store, NULL), VALENCE_OK);
        vl_mem_fail_from(n);
        status = vl_word_vectors_make(store, &report, &t.corpus, &pieces, &s, NULL, NULL);
        vl_mem_fail_from(0);
        vl_store_close(store);
        assert_true(n < 100000);
    }
    assert_int_equal(status, VALENCE_OK);
    vl_free(t.examples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words_and_parts),
                                       cmocka_unit_test(test_rare_words_are_cut_into_parts),
                                       cmocka_unit_test(test_same_texts_same_bytes_and_frames),
                                       cmocka_unit_test(test_neighbours_are_alike),
                                       cmocka_unit_test(test_every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
