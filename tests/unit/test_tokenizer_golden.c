/* test_tokenizer_golden.c: ids and byte offsets against Hugging Face's tokenizers for three small
 * tokenizers: a torture set and every code point once, on each instruction set. The files are
 * tests/golden/tokenizer_*.json, made by make_tokenizer_golden.py beside them. Run in the
 * repository's root, as make check does. */
#include "test.h"

#include "base/cpu.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/utf8.h"
#include "text/tokenizer.h"

static vl_mapped_file golden_file;
static vl_json_parser *parser;
static vl_json golden;

static vl_json member(vl_json object, const char *key)
{
    vl_json v;
    if (!vl_json_get(object, key, &v)) fail_msg("the golden file has no '%s'", key);
    return v;
}

static int64_t number(vl_json v)
{
    int64_t n;
    assert_true(vl_json_integer(v, &n));
    return n;
}

/* ---- Hashes ------------------------------------------------------------------------------ */

static const uint64_t FNV = 0xCBF29CE484222325u;

static uint64_t fnv(uint64_t value, uint32_t n)
{
    for (int i = 0; i < 32; i += 8) value = (value ^ (n >> i & 0xFF)) * 0x100000001B3u;
    return value;
}

static uint64_t fnv_ids(uint64_t value, const vl_tokens *t)
{
    for (int64_t i = 0; i < t->count; i++) value = fnv(value, (uint32_t)t->ids[i]);
    return value;
}

static uint64_t fnv_offsets(uint64_t value, const vl_tokens *t)
{
    for (int64_t i = 0; i < t->count; i++) value = fnv(fnv(value, t->start[i]), t->end[i]);
    return value;
}

static bool is_hash(vl_json v, uint64_t hash)
{
    vl_span text;
    char expected[17];
    snprintf(expected, sizeof expected, "%016llx", (unsigned long long)hash);
    return vl_json_string(v, &text) && vl_span_is(text, expected);
}

/* ---- A tokenizer at work ----------------------------------------------------------------- */

typedef struct bench {
    const char *name;
    vl_tokenizer *t;
    vl_token_scratch *s;
    vl_json ids, offsets; /* expected */
} bench;

static void open_bench(bench *b, const char *name)
{
    char path[128];
    vl_mapped_file file;
    valence_error error = {0};
    snprintf(path, sizeof path, "tests/golden/tokenizer_%s.json", name);
    assert_int_equal(vl_mapped_file_open(&file, path, &error), VALENCE_OK);
    if (vl_tokenizer_open(&b->t, (vl_span){file.data, file.size}, &error) != VALENCE_OK)
        fail_msg("%s", error.message);
    vl_mapped_file_release(&file);
    assert_int_equal(vl_token_scratch_open(&b->s, b->t, &error), VALENCE_OK);
    b->name = name;
}

static void close_bench(bench *b)
{
    vl_token_scratch_close(b->s);
    vl_tokenizer_close(b->t);
}

static vl_tokens encode(const bench *b, vl_span text, bool offsets)
{
    vl_tokens t;
    assert_int_equal(vl_tokenizer_encode(b->t, b->s, text, offsets, &t), VALENCE_OK);
    return t;
}

typedef struct cursor { /* over the expected answers in step with the texts */
    const bench *b;
    vl_json *ids, *offsets;
    int index;
} cursor;

static int collect(void *user, vl_span key, vl_json value)
{
    (void)key;
    vl_json **at = user;
    *(*at)++ = value;
    return 0;
}

typedef struct id_check {
    const vl_tokens *t;
    int64_t at;
} id_check;

static int same_id(void *user, vl_span key, vl_json value)
{
    (void)key;
    id_check *c = user;
    return c->at >= c->t->count || c->t->ids[c->at++] != number(value);
}

static bool same_ids(const vl_tokens *t, vl_json expected)
{
    if (vl_json_type_of(expected) == VL_JSON_STRING) return is_hash(expected, fnv_ids(FNV, t));
    id_check c = {t, 0};
    return vl_json_each(expected, same_id, &c) == 0 && c.at == t->count;
}

