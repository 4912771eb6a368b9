/* tokenizer_json_model.c: the model of a tokenizer.json: WordPiece, or BPE with its merges. */
#include "text/tokenizer_parts.h"

enum { TOKENS_MAX = 1 << 23, MERGES_MAX = 1 << 23, SPARE_IDS = 1 << 16 };

/* ---- Vocabulary -------------------------------------------------------------------------- */

typedef struct vocab_reader {
    vl_token_vocabulary *v;
    vl_status status;
    valence_error *error;
} vocab_reader;

static int read_token(void *user, vl_span token, vl_json value)
{
    vocab_reader *r = user;
    int64_t id;
    if (!vl_json_integer(value, &id))
        r->status = vl_fail(r->error, VALENCE_FORMAT, "the id of token '%.*s' is not a number",
                            (int)(token.len < 64 ? token.len : 64), token.ptr);
    else r->status = vl_token_vocabulary_add(r->v, token, id, r->error);
    return r->status != VALENCE_OK;
}

/* Ids may have holes, but not so many that a small file takes much memory. */
static vl_status read_vocabulary(vl_tokenizer *t, vl_json model, valence_error *error)
{
    vl_json vocab;
    if (!vl_json_has(model, "vocab", &vocab) || vl_json_type_of(vocab) != VL_JSON_OBJECT)
        return vl_fail(error, VALENCE_FORMAT, "the tokenizer's model has no vocabulary");
    size_t count = vl_json_count(vocab);
    if (count > TOKENS_MAX)
        return vl_fail(error, VALENCE_LIMIT, "the tokenizer has more than %d tokens", TOKENS_MAX);
    if (vl_token_vocabulary_init(&t->vocabulary, (int32_t)(8 * count) + SPARE_IDS) != VALENCE_OK)
        return vl_fail_memory(error, count, "the vocabulary");
    vocab_reader r = {.v = &t->vocabulary, .error = error};
    vl_json_each(vocab, read_token, &r);
    return r.status;
}

/* ---- WordPiece --------------------------------------------------------------------------- */

static vl_status read_wordpiece(vl_tokenizer *t, vl_json model, valence_error *error)
{
    vl_span unknown, prefix;
    int64_t most = 0;
    vl_json v;
    if (t->pretokenizer.bytes)
        return vl_fail(error, VALENCE_UNSUPPORTED, "WordPiece behind ByteLevel is not supported");
    VL_TRY(vl_json_need_string(model, "unk_token", &unknown, error));
    VL_TRY(vl_json_need_string(model, "continuing_subword_prefix", &prefix, error));
    if (!vl_json_has(model, "max_input_chars_per_word", &v) || !vl_json_integer(v, &most) ||
        most < 0)
        return vl_fail(error, VALENCE_FORMAT,
                       "the tokenizer's \"max_input_chars_per_word\" is not a number");
    t->model = VL_MODEL_WORDPIECE;
    t->wordpiece = (vl_wordpiece){.max_chars = (uint64_t)most};
    t->wordpiece.continuing = vl_byte_trie_walk(&t->vocabulary.trie, VL_TRIE_ROOT, prefix);
    t->wordpiece.continues = t->wordpiece.continuing || prefix.len == 0;
    t->wordpiece.unknown = vl_token_vocabulary_model_id(&t->vocabulary, unknown);
    if (t->wordpiece.unknown < 0)
        return vl_fail(error, VALENCE_FORMAT, "the unknown token '%.*s' is not in the vocabulary",
                       (int)(unknown.len < 64 ? unknown.len : 64), unknown.ptr);
    return VALENCE_OK;
}

/* ---- BPE --------------------------------------------------------------------------------- */

typedef struct merge_reader {
    vl_tokenizer *t;
    vl_buffer joined;
    int32_t rank;
    vl_status status;
    valence_error *error;
} merge_reader;

/* ["a", "b"], or "a b" with one space. */
static bool read_sides(vl_json item, vl_span *left, vl_span *right)
{
    vl_span both;
    if (vl_json_string(item, &both)) {
        const char *space = both.len ? memchr(both.ptr, ' ', both.len) : NULL;
        if (!space) return false;
        *left = (vl_span){both.ptr, (size_t)(space - both.ptr)};
        *right = (vl_span){space + 1, both.len - left->len - 1};
        return right->len == 0 || !memchr(right->ptr, ' ', right->len);
    }
    vl_json sides[2];
    return vl_json_pair(item, sides) && vl_json_string(sides[0], left) &&
           vl_json_string(sides[1], right);
}

static vl_status add_merge(merge_reader *r, vl_span left, vl_span right)
{
    vl_tokenizer *t = r->t;
    size_t skip = t->bpe.prefix.len; /* what continues gives its prefix up */
    vl_buffer_reset(&r->joined);
    if (left.len == 0 || right.len <= skip)
        return vl_fail(r->error, VALENCE_FORMAT, "merge %d of the tokenizer has an empty side",
                       r->rank + 1);
    vl_status status = vl_buffer_append(&r->joined, left.ptr, left.len);
    if (status == VALENCE_OK)
        status = vl_buffer_append(&r->joined, right.ptr + skip, right.len - skip);
    if (status != VALENCE_OK) return vl_fail_memory(r->error, left.len + right.len, "a merge");
    int32_t a = vl_token_vocabulary_model_id(&t->vocabulary, left),
            b = vl_token_vocabulary_model_id(&t->vocabulary, right),
            both = vl_token_vocabulary_model_id(&t->vocabulary, vl_buffer_span(&r->joined));
    if (a < 0 || b < 0 || both < 0)
        return vl_fail(r->error, VALENCE_FORMAT,
                       "merge %d of the tokenizer has a token that is not in the vocabulary",
                       r->rank + 1);
    vl_bpe_add_merge(&t->bpe, a, b, r->rank++, both);
    return VALENCE_OK;
}

