/* test_tokenizer.c: small tokenizers by hand: sections of a tokenizer.json in any order, what is
 * refused and why, templates, added tokens, damaged UTF-8, the files of before; no allocation in
 * the steady state, many threads. Equality with Hugging Face is test_tokenizer_golden.c's and
 * tests/e2e/test_tokenizers_python.py's. */
#include "test.h"

#include "base/cpu.h"
#include "base/hash.h"
#include "base/workers.h"
#include "text/tokenizer.h"

#define ADDED(id, content, more)                                                                   \
    "{\"id\":" #id ",\"content\":\"" content "\",\"special\":true," more "}"
#define PLAIN "\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false"
#define BERT_PARTS                                                                                 \
    "\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":"    \
    "true,\"strip_accents\":null,\"lowercase\":true},\"pre_tokenizer\":{\"type\":"                 \
    "\"BertPreTokenizer\"}"
#define WORDPIECE(vocab)                                                                           \
    "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":"     \
    "\"##\",\"max_input_chars_per_word\":20,\"vocab\":{" vocab "}}"
#define VOCAB                                                                                      \
    "\"[PAD]\":0,\"[UNK]\":1,\"[CLS]\":2,\"[SEP]\":3,\"good\":4,\"##ness\":5,\"##s\":6,\"a\":7,"   \
    "\"!\":8,\"cafe\":9,\"##n\":10,\"b\":11,\"g\":12"
#define BYTES                                                                                      \
    "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true}"
#define BPE(vocab, merges)                                                                         \
    "\"model\":{\"type\":\"BPE\",\"vocab\":{" vocab "},\"merges\":[" merges "]}"

static vl_status try_open(vl_tokenizer **t, const char *json, valence_error *error)
{
    *error = (valence_error){0};
    return vl_tokenizer_open(t, vl_span_of(json), error);
}

static vl_tokenizer *open(const char *json)
{
    vl_tokenizer *t;
    valence_error error;
    if (try_open(&t, json, &error) != VALENCE_OK) fail_msg("%s", error.message);
    return t;
}

static vl_token_scratch *scratch_of(const vl_tokenizer *t)
{
    vl_token_scratch *s;
    assert_int_equal(vl_token_scratch_open(&s, t, NULL), VALENCE_OK);
    return s;
}

/* "id:start-end ..." of a text. */
static void expect_tokens(const vl_tokenizer *t, vl_span text, const char *expected)
{
    vl_token_scratch *s = scratch_of(t);
    vl_tokens tokens;
    char got[512] = "";
    assert_int_equal(vl_tokenizer_encode(t, s, text, true, &tokens), VALENCE_OK);
    for (int64_t i = 0, n = 0; i < tokens.count; i++)
        n += snprintf(got + n, sizeof got - (size_t)n, "%s%d:%u-%u", i ? " " : "", tokens.ids[i],
                      tokens.start[i], tokens.end[i]);
    assert_string_equal(got, expected);
    vl_token_scratch_close(s);
}

static void expect(const char *json, const char *text, const char *expected)
{
    vl_tokenizer *t = open(json);
    expect_tokens(t, vl_span_of(text), expected);
    vl_tokenizer_close(t);
}

/* ---- What is read ------------------------------------------------------------------------ */

static const char small_bert[] = "{" BERT_PARTS ",\"version\":\"1.0\",\"added_tokens\":[" ADDED(
    2, "[CLS]", PLAIN) "],"
                       "\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",3],"
                       "\"cls\":[\"[CLS]\",2]}," WORDPIECE(VOCAB) "}";

static void test_wordpiece(void **state)
{
    (void)state;
    expect(small_bert, "Goodness! Caf\xC3\xA9", "4:0-4 5:4-8 8:8-9 9:10-15");
    expect(small_bert, "good[CLS]goods", "4:0-4 2:4-9 4:9-13 6:13-14");
    expect(small_bert, "goodx aaaaaaaaaaaaaaaaaaaaa", "1:0-5 1:6-27"); /* 21 letters are too many */
    expect(small_bert,
           "goo\x01"
           "d\tgo\xCC\x81od",
           "4:0-5 4:6-12");
    expect(small_bert, "", "");
    expect(small_bert, " \n", "");
}

