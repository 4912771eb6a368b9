/* token_scratch.c: memory of a thread, the tokens it gathers, and the words it remembers. */
#include "text/token_scratch.h"

#include "text/token_chars.h"
#include "text/unicode.h"

vl_status vl_token_scratch_open(vl_token_scratch **out, const vl_tokenizer *t, valence_error *error)
{
    vl_token_scratch *s = *out = vl_alloc_zero(VL_MEM_REQUEST, sizeof *s);
    if (!s) return vl_fail_memory(error, sizeof *s, "a tokenizer's scratch");
    s->t = t;
    for (int i = 0; i < VL_SCRATCH_BUFFERS; i++)
        vl_buffer_init(&s->buffers[i], VL_MEM_REQUEST, SIZE_MAX / 2);
    for (int i = 0; i < 2; i++) vl_normal_text_init(&s->texts[i]);
    vl_bpe_work_init(&s->bpe);
    if (vl_word_cache_init(&s->cache) == VALENCE_OK) return VALENCE_OK;
    vl_token_scratch_close(s);
    *out = NULL;
    return vl_fail_memory(error, sizeof(vl_cached_word) << VL_CACHE_BITS, "a tokenizer's cache");
}

void vl_token_scratch_close(vl_token_scratch *s)
{
    if (!s) return;
    for (int i = 0; i < VL_SCRATCH_BUFFERS; i++) vl_buffer_release(&s->buffers[i]);
    for (int i = 0; i < 2; i++) vl_normal_text_release(&s->texts[i]);
    vl_bpe_work_release(&s->bpe);
    vl_word_cache_release(&s->cache);
    vl_free(s);
}

vl_status vl_scratch_reserve(vl_token_scratch *s, size_t more)
{
    VL_TRY(vl_buffer_reserve(&s->buffers[VL_SCRATCH_IDS], more * sizeof(int32_t)));
    if (!s->offsets) return VALENCE_OK;
    VL_TRY(vl_buffer_reserve(&s->buffers[VL_SCRATCH_STARTS], more * sizeof(uint32_t)));
    return vl_buffer_reserve(&s->buffers[VL_SCRATCH_ENDS], more * sizeof(uint32_t));
}

void vl_scratch_commit(vl_token_scratch *s, size_t count)
{
    s->count += (int64_t)count;
    size_t bytes = (size_t)s->count * sizeof(int32_t);
    s->buffers[VL_SCRATCH_IDS].len = bytes;
    if (s->offsets) s->buffers[VL_SCRATCH_STARTS].len = s->buffers[VL_SCRATCH_ENDS].len = bytes;
}

/* ---- Trimming ---------------------------------------------------------------------------- */

static bool is_trimmed(uint32_t c)
{
    return c == 0x120 || vl_token_is_space(c); /* U+0120 stands for a space */
}

static uint32_t count_leading(vl_span token)
{
    uint32_t n = 0;
    for (size_t at = 0; at < token.len; n++) {
        int len;
        if (!is_trimmed(vl_utf8_at(token, at, &len))) break;
        at += (size_t)len;
    }
    return n;
}

static uint32_t count_trailing(vl_span token)
{
    uint32_t n = 0;
    for (size_t at = token.len; at > 0; n++) {
        int len;
        if (!is_trimmed(vl_utf8_before(token, at, &len))) break;
        at -= (size_t)len;
    }
    return n;
}

/* Moves the ends of a range inwards by so many code points of the text. */
static void trim(const vl_token_scratch *s, uint32_t leading, uint32_t trailing, vl_origin *o)
{
    int len;
    for (; leading > 0 && o->start < o->end; leading--) {
        vl_utf8_at(s->text, o->start, &len);
        o->start += (uint32_t)len;
    }
    size_t end = o->end;
    uint32_t back = 0;
    for (; back < trailing && end > 0; back++) {
        vl_utf8_before(s->text, end, &len);
        end -= (size_t)len;
    }
    if (back < trailing) return; /* Hugging Face leaves the end alone then */
    o->end = end > o->start ? (uint32_t)end : o->start;
}

static vl_origin trimmed(const vl_token_scratch *s, vl_span token, vl_origin o)
{
    uint32_t spaces = count_leading(token), trailing = count_trailing(token);
    for (int i = 0; i < s->t->trim_count; i++) {
        bool first = s->count == 0 || o.start == 0;
        bool kept = first && s->t->trims[i].add_prefix_space && spaces == 1;
        trim(s, kept ? 0 : spaces, trailing, &o);
    }
    return o;
}

void vl_scratch_emit(vl_token_scratch *s, int32_t id, vl_span spelling, vl_origin origin)
{
    vl_scratch_ids(s)[s->count] = id;
    if (s->offsets) {
        if (s->t->trim_count) origin = trimmed(s, spelling, origin);
        vl_scratch_starts(s)[s->count] = origin.start;
        vl_scratch_ends(s)[s->count] = origin.end;
    }
    vl_scratch_commit(s, 1);
}

vl_status vl_scratch_added(vl_token_scratch *s, vl_piece p)
{
    VL_TRY(vl_scratch_reserve(s, 1));
    vl_span spelling = {s->text.ptr + p.begin, p.end - p.begin};
    vl_scratch_emit(s, p.token, spelling, (vl_origin){p.begin, p.end});
    return VALENCE_OK;
}

/* ---- Words ------------------------------------------------------------------------------- */

/* By the model itself. */
static vl_status encode(vl_token_scratch *s, vl_span word, int32_t *ids, uint32_t *ends,
                        size_t *count)
{
    const vl_tokenizer *t = s->t;
    if (t->model == VL_MODEL_BPE)
        return vl_bpe_encode(&t->bpe, &t->vocabulary, &s->bpe, word, ids, ends, count);
    *count = vl_wordpiece_encode(&t->wordpiece, &t->vocabulary, word, ids, ends);
    return VALENCE_OK;
}

vl_status vl_scratch_learn(vl_token_scratch *s, vl_span word, vl_word_key key,
                           const vl_cached_word **out)
{
    int32_t ids[VL_CACHED_BYTES];
    uint32_t ends[VL_CACHED_BYTES];
    size_t count;
    *out = NULL;
    VL_TRY(encode(s, word, ids, ends, &count));
    if (count > VL_CACHED_TOKENS) return VALENCE_OK;
    vl_cached_word *entry = vl_word_cache_place(&s->cache, key);
    entry->key = key;
    entry->count = (uint8_t)count;
    for (size_t i = 0; i < count; i++) {
        entry->ids[i] = ids[i];
        entry->ends[i] = (uint8_t)ends[i];
    }
    *out = entry;
    return VALENCE_OK;
}

vl_status vl_scratch_word(vl_token_scratch *s, vl_span word, int32_t *ids, uint32_t *ends,
                          size_t *count)
{
    if (word.len > VL_CACHED_BYTES) return encode(s, word, ids, ends, count);
    vl_word_key key = vl_word_key_of(word.ptr, word.len);
    const vl_cached_word *entry = vl_word_cache_find(&s->cache, key);
    if (!entry) {
        VL_TRY(vl_scratch_learn(s, word, key, &entry));
        if (!entry) return encode(s, word, ids, ends, count);
    }
    *count = entry->count;
    for (size_t i = 0; i < *count; i++) {
        ids[i] = entry->ids[i];
        ends[i] = entry->ends[i];
    }
    return VALENCE_OK;
}