static int read_merge(void *user, vl_span key, vl_json item)
{
    (void)key;
    merge_reader *r = user;
    vl_span left, right, text;
    static const char version[] = "#version";
    const size_t len = sizeof version - 1;
    if (vl_json_string(item, &text) && text.len >= len && memcmp(text.ptr, version, len) == 0)
        return 0;
    if (!read_sides(item, &left, &right))
        r->status = vl_fail(r->error, VALENCE_FORMAT, "merge %d of the tokenizer is not two tokens",
                            r->rank + 1);
    else r->status = add_merge(r, left, right);
    return r->status != VALENCE_OK;
}

static vl_status read_merges(vl_tokenizer *t, vl_json merges, valence_error *error)
{
    merge_reader r = {.t = t, .error = error};
    vl_buffer_init(&r.joined, VL_MEM_MODEL, SIZE_MAX / 2);
    vl_json_each(merges, read_merge, &r);
    vl_buffer_release(&r.joined);
    return r.status;
}

static vl_status read_dropout(vl_json model, valence_error *error)
{
    vl_json v;
    double dropout = 0;
    if (!vl_json_has(model, "dropout", &v)) return VALENCE_OK;
    if (!vl_json_number(v, &dropout) || dropout != 0)
        return vl_fail(error, VALENCE_UNSUPPORTED, "a tokenizer with dropout is not supported");
    return VALENCE_OK;
}

static vl_status read_affix(vl_tokenizer *t, vl_json model, const char *key, vl_span *out,
                            valence_error *error)
{
    vl_span text = {NULL, 0};
    VL_TRY(vl_json_may_string(model, key, &text, error));
    return text.len ? vl_tokenizer_keep(t, text, out, error) : VALENCE_OK;
}

static vl_status read_unknown(vl_tokenizer *t, vl_json model, valence_error *error)
{
    vl_span unknown = {NULL, 0};
    VL_TRY(vl_json_may_string(model, "unk_token", &unknown, error));
    if (!unknown.ptr) return VALENCE_OK;
    t->bpe.unknown = vl_token_vocabulary_model_id(&t->vocabulary, unknown);
    bool needed = !t->bpe.by_bytes || t->bpe.prefix.len || t->bpe.suffix.len;
    for (int b = 0; b < 256; b++) needed = needed || t->bpe.bytes[b] < 0;
    if (t->bpe.unknown < 0 && needed)
        return vl_fail(error, VALENCE_FORMAT, "the unknown token '%.*s' is not in the vocabulary",
                       (int)(unknown.len < 64 ? unknown.len : 64), unknown.ptr);
    return VALENCE_OK;
}

static vl_status read_settings(vl_tokenizer *t, vl_json model, valence_error *error)
{
    vl_bpe *m = &t->bpe;
    VL_TRY(read_dropout(model, error));
    VL_TRY(read_affix(t, model, "continuing_subword_prefix", &m->prefix, error));
    VL_TRY(read_affix(t, model, "end_of_word_suffix", &m->suffix, error));
    VL_TRY(vl_json_may_flag(model, "fuse_unk", &m->fuse_unknown, error));
    VL_TRY(vl_json_may_flag(model, "byte_fallback", &m->byte_fallback, error));
    VL_TRY(vl_json_may_flag(model, "ignore_merges", &m->ignore_merges, error));
    m->by_bytes = t->pretokenizer.bytes;
    if (m->byte_fallback && (m->by_bytes || m->prefix.len || m->suffix.len))
        return vl_fail(error, VALENCE_UNSUPPORTED,
                       "byte_fallback with ByteLevel, a prefix or a suffix is not supported");
    vl_bpe_finish(m, &t->vocabulary);
    return read_unknown(t, model, error);
}

static vl_status read_bpe(vl_tokenizer *t, vl_json model, valence_error *error)
{
    vl_json merges;
    if (!vl_json_has(model, "merges", &merges) || vl_json_type_of(merges) != VL_JSON_ARRAY)
        return vl_fail(error, VALENCE_FORMAT, "the tokenizer's model has no merges");
    size_t count = vl_json_count(merges);
    if (count > MERGES_MAX)
        return vl_fail(error, VALENCE_LIMIT, "the tokenizer has more than %d merges", MERGES_MAX);
    if (vl_bpe_init(&t->bpe, count) != VALENCE_OK) return vl_fail_memory(error, count, "merges");
    t->model = VL_MODEL_BPE;
    VL_TRY(read_settings(t, model, error));
    return read_merges(t, merges, error);
}

/* Old files do not say which model it is. */
static vl_span model_type(vl_json model)
{
    vl_json v;
    vl_span type = vl_span_of(vl_json_has(model, "merges", &v) ? "BPE" : "WordPiece");
    if (vl_json_has(model, "type", &v)) vl_json_string(v, &type);
    return type;
}

vl_status vl_tokenizer_read_model(vl_tokenizer *t, vl_json model, valence_error *error)
{
    vl_span type = model_type(model);
    bool bpe = vl_span_is(type, "BPE");
    if (!bpe && !vl_span_is(type, "WordPiece"))
        return vl_tokenizer_unsupported("model", type, error);
    VL_TRY(read_vocabulary(t, model, error));
    return bpe ? read_bpe(t, model, error) : read_wordpiece(t, model, error);
}