static void test_any_order(void **state)
{
    (void)state;
    expect("{" WORDPIECE(VOCAB) ",\"unheard_of\":[1,{}]," BERT_PARTS "}", "GOODS", "4:0-4 6:4-5");
    expect("{" BPE("\"h\":0,\"i\":1,\"hi\":2,\"\xC4\xA0\":3,\"\xC4\xA0hi\":4",
                   "\"h i\",[\"\xC4\xA0\",\"hi\"]") "," BYTES "}",
           "hi hi h", "2:0-2 4:2-5 3:5-6 0:6-7");
}

static void test_vocabulary(void **state)
{
    (void)state;
    vl_tokenizer *t = open(
        "{" WORDPIECE("\"[UNK]\":0,\"x\":7") ",\"added_tokens\":[" ADDED(9, "new", PLAIN) "]}");
    assert_int_equal(vl_tokenizer_size(t), 8);
    assert_int_equal(vl_tokenizer_id(t, vl_span_of("x")), 7);
    assert_int_equal(vl_tokenizer_id(t, vl_span_of("new")), 2); /* behind the two of the model */
    assert_int_equal(vl_tokenizer_id(t, vl_span_of("y")), -1);
    assert_true(vl_span_is(vl_tokenizer_token(t, 7), "x"));
    assert_true(vl_span_is(vl_tokenizer_token(t, 2), "new"));
    assert_true(vl_span_is(vl_tokenizer_token(t, 3), "")); /* a hole */
    assert_true(vl_span_is(vl_tokenizer_token(t, -1), ""));
    assert_true(vl_span_is(vl_tokenizer_token(t, 8), ""));
    vl_tokenizer_close(t);
}

static void test_templates(void **state)
{
    (void)state;
    vl_tokenizer *t = open(small_bert);
    const vl_token_template *o = vl_tokenizer_template(t);
    assert_int_equal(o->prefix_count, 1);
    assert_int_equal(o->prefix[0], 2);
    assert_int_equal(o->suffix[0], 3);
    assert_int_equal(o->middle_count, 1);
    assert_int_equal(o->pad, 0);
    vl_tokenizer_close(t);

    t = open("{" WORDPIECE(
        VOCAB) ",\"padding\":{\"pad_id\":8},\"post_processor\":{\"type\":"
               "\"Sequence\",\"processors\":[{\"type\":\"RobertaProcessing\",\"sep\":[\"b\",11],"
               "\"cls\":[\"a\",7],\"trim_offsets\":true,\"add_prefix_space\":false}]}}");
    o = vl_tokenizer_template(t);
    assert_int_equal(o->prefix[0], 7);
    assert_int_equal(o->middle_count, 2);
    assert_int_equal(o->middle[1], 11);
    assert_int_equal(o->pad, 8);
    vl_tokenizer_close(t);

    t = open("{" WORDPIECE(
        VOCAB) ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
               "{\"SpecialToken\":{\"id\":\"X\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\","
               "\"type_id\":0}}],\"pair\":[{\"SpecialToken\":{\"id\":\"X\",\"type_id\":0}},"
               "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"SpecialToken\":{\"id\":\"Y\","
               "\"type_id\":0}},{\"Sequence\":{\"id\":\"B\",\"type_id\":1}}],\"special_tokens\":{"
               "\"X\":{\"id\":\"X\",\"ids\":[4,5],\"tokens\":[]},\"Y\":{\"id\":\"Y\",\"ids\":[6],"
               "\"tokens\":[]}}}}");
    o = vl_tokenizer_template(t);
    assert_int_equal(o->prefix_count, 2);
    assert_int_equal(o->prefix[1], 5);
    assert_int_equal(o->suffix_count, 0);
    assert_int_equal(o->middle_count, 1);
    assert_int_equal(o->middle[0], 6);
    vl_tokenizer_close(t);
}

