/* wordpieces.c: words are counted by a first tokenizer that knows single characters only: joining
 * its tokens gives the words exactly as the finished tokenizer will cut them.
 *
 * Parts of words are chosen by what they save: a part of n characters, met c times in words that
 * are not in the vocabulary themselves, spares c (n - 1) tokens against spelling. That is one round
 * of what BPE does many times; it is enough, for parts only serve words that are rare. */
#include "train/wordpieces.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/strmap.h"
#include "base/utf8.h"
#include "text/tokenizer.h"

enum {
    CODE_POINTS = 0x110000,
    ALPHABET_MAX = 4000,
    WORDS_MAX = 4 << 20,
    PARTS_FROM = 300000, /* words whose parts are counted */
    PARTS_MAX = 8 << 20,
    PART_LEAST = 2,
    PART_MOST = 7,
    WORD_BYTES_MAX = 64
};

vl_wordpieces_options vl_wordpieces_defaults(void)
{
    return (vl_wordpieces_options){.size = 30000, .min_count = 3, .pieces = 0.15};
}

static const char *const specials[VL_PIECE_SPECIALS] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]",
                                                        "[MASK]"};

/* ---- Counted strings ------------------------------------------------------------------------- */

typedef struct counted {
    vl_span text; /* ptr is an offset into the texts until sealed */
    int64_t count;
} counted;

typedef struct counts {
    vl_strmap index;
    vl_buffer texts, items;
} counts;

static void counts_init(counts *c, size_t max)
{
    vl_strmap_init(&c->index, VL_MEM_TRAINING, max);
    vl_buffer_init(&c->texts, VL_MEM_TRAINING, (size_t)1 << 32);
    vl_buffer_init(&c->items, VL_MEM_TRAINING, (size_t)1 << 32);
}

static void counts_release(counts *c)
{
    vl_strmap_release(&c->index);
    vl_buffer_release(&c->texts);
    vl_buffer_release(&c->items);
}

static counted *items_of(const counts *c)
{
    return (counted *)(void *)c->items.data;
}

static int64_t count_of(const counts *c)
{
    return (int64_t)(c->items.len / sizeof(counted));
}

/* Past the map's maximum new strings are not counted. */
static vl_status count_add(counts *c, vl_span text, int64_t times)
{
    int32_t at;
    if (vl_strmap_get(&c->index, text, &at)) {
        items_of(c)[at].count += times;
        return VALENCE_OK;
    }
    vl_status status = vl_strmap_put(&c->index, text, (int32_t)count_of(c));
    if (status == VALENCE_LIMIT) return VALENCE_OK;
    VL_TRY(status);
    counted item = {{(const char *)c->texts.len, text.len}, times};
    VL_TRY(vl_buffer_append(&c->texts, text.ptr, text.len));
    return vl_buffer_append(&c->items, &item, sizeof item);
}

static int by_count(const void *a, const void *b)
{
    const counted *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    size_t n = x->text.len < y->text.len ? x->text.len : y->text.len;
    int order = n ? memcmp(x->text.ptr, y->text.ptr, n) : 0;
    return order ? order : x->text.len < y->text.len ? -1 : x->text.len > y->text.len;
}

/* Gives the texts their addresses and sorts by count; nothing can be added afterwards. */
static void counts_seal(counts *c)
{
    counted *items = items_of(c);
    for (int64_t i = 0; i < count_of(c); i++)
        items[i].text.ptr = c->texts.data + (size_t)items[i].text.ptr;
    if (items) qsort(items, (size_t)count_of(c), sizeof *items, by_count);
}

/* ---- The vocabulary as it grows -------------------------------------------------------------- */

typedef struct builder {
    const vl_wordpieces_options *o;
    vl_strmap ids;  /* spelling, with ## where it continues */
    vl_buffer list; /* the vocabulary as JSON members */
    int32_t size;
    counts words, parts, characters;
} builder;

