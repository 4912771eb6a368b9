/* encode_bytes.c: byte-level BPE behind the expressions of the GPT family, as RoBERTa and
 * ModernBERT have it. A text that its normaliser (if any) leaves alone is cut where it stands,
 * without copies and lists; the tokens of a word come out of the cache. Other texts go the general
 * way. */
#include "text/token_scratch.h"

#include "text/gpt_split.h"

static bool is_cutting(const vl_split_step *step)
{
    bool known = step->pattern.kind == VL_PATTERN_GPT2 || step->pattern.kind == VL_PATTERN_GPT4;
    return !step->space_before && known && step->behavior == VL_SPLIT_ISOLATED && !step->invert;
}

bool vl_encode_bytes_fits(const vl_tokenizer *t)
{
    const vl_pretokenizer *p = &t->pretokenizer;
    int spaces = p->count > 0 && p->steps[0].space_before;
    return t->model == VL_MODEL_BPE && p->bytes && p->count == spaces + 1 &&
           is_cutting(&p->steps[spaces]);
}

/* A part of the text as the model sees it: perhaps with a space before, which is not in the text.
 */
typedef struct view {
    vl_span bytes;
    size_t base;  /* where it stands in the text */
    size_t added; /* 1: bytes begin with a space of ours */
} view;

static bool continues(vl_span text, size_t at)
{
    return at < text.len && ((unsigned char)text.ptr[at] & 0xC0) == 0x80;
}

/* Bytes [begin, end) of the view in the text, widened to whole code points; our space counts as the
 * first one. */
static vl_origin origin_of(const vl_token_scratch *s, const view *v, size_t begin, size_t end)
{
    size_t start = v->base + (begin > v->added ? begin - v->added : 0);
    size_t stop = v->base + (end > v->added ? end - v->added : 1);
    while (continues(s->text, start)) start--;
    while (continues(s->text, stop)) stop++;
    return (vl_origin){(uint32_t)start, (uint32_t)stop};
}

/* Tokens of a word that the cache does not hold, or whose offsets are asked for. */
static vl_status encode_slowly(vl_token_scratch *s, const view *v, size_t at, size_t len)
{
    vl_buffer *buffer = &s->buffers[VL_SCRATCH_WORD_ENDS];
    vl_buffer_reset(buffer);
    VL_TRY(vl_buffer_reserve(buffer, len * sizeof(uint32_t)));
    uint32_t *ends = (uint32_t *)(void *)buffer->data;
    int32_t *ids = vl_scratch_ids(s) + s->count;
    size_t count;
    VL_TRY(vl_scratch_word(s, (vl_span){v->bytes.ptr + at, len}, ids, ends, &count));
    if (!s->offsets) return vl_scratch_commit(s, count), VALENCE_OK;
    for (size_t i = 0; i < count; i++) {
        size_t begin = at + (i ? ends[i - 1] : 0);
        vl_span spelling = vl_token_vocabulary_token(&s->t->vocabulary, ids[i]);
        vl_scratch_emit(s, ids[i], spelling, origin_of(s, v, begin, at + ends[i]));
    }
    return VALENCE_OK;
}

static inline vl_status encode_word(vl_token_scratch *s, const view *v, size_t at, size_t len)
{
    if (s->offsets || len > VL_CACHED_BYTES) return encode_slowly(s, v, at, len);
    const char *word = v->bytes.ptr + at;
    vl_word_key key =
        v->bytes.len - at >= sizeof key ? vl_word_key_padded(word, len) : vl_word_key_of(word, len);
    const vl_cached_word *entry = vl_word_cache_find(&s->cache, key);
    if (!entry) {
        VL_TRY(vl_scratch_learn(s, (vl_span){word, len}, key, &entry));
        if (!entry) return encode_slowly(s, v, at, len);
    }
    memcpy(vl_scratch_ids(s) + s->count, entry->ids, sizeof entry->ids);
    s->count += entry->count;
    return VALENCE_OK;
}

static vl_status encode_view(vl_token_scratch *s, const view *v, const vl_pattern *pattern)
{
    VL_TRY(vl_scratch_reserve(s, v->bytes.len + VL_CACHED_TOKENS));
    for (size_t at = 0, end; at < v->bytes.len; at = end) {
        end = pattern->kind == VL_PATTERN_GPT2 ? vl_gpt2_match(v->bytes, at)
                                               : vl_gpt4_match(v->bytes, at, pattern->most);
        VL_TRY(encode_word(s, v, at, end - at));
    }
    vl_scratch_commit(s, 0);
    return VALENCE_OK;
}

/* Bytes [begin, end) of the text: no added token, and nothing to normalise. */
static vl_status encode_part(vl_token_scratch *s, size_t begin, size_t end)
{
    const vl_pretokenizer *p = &s->t->pretokenizer;
    view v = {{s->text.ptr + begin, end - begin}, begin, 0};
    if (p->steps[0].space_before && v.bytes.ptr[0] != ' ') {
        vl_buffer *copy = &s->texts[0].bytes;
        vl_buffer_reset(copy);
        VL_TRY(vl_buffer_append_byte(copy, ' '));
        VL_TRY(vl_buffer_append(copy, v.bytes.ptr, v.bytes.len));
        v = (view){vl_buffer_span(copy), begin, 1};
    }
    return encode_view(s, &v, &p->steps[p->count - 1].pattern);
}

vl_status vl_encode_bytes(vl_token_scratch *s, size_t begin, size_t end)
{
    vl_span text = {s->text.ptr + begin, end - begin};
    vl_buffer *pieces = &s->buffers[VL_SCRATCH_PIECES];
    if (!vl_normalizer_keeps(&s->t->normalizer, text)) return vl_encode_any(s, begin, end);
    vl_buffer_reset(pieces);
    VL_TRY(vl_added_tokens_split(&s->t->added_normal, s->text, begin, end, pieces));
    for (size_t i = 0; i < vl_piece_count(pieces); i++) {
        vl_piece p = *vl_piece_at(pieces, i);
        VL_TRY(p.token < 0 ? encode_part(s, p.begin, p.end) : vl_scratch_added(s, p));
    }
    return VALENCE_OK;
}