static void test_added_tokens(void **state)
{
    (void)state;
#define SPLIT "\"pre_tokenizer\":{\"type\":\"WhitespaceSplit\"},"
    /* Leftmost and longest, with the white space they ask for. */
    expect(
        "{" SPLIT WORDPIECE("\"[UNK]\":0,\"ab\":1,\"abc\":2,\"x\":3") ",\"added_tokens\":[" ADDED(
            1, "ab", PLAIN) "," ADDED(2, "abc", PLAIN) "]}",
        "xabcab", "3:0-1 2:1-4 1:4-6");
    expect("{" SPLIT WORDPIECE("\"[UNK]\":0,\"<m>\":1,\"x\":2") ",\"added_tokens\":[" ADDED(
               1, "<m>",
               "\"single_word\":false,\"lstrip\":true,\"rstrip\":false,\"normalized\":false") "]}",
           "x  <m> x", "2:0-1 1:1-6 2:7-8");
    expect("{" SPLIT WORDPIECE("\"[UNK]\":0,\"w\":1,\"xw\":2") ",\"added_tokens\":[" ADDED(
               1, "w",
               "\"single_word\":true,\"lstrip\":false,\"rstrip\":false,\"normalized\":false") "]}",
           "xw w", "2:0-2 1:3-4");
    /* One that is normalised is found in what the normaliser made. */
    expect("{\"normalizer\":{\"type\":\"Lowercase\"}," SPLIT WORDPIECE(
               "\"[UNK]\":0,\"yes\":1") ",\"added_tokens\":[" ADDED(5, "YES",
                                                                    "\"single_word\":false,"
                                                                    "\"lstrip\":false,"
                                                                    "\"rstrip\":false,"
                                                                    "\"normalized\":true") "]}",
           "yEs Yes", "2:0-3 2:4-7");
#undef SPLIT
}

static void test_bad_utf8(void **state)
{
    (void)state;
    vl_tokenizer *t = open(
        "{" BPE("\"a\":0,\"\xC3\xAF\":1,\"\xC2\xBF\":2,\"\xC2\xBD\":3,\"b\":4", "") "," BYTES "}");
    /* U+FFFD is EF BF BD; its tokens have the place of the bytes that it stands for. */
    expect_tokens(t, vl_span_of("a\xFF"), "0:0-1 1:1-2 2:1-2 3:1-2");
    expect_tokens(t, vl_span_of("\xE2\x82"), "1:0-2 2:0-2 3:0-2");
    expect_tokens(t,
                  vl_span_of("\xE2\x82"
                             "b\x80"
                             "a"),
                  "1:0-2 2:0-2 3:0-2 4:2-3 1:3-4 2:3-4 3:3-4 0:4-5");
    vl_tokenizer_close(t);
}

/* ---- What is refused ----------------------------------------------------------------------- */

static void refuse(const char *json, vl_status status, const char *word)
{
    vl_tokenizer *t;
    valence_error error;
    vl_status got = try_open(&t, json, &error);
    if (got != status) fail_msg("%s: status %d, '%s'", json, got, error.message);
    assert_null(t);
    if (!strstr(error.message, word)) fail_msg("'%s' does not say '%s'", error.message, word);
}