/* Nothing happens if the token is there already. */
static vl_status add_token(builder *b, vl_span text, bool continues)
{
    char spelling[WORD_BYTES_MAX + 2];
    int32_t id;
    if (text.len == 0 || text.len > WORD_BYTES_MAX) return VALENCE_OK;
    size_t n = continues ? 2 : 0;
    memcpy(spelling, "##", n);
    memcpy(spelling + n, text.ptr, text.len);
    vl_span token = {spelling, n + text.len};
    if (vl_strmap_get(&b->ids, token, &id)) return VALENCE_OK;
    VL_TRY(vl_strmap_put(&b->ids, token, b->size));
    if (b->size) VL_TRY(vl_buffer_append_byte(&b->list, ','));
    VL_TRY(vl_json_write_string(&b->list, token));
    return vl_buffer_printf(&b->list, ":%d", b->size++);
}

static vl_status add_specials(builder *b)
{
    for (int i = 0; i < VL_PIECE_SPECIALS; i++)
        VL_TRY(add_token(b, vl_span_of(specials[i]), false));
    return VALENCE_OK;
}

static void builder_init(builder *b, const vl_wordpieces_options *o)
{
    *b = (builder){.o = o};
    vl_strmap_init(&b->ids, VL_MEM_TRAINING, VL_WORDPIECES_MOST);
    vl_buffer_init(&b->list, VL_MEM_TRAINING, (size_t)1 << 30);
    counts_init(&b->words, WORDS_MAX);
    counts_init(&b->parts, PARTS_MAX);
    counts_init(&b->characters, CODE_POINTS);
}

static void builder_release(builder *b)
{
    vl_strmap_release(&b->ids);
    vl_buffer_release(&b->list);
    counts_release(&b->words);
    counts_release(&b->parts);
    counts_release(&b->characters);
}

static void forget_tokens(builder *b)
{
    vl_strmap_release(&b->ids);
    vl_strmap_init(&b->ids, VL_MEM_TRAINING, VL_WORDPIECES_MOST);
    vl_buffer_reset(&b->list);
    b->size = 0;
}

static const char before[] =
    "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[";
static const char normalizer[] =
    "],\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Replace\",\"pattern\":{"
    "\"String\":"
    "\"<br />\"},\"content\":\" "
    "\"},{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":"
    "true,\"strip_accents\":null,\"lowercase\":true}]},\"pre_tokenizer\":{\"type\":"
    "\"BertPreTokenizer\"},"
    "\"post_processor\":";
static const char framed[] =
    "{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",3],\"cls\":[\"[CLS]\",2]}";
static const char model[] =
    ",\"decoder\":{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true},\"model\":{\"type\":"
    "\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\","
    "\"max_input_chars_per_word\":100,\"vocab\":{";

static vl_status write_json(vl_buffer *out, const builder *b)
{
    VL_TRY(vl_buffer_append_text(out, before));
    for (int i = 0; i < VL_PIECE_SPECIALS; i++)
        VL_TRY(vl_buffer_printf(
            out,
            "%s{\"id\":%d,\"content\":\"%s\",\"single_word\":false,\"lstrip\":false,"
            "\"rstrip\":false,\"normalized\":false,\"special\":true}",
            i ? "," : "", i, specials[i]));
    VL_TRY(vl_buffer_append_text(out, normalizer));
    VL_TRY(vl_buffer_append_text(out, b->o->framed ? framed : "null"));
    VL_TRY(vl_buffer_append_text(out, model));
    VL_TRY(vl_buffer_append(out, b->list.data, b->list.len));
    return vl_buffer_append_text(out, "}}}");
}

/* ---- Characters ------------------------------------------------------------------------------ */

static void count_code_points(uint32_t *times, vl_span text)
{
    const char *p = text.ptr, *end = p + text.len;
    while (p < end) {
        int len;
        uint32_t c = vl_utf8_decode(p, end, &len);
        if (c < CODE_POINTS) times[c] += times[c] < UINT32_MAX;
        p += len;
    }
}

static vl_status add_character(builder *b, uint32_t c)
{
    char bytes[4];
    vl_span text = {bytes, (size_t)vl_utf8_encode(bytes, c)};
    VL_TRY(add_token(b, text, false));
    return add_token(b, text, true);
}