static int check_text(void *user, vl_span key, vl_json value)
{
    (void)key;
    cursor *c = user;
    vl_span text;
    assert_true(vl_json_string(value, &text));
    char *alone = malloc(text.len + 1); /* so that AddressSanitizer sees a read past the end */
    memcpy(alone, text.ptr, text.len);
    alone = realloc(alone, text.len ? text.len : 1);
    vl_span bytes = {alone, text.len};
    vl_tokens with = encode(c->b, bytes, true);
    if (!same_ids(&with, c->ids[c->index]) ||
        !is_hash(c->offsets[c->index], fnv_offsets(FNV, &with)))
        fail_msg("%s, text %d: '%.60s' has other ids or offsets", c->b->name, c->index, text.ptr);
    vl_tokens without = encode(c->b, bytes, false);
    if (!same_ids(&without, c->ids[c->index]) || without.start || without.end)
        fail_msg("%s, text %d: other ids without offsets", c->b->name, c->index);
    free(alone);
    c->index++;
    return 0;
}

static void check_torture(const bench *b, vl_json expected)
{
    enum { MOST = 2000 };
    static vl_json ids[MOST], offsets[MOST];
    vl_json *id = ids, *offset = offsets, texts = member(golden, "texts");
    assert_true(vl_json_count(texts) < MOST && vl_json_count(texts) > 250);
    vl_json_each(member(expected, "ids"), collect, &id);
    vl_json_each(member(expected, "offsets"), collect, &offset);
    assert_int_equal(id - ids, vl_json_count(texts));
    assert_int_equal(offset - offsets, vl_json_count(texts));
    cursor c = {b, ids, offsets, 0};
    vl_json_each(texts, check_text, &c);
}

/* ---- Every code point -------------------------------------------------------------------- */

/* "a<c>B <c> " of count code points from *next on, which moves behind them. */
static size_t fill_block(char *text, uint32_t *next, int count)
{
    size_t len = 0;
    for (int i = 0; i < count && *next < 0x110000; i++, ++*next) {
        if (*next == 0xD800) *next = 0xE000;
        text[len++] = 'a';
        len += (size_t)vl_utf8_encode(text + len, *next);
        text[len++] = 'B';
        text[len++] = ' ';
        len += (size_t)vl_utf8_encode(text + len, *next);
        text[len++] = ' ';
    }
    return len;
}

static void check_code_points(const bench *b, vl_json expected)
{
    enum { MOST = 1000, BLOCK_MOST = 256 };
    static vl_json hashes[MOST];
    char text[BLOCK_MOST * 12];
    vl_json *hash = hashes, list = member(expected, "code_points");
    int64_t block = number(member(golden, "block")), group = number(member(golden, "group"));
    assert_true(block <= BLOCK_MOST && vl_json_count(list) < MOST);
    vl_json_each(list, collect, &hash);
    uint32_t next = 0;
    for (vl_json *h = hashes; h < hash; h++) {
        uint64_t value = FNV;
        uint32_t first = next;
        for (int64_t i = 0; i < group && next < 0x110000; i++) {
            size_t len = fill_block(text, &next, (int)block);
            vl_tokens t = encode(b, (vl_span){text, len}, true);
            value = fnv_offsets(fnv_ids(value, &t), &t);
        }
        if (!is_hash(*h, value))
            fail_msg("%s: other tokens among U+%04X..U+%04X", b->name, first, next - 1);
    }
    assert_int_equal(next, 0x110000);
}

static void check_all(const char *name)
{
    bench b;
    open_bench(&b, name);
    vl_json expected = member(member(golden, "cases"), name);
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        vl_isa_limit(isa);
        check_torture(&b, expected);
    }
    check_code_points(&b, expected);
    close_bench(&b);
}

static void test_bert(void **state)
{
    (void)state;
    check_all("bert");
}

static void test_roberta(void **state)
{
    (void)state;
    check_all("roberta");
}

static void test_modern(void **state)
{
    (void)state;
    check_all("modern");
}

static int open_golden(void **state)
{
    (void)state;
    valence_error error = {0};
    parser = vl_json_parser_open((size_t)1 << 26);
    if (vl_mapped_file_open(&golden_file, "tests/golden/tokenizer_golden.json", &error) !=
        VALENCE_OK)
        return 1;
    vl_span text = {golden_file.data, golden_file.size};
    return vl_json_parse_copy(parser, text, &golden, &error) != VALENCE_OK;
}

static int close_golden(void **state)
{
    (void)state;
    vl_json_parser_close(parser);
    vl_mapped_file_release(&golden_file);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bert), cmocka_unit_test(test_roberta),
                                       cmocka_unit_test(test_modern)};
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