static void test_unsupported(void **state)
{
    (void)state;
#define MODEL WORDPIECE(VOCAB)
    refuse("{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}", VALENCE_UNSUPPORTED, "Unigram");
    refuse("{" MODEL ",\"normalizer\":{\"type\":\"Precompiled\"}}", VALENCE_UNSUPPORTED,
           "Precompiled");
    refuse("{" MODEL ",\"pre_tokenizer\":{\"type\":\"Metaspace\"}}", VALENCE_UNSUPPORTED,
           "Metaspace");
    refuse("{" MODEL ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a|b\"},"
           "\"behavior\":\"Isolated\",\"invert\":false}}",
           VALENCE_UNSUPPORTED, "a|b");
    refuse("{" MODEL ",\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a*\"},"
           "\"content\":\"\"}}",
           VALENCE_UNSUPPORTED, "a*");
    refuse("{" MODEL ",\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},"
           "\"content\":\"\"}}",
           VALENCE_UNSUPPORTED, "pattern");
    refuse("{" MODEL ",\"version\":\"2.0\"}", VALENCE_UNSUPPORTED, "2.0");
    refuse("{" MODEL ",\"post_processor\":{\"type\":\"Fancy\"}}", VALENCE_UNSUPPORTED, "Fancy");
    refuse("{" MODEL ",\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
           "\"ByteLevel\",\"add_prefix_space\":false},{\"type\":\"Whitespace\"}]}}",
           VALENCE_UNSUPPORTED, "behind ByteLevel");
    refuse("{\"model\":{\"type\":\"BPE\",\"dropout\":0.1,\"vocab\":{\"a\":0},\"merges\":[]}}",
           VALENCE_UNSUPPORTED, "dropout");
#undef MODEL
}

static void test_malformed(void **state)
{
    (void)state;
    refuse("", VALENCE_FORMAT, "JSON");
    refuse("[]", VALENCE_FORMAT, "object");
    refuse("{}", VALENCE_FORMAT, "model");
    refuse("{\"model\":{\"type\":\"WordPiece\"}}", VALENCE_FORMAT, "vocabulary");
    refuse("{" WORDPIECE("\"a\":0") "}", VALENCE_FORMAT, "[UNK]");
    refuse("{" WORDPIECE("\"[UNK]\":0,\"a\":0") "}", VALENCE_FORMAT, "id 0");
    refuse("{" WORDPIECE("\"[UNK]\":0,\"[UNK]\":1") "}", VALENCE_FORMAT, "twice");
    refuse("{" WORDPIECE("\"[UNK]\":0,\"a\":-1") "}", VALENCE_FORMAT, "out of range");
    refuse("{" WORDPIECE("\"[UNK]\":0,\"a\":2000000000") "}", VALENCE_FORMAT, "out of range");
    refuse("{" WORDPIECE("\"[UNK]\":0,\"a\":1.5") "}", VALENCE_FORMAT, "not a number");
    refuse("{" WORDPIECE("\"[UNK]\":0,\"\xFF\":1") "}", VALENCE_FORMAT, "UTF-8");
    refuse("{" BPE("\"a\":0", "\"a b\"") "}", VALENCE_FORMAT, "merge 1");
    refuse("{" BPE("\"a\":0,\"b\":1", "\"a b\"") "}", VALENCE_FORMAT, "merge 1"); /* no "ab" */
    refuse("{" BPE("\"a\":0,\"b\":1,\"ab\":2", "\"a b\",\"a b b\"") "}", VALENCE_FORMAT, "merge 2");
    refuse("{" BPE("\"a\":0,\"b\":1,\"ab\":2", "[\"a\"]") "}", VALENCE_FORMAT, "merge 1");
    refuse("{" BPE("\"a\":0,\"b\":1,\"ab\":2", "\" b\"") "}", VALENCE_FORMAT, "merge 1");
    refuse("{" WORDPIECE(VOCAB) ",\"added_tokens\":[{\"content\":\"x\"}]}", VALENCE_FORMAT,
           "single_word");
    refuse("{" WORDPIECE(VOCAB) ",\"added_tokens\":[" ADDED(20, "x", PLAIN) "," ADDED(21, "x",
                                                                                      PLAIN) "]}",
           VALENCE_FORMAT, "twice");
    refuse("{" WORDPIECE(VOCAB) ",\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"x\","
                                "99],\"cls\":[\"a\",7]}}",
           VALENCE_FORMAT, "99");
    refuse("{" WORDPIECE(VOCAB) ",\"padding\":{\"pad_id\":99}}", VALENCE_FORMAT, "pad_id");
}