/* The characters of the texts as they stand, the most frequent first; what normalising makes of
 * them beyond ASCII's lower case is mostly among them, too. */
static vl_status first_alphabet(builder *b, const vl_corpus *corpus)
{
    uint32_t *times = vl_alloc_zero(VL_MEM_TRAINING, CODE_POINTS * sizeof *times);
    if (!times) return VALENCE_NO_MEMORY;
    for (int64_t i = 0; i < corpus->count; i++) count_code_points(times, corpus->examples[i].text);
    vl_status status = add_specials(b);
    for (uint32_t c = 0x21; c < 0x7F && status == VALENCE_OK; c++) status = add_character(b, c);
    for (uint32_t c = 0xA1; c < CODE_POINTS && status == VALENCE_OK && b->size < 2 * ALPHABET_MAX;
         c++)
        if (times[c] >= (uint32_t)b->o->min_count && c != 0xFFFD) status = add_character(b, c);
    vl_free(times);
    return status;
}

/* ---- Words ----------------------------------------------------------------------------------- */

static vl_status count_text(builder *b, const vl_tokenizer *t, const vl_tokens *tokens,
                            vl_buffer *word)
{
    for (int64_t i = 0; i <= tokens->count; i++) {
        vl_span token = i < tokens->count ? vl_tokenizer_token(t, tokens->ids[i]) : vl_span_of("");
        bool continues = token.len > 2 && memcmp(token.ptr, "##", 2) == 0;
        if (!continues && word->len) {
            if (word->len <= WORD_BYTES_MAX) VL_TRY(count_add(&b->words, vl_buffer_span(word), 1));
            vl_buffer_reset(word);
        }
        if (i == tokens->count || tokens->ids[i] < VL_PIECE_SPECIALS) continue;
        size_t skip = continues ? 2 : 0;
        VL_TRY(vl_buffer_append(word, token.ptr + skip, token.len - skip));
    }
    return VALENCE_OK;
}

static vl_status count_texts(builder *b, const vl_corpus *corpus, const vl_tokenizer *t,
                             vl_buffer *word, valence_error *error)
{
    vl_token_scratch *scratch;
    vl_tokens tokens;
    VL_TRY(vl_token_scratch_open(&scratch, t, error));
    vl_status status = VALENCE_OK;
    for (int64_t i = 0; i < corpus->count && status == VALENCE_OK; i++) {
        status = vl_tokenizer_encode(t, scratch, corpus->examples[i].text, false, &tokens);
        if (status == VALENCE_OK) status = count_text(b, t, &tokens, word);
    }
    vl_token_scratch_close(scratch);
    return status;
}

static vl_status count_words(builder *b, const vl_corpus *corpus, valence_error *error)
{
    vl_tokenizer *t = NULL;
    vl_buffer json, word;
    vl_buffer_init(&json, VL_MEM_TRAINING, (size_t)1 << 30);
    vl_buffer_init(&word, VL_MEM_TRAINING, 1 << 20);
    vl_status status = first_alphabet(b, corpus);
    if (status == VALENCE_OK) status = write_json(&json, b);
    if (status == VALENCE_OK) status = vl_tokenizer_open(&t, vl_buffer_span(&json), error);
    if (status == VALENCE_OK) status = count_texts(b, corpus, t, &word, error);
    if (status == VALENCE_OK) counts_seal(&b->words);
    vl_tokenizer_close(t);
    vl_buffer_release(&json);
    vl_buffer_release(&word);
    return status;
}

/* ---- The choice ------------------------------------------------------------------------------ */

static vl_status count_characters(builder *b)
{
    for (int64_t i = 0; i < count_of(&b->words); i++) {
        const counted *w = &items_of(&b->words)[i];
        const char *p = w->text.ptr, *end = p + w->text.len;
        for (int len; p < end; p += len) {
            vl_utf8_decode(p, end, &len);
            VL_TRY(count_add(&b->characters, (vl_span){p, (size_t)len}, w->count));
        }
    }
    counts_seal(&b->characters);
    return VALENCE_OK;
}