static void test_nesting(void **state)
{
    (void)state;
    char json[8192] = "{" WORDPIECE(VOCAB) ",\"normalizer\":";
    for (int i = 0; i < 100; i++) strcat(json, "{\"type\":\"Sequence\",\"normalizers\":[");
    strcat(json, "{\"type\":\"NFC\"}");
    for (int i = 0; i < 100; i++) strcat(json, "]}");
    strcat(json, "}");
    refuse(json, VALENCE_LIMIT, "nested");
}

/* Every allocation may fail: an error, and nothing is lost (LeakSanitizer looks). */
static void test_no_memory(void **state)
{
    (void)state;
    for (int64_t n = 1;; n++) {
        vl_tokenizer *t = NULL;
        vl_token_scratch *s = NULL;
        vl_tokens tokens;
        vl_mem_fail_only(n);
        vl_status status = vl_tokenizer_open(&t, vl_span_of(small_bert), NULL);
        if (status == VALENCE_OK) status = vl_token_scratch_open(&s, t, NULL);
        if (status == VALENCE_OK)
            status = vl_tokenizer_encode(t, s, vl_span_of("goodness \xC3\xA9t\xC3\xA9\xFF"), true,
                                         &tokens);
        bool failed = vl_mem_has_failed();
        vl_mem_fail_only(0);
        vl_token_scratch_close(s);
        vl_tokenizer_close(t);
        if (!failed) {
            assert_int_equal(status, VALENCE_OK);
            assert_true(n > 20);
            break;
        }
        assert_int_equal(status, VALENCE_NO_MEMORY);
    }
}

/* ---- The files of before --------------------------------------------------------------------- */

static vl_tokenizer *open_made(vl_buffer *json)
{
    valence_error error;
    vl_tokenizer *t;
    if (vl_tokenizer_open(&t, vl_buffer_span(json), &error) != VALENCE_OK)
        fail_msg("%s: %.*s", error.message, (int)json->len, json->data);
    return t;
}

static void test_vocab_txt(void **state)
{
    (void)state;
    vl_buffer json;
    vl_buffer_init(&json, VL_MEM_IO, 1 << 20);
    const char vocab[] = "[PAD]\r\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nGood\n##ness\n\"quo\\ted\"\nGood";
    assert_int_equal(
        vl_tokenizer_json_of_wordpiece(&json, vl_span_of(vocab),
                                       vl_span_of("{\"do_lower_case\":false,\"cls_token\":{"
                                                  "\"content\":\"[CLS]\"},\"mask_token\":null}"),
                                       NULL),
        VALENCE_OK);
    vl_tokenizer *t = open_made(&json);
    assert_int_equal(vl_tokenizer_id(t, vl_span_of("\"quo\\ted\"")), 7);
    assert_int_equal(vl_tokenizer_template(t)->prefix[0], 2);
    assert_int_equal(vl_tokenizer_template(t)->suffix[0], 3);
    assert_int_equal(vl_tokenizer_template(t)->pad, 0);
    expect_tokens(t, vl_span_of("Goodness good [MASK]"), "8:0-4 6:4-8 1:9-13 4:14-20");
    vl_tokenizer_close(t);
    vl_buffer_release(&json);
}

static void test_merges_txt(void **state)
{
    (void)state;
    vl_buffer json;
    vl_buffer_init(&json, VL_MEM_IO, 1 << 20);
    vl_span vocab = vl_span_of("{\"<s>\":0,\"<pad>\":1,\"</s>\":2,\"<unk>\":3,\"<mask>\":9,\"h\":4,"
                               "\"i\":5,\"hi\":6,\"\xC4\xA0\":7,\"\xC4\xA0hi\":8}"),
            merges = vl_span_of("#version: 0.2\nh i\n\xC4\xA0 hi\n\n");
    assert_int_equal(vl_tokenizer_json_of_bpe(&json, vocab, merges, (vl_span){NULL, 0}, NULL),
                     VALENCE_OK);
    vl_tokenizer *t = open_made(&json);
    const vl_token_template *o = vl_tokenizer_template(t);
    assert_true(o->prefix[0] == 0 && o->suffix[0] == 2 && o->middle_count == 2 && o->pad == 1);
    /* The mask takes the space along; trimming gives it back. */
    expect_tokens(t, vl_span_of("hi hi <mask>"), "6:0-2 8:3-5 9:6-12");
    vl_tokenizer_close(t);
    vl_buffer_reset(&json);
    assert_int_equal(vl_tokenizer_json_of_bpe(&json, vocab, merges,
                                              vl_span_of("{\"add_prefix_space\":true}"), NULL),
                     VALENCE_OK);
    t = open_made(&json);
    expect_tokens(t, vl_span_of("hi"), "8:0-2");
    vl_tokenizer_close(t);
    vl_buffer_release(&json);
}

static void test_bad_old_files(void **state)
{
    (void)state;
    vl_buffer json;
    valence_error error = {0};
    const vl_span none = {NULL, 0};
    vl_buffer_init(&json, VL_MEM_IO, 1 << 20);
    vl_span vocab = vl_span_of("[UNK]\na");
    assert_int_equal(vl_tokenizer_json_of_wordpiece(&json, vl_span_of("\xFF"), none, &error),
                     VALENCE_FORMAT);
    assert_int_equal(vl_tokenizer_json_of_wordpiece(&json, vocab, vl_span_of("[]"), &error),
                     VALENCE_FORMAT);
    assert_int_equal(
        vl_tokenizer_json_of_wordpiece(&json, vocab, vl_span_of("{\"do_lower_case\":1}"), &error),
        VALENCE_FORMAT);
    assert_non_null(strstr(error.message, "do_lower_case"));
    assert_int_equal(
        vl_tokenizer_json_of_wordpiece(&json, vocab, vl_span_of("{\"cls_token\":\"[C]\"}"), &error),
        VALENCE_FORMAT);
    assert_non_null(strstr(error.message, "[C]"));
    assert_int_equal(vl_tokenizer_json_of_bpe(&json, none, none, none, &error), VALENCE_FORMAT);
    assert_int_equal(
        vl_tokenizer_json_of_bpe(&json, vl_span_of("{\"a\":\"b\"}"), none, none, &error),
        VALENCE_FORMAT);
    vl_buffer_release(&json);
}

/* ---- Many texts ------------------------------------------------------------------------------ */

enum { TEXTS = 400, TEXT_MOST = 3000 };

/* Letters of all kinds, now and then a foreign one; the seed decides. */
static size_t fill(char *text, uint64_t seed)
{
    static const char *const bits[] = {
        "good",     "ness",         "s ",    " ",  "a", "!", "B",        "g",
        "\xC3\xA9", "\xE4\xB8\xAD", "[CLS]", "\n", "n", "x", "\xCC\x81", " [M] "};
    size_t len = 0, most = vl_random_at(seed, 0) % (TEXT_MOST - 8);
    for (uint64_t i = 1; len < most; i++) {
        uint64_t r = vl_random_at(seed, i);
        const char *bit = bits[r >> 32 & 7 ? r % 8 : r % 16];
        memcpy(text + len, bit, strlen(bit));
        len += strlen(bit);
    }
    return len;
}

static uint64_t hash_of(const vl_tokens *t)
{
    size_t n = (size_t)t->count * sizeof(int32_t);
    uint64_t h = vl_hash64(t->ids, n, 1);
    return t->start ? vl_hash64(t->start, n, vl_hash64(t->end, n, h)) : h;
}