static vl_status add_characters(builder *b)
{
    VL_TRY(count_characters(b));
    const counted *c = items_of(&b->characters);
    for (int64_t i = 0; i < count_of(&b->characters) && b->size + 2 <= b->o->size / 2; i++) {
        if (c[i].count < b->o->min_count) break;
        VL_TRY(add_token(b, c[i].text, false));
        VL_TRY(add_token(b, c[i].text, true));
    }
    return VALENCE_OK;
}

static bool is_token(const builder *b, vl_span text)
{
    int32_t id;
    return vl_strmap_get(&b->ids, text, &id);
}

/* Counts the parts of a word; those that continue begin with ##. */
static vl_status count_parts(builder *b, const counted *w)
{
    char spelling[WORD_BYTES_MAX + 2] = "##";
    const char *starts[WORD_BYTES_MAX + 1];
    int n = 0;
    const char *p = w->text.ptr, *end = p + w->text.len;
    for (int len; p < end; p += len, n++) {
        starts[n] = p;
        vl_utf8_decode(p, end, &len);
    }
    starts[n] = end;
    for (int i = 0; i < n; i++)
        for (int k = PART_LEAST; k <= PART_MOST && i + k <= n; k++) {
            size_t bytes = (size_t)(starts[i + k] - starts[i]);
            memcpy(spelling + 2, starts[i], bytes);
            vl_span part = i ? (vl_span){spelling, bytes + 2} : (vl_span){starts[i], bytes};
            VL_TRY(count_add(&b->parts, part, w->count * (k - 1)));
        }
    return VALENCE_OK;
}

static vl_status add_words(builder *b, int64_t *rest)
{
    int32_t limit = (int32_t)((1 - b->o->pieces) * b->o->size);
    const counted *w = items_of(&b->words);
    int64_t i = 0;
    for (; i < count_of(&b->words) && b->size < limit && w[i].count >= b->o->min_count; i++)
        VL_TRY(add_token(b, w[i].text, false));
    *rest = i;
    return VALENCE_OK;
}

static vl_status add_parts(builder *b, int64_t rest)
{
    const counted *w = items_of(&b->words);
    for (int64_t i = rest; i < count_of(&b->words) && i < rest + PARTS_FROM; i++)
        if (!is_token(b, w[i].text)) VL_TRY(count_parts(b, &w[i]));
    counts_seal(&b->parts);
    const counted *p = items_of(&b->parts);
    for (int64_t i = 0; i < count_of(&b->parts) && b->size < b->o->size; i++) {
        bool continues = p[i].text.len > 2 && memcmp(p[i].text.ptr, "##", 2) == 0;
        vl_span text = continues ? (vl_span){p[i].text.ptr + 2, p[i].text.len - 2} : p[i].text;
        VL_TRY(add_token(b, text, continues));
    }
    return VALENCE_OK;
}

static vl_status build(builder *b, vl_buffer *json, const vl_corpus *corpus, valence_error *error)
{
    int64_t rest;
    VL_TRY(count_words(b, corpus, error));
    forget_tokens(b);
    VL_TRY(add_specials(b));
    VL_TRY(add_characters(b));
    VL_TRY(add_words(b, &rest));
    VL_TRY(add_parts(b, rest));
    return write_json(json, b);
}

vl_status vl_wordpieces_build(vl_buffer *json, const vl_corpus *corpus,
                              const vl_wordpieces_options *options, valence_error *error)
{
    if (options->size < VL_WORDPIECES_LEAST || options->size > VL_WORDPIECES_MOST)
        return vl_fail(error, VALENCE_ARGUMENT, "a vocabulary has %d to %d tokens",
                       VL_WORDPIECES_LEAST, VL_WORDPIECES_MOST);
    builder b;
    builder_init(&b, options);
    vl_status status = build(&b, json, corpus, error);
    builder_release(&b);
    if (status == VALENCE_NO_MEMORY) return vl_fail_memory(error, 0, "the vocabulary");
    return status;
}