static void test_no_allocation(void **state)
{
    (void)state;
    vl_tokenizer *t = open(small_bert);
    vl_token_scratch *s = scratch_of(t);
    char text[TEXT_MOST];
    int64_t before = 0;
    for (int round = 0; round < 2; round++) {
        if (round == 1) before = vl_mem_usage_total().allocations;
        for (uint64_t i = 0; i < TEXTS; i++) {
            vl_tokens tokens;
            vl_span span = {text, fill(text, i)};
            assert_int_equal(vl_tokenizer_encode(t, s, span, i % 2, &tokens), VALENCE_OK);
        }
    }
    assert_int_equal(vl_mem_usage_total().allocations, before);
    vl_token_scratch_close(s);
    vl_tokenizer_close(t);
}

typedef struct job {
    const vl_tokenizer *t;
    vl_token_scratch *scratch[8];
    uint64_t hashes[TEXTS];
    int failed[8];
} job;

static void encode_one(void *argument, int64_t index, int thread)
{
    job *j = argument;
    char text[TEXT_MOST];
    vl_tokens tokens;
    vl_span span = {text, fill(text, (uint64_t)index)};
    j->failed[thread] +=
        vl_tokenizer_encode(j->t, j->scratch[thread], span, true, &tokens) != VALENCE_OK;
    j->hashes[index] = hash_of(&tokens);
}

static void run_job(job *j, const vl_tokenizer *t, int threads)
{
    vl_workers *workers;
    *j = (job){.t = t};
    for (int i = 0; i < threads; i++) j->scratch[i] = scratch_of(t);
    assert_int_equal(vl_workers_open(&workers, threads, NULL), VALENCE_OK);
    vl_workers_run(workers, encode_one, j, TEXTS);
    vl_workers_close(workers);
    for (int i = 0; i < threads; i++) {
        assert_int_equal(j->failed[i], 0);
        vl_token_scratch_close(j->scratch[i]);
    }
}

static void test_threads(void **state)
{
    (void)state;
    static job one, many;
    vl_tokenizer *t = open(small_bert);
    run_job(&one, t, 1);
    run_job(&many, t, 8);
    assert_memory_equal(one.hashes, many.hashes, sizeof one.hashes);
    vl_tokenizer_close(t);
}

static void test_instruction_sets(void **state)
{
    (void)state;
    static job of[VL_ISA_COUNT];
    vl_tokenizer *t = open(small_bert);
    vl_isa before = vl_isa_active();
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        vl_isa_limit(isa);
        run_job(&of[isa], t, 1);
        assert_memory_equal(of[isa].hashes, of[0].hashes, sizeof of[0].hashes);
    }
    vl_isa_limit(before);
    vl_tokenizer_close(t);
}

/* A word of a million letters: neither slow nor deep. */
static void test_long_words(void **state)
{
    (void)state;
    enum { LEN = 1000000 };
    vl_tokenizer *t = open("{" BPE("\"a\":0,\"aa\":1,\"aaa\":2", "\"a a\",\"aa a\"") "," BYTES "}");
    vl_token_scratch *s = scratch_of(t);
    vl_tokens tokens;
    char *text = malloc(LEN);
    memset(text, 'a', LEN);
    assert_int_equal(vl_tokenizer_encode(t, s, (vl_span){text, LEN}, true, &tokens), VALENCE_OK);
    assert_int_equal(tokens.count, LEN / 2);
    assert_int_equal(tokens.end[LEN / 2 - 1], LEN);
    free(text);
    vl_token_scratch_close(s);
    vl_tokenizer_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wordpiece),     cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_vocabulary),    cmocka_unit_test(test_templates),
        cmocka_unit_test(test_added_tokens),  cmocka_unit_test(test_bad_utf8),
        cmocka_unit_test(test_unsupported),   cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_nesting),       cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_vocab_txt),     cmocka_unit_test(test_merges_txt),
        cmocka_unit_test(test_bad_old_files), cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_threads),       cmocka_unit_test(test_instruction_sets),
        cmocka_unit_test(test_long_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
