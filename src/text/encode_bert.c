/* encode_bert.c: WordPiece behind BERT's normaliser and pre-tokeniser, for texts that are mostly
 * ASCII: words of a block by their masks, tokens of a word out of the cache. What surrounds a
 * foreign byte, up to the next blanks, goes the general way: no step of such a tokenizer sees
 * across a blank. */
#include "text/token_scratch.h"

#include "text/token_chars.h"

/* BERT's steps, the normalisation forms and Lowercase: of plain ASCII they change the case at most.
 */
static bool keeps_ascii(vl_normal_kind kind)
{
    return kind <= VL_NORMAL_LOWER;
}

/* Each code point of a kind is a delimiter. */
static bool cuts(const vl_split_step *step, bool (*is)(uint32_t c), vl_split_behavior behavior)
{
    const vl_pattern *p = &step->pattern;
    return p->kind == VL_PATTERN_RUN && p->is == is && p->most == 1 && !step->invert &&
           step->behavior == behavior;
}

bool vl_encode_bert_fits(const vl_tokenizer *t)
{
    const vl_pretokenizer *p = &t->pretokenizer;
    for (int i = 0; i < t->normalizer.count; i++)
        if (!keeps_ascii(t->normalizer.steps[i].kind)) return false;
    return t->model == VL_MODEL_WORDPIECE && t->trim_count == 0 &&
           vl_added_tokens_none(&t->added_normal) && p->count == 2 &&
           cuts(&p->steps[0], vl_token_is_space, VL_SPLIT_REMOVED) &&
           cuts(&p->steps[1], vl_token_is_punctuation, VL_SPLIT_ISOLATED);
}

static bool folds(const vl_tokenizer *t)
{
    for (int i = 0; i < t->normalizer.count; i++)
        if (t->normalizer.steps[i].kind == VL_NORMAL_LOWER) return true;
    return false;
}

/* A word that the cache cannot hold. */
static vl_status encode_long(vl_token_scratch *s, vl_span word, size_t at)
{
    vl_buffer *buffer = &s->buffers[VL_SCRATCH_WORD_ENDS];
    vl_buffer_reset(buffer);
    VL_TRY(vl_buffer_reserve(buffer, word.len * sizeof(uint32_t)));
    uint32_t *ends = (uint32_t *)(void *)buffer->data, begin = 0;
    size_t count;
    VL_TRY(vl_scratch_word(s, word, vl_scratch_ids(s) + s->count, ends, &count));
    for (size_t i = 0; i < count && s->offsets; i++) {
        vl_scratch_starts(s)[(size_t)s->count + i] = (uint32_t)at + begin;
        vl_scratch_ends(s)[(size_t)s->count + i] = (uint32_t)at + ends[i];
        begin = ends[i];
    }
    vl_scratch_commit(s, count);
    return VALENCE_OK;
}

/* The cache's entry of a word of the block; NULL: it has none. */
static inline vl_status find(vl_token_scratch *s, const char *word, size_t len,
                             const vl_cached_word **entry)
{
    *entry = NULL;
    if (len > VL_CACHED_BYTES) return VALENCE_OK;
    vl_word_key key = vl_word_key_padded(word, len);
    *entry = vl_word_cache_find(&s->cache, key);
    return *entry ? VALENCE_OK : vl_scratch_learn(s, (vl_span){word, len}, key, entry);
}

static void put_offsets(vl_token_scratch *s, const vl_cached_word *entry, size_t at)
{
    uint32_t *starts = vl_scratch_starts(s) + s->count, *ends = vl_scratch_ends(s) + s->count;
    for (int i = 0; i < entry->count; i++) {
        starts[i] = (uint32_t)at + (i ? entry->ends[i - 1] : 0u);
        ends[i] = (uint32_t)at + entry->ends[i];
    }
}

/* The words of the block, whose first byte is the text's byte base. Room for each byte is there. */
static vl_status encode_block(vl_token_scratch *s, size_t base)
{
    const vl_bert_block *b = &s->block;
    int32_t *ids = vl_scratch_ids(s);
    for (int i = 0; i < b->count; i++) {
        size_t begin = b->begin[i], len = b->last[i] - begin + 1u;
        const vl_cached_word *entry;
        VL_TRY(find(s, b->lower + begin, len, &entry));
        if (!entry) {
            VL_TRY(encode_long(s, (vl_span){b->lower + begin, len}, base + begin));
            continue;
        }
        memcpy(ids + s->count, entry->ids, sizeof entry->ids); /* room for three is always there */
        if (s->offsets) put_offsets(s, entry, base + begin);
        s->count += entry->count;
    }
    vl_scratch_commit(s, 0);
    return VALENCE_OK;
}

vl_status vl_encode_bert(vl_token_scratch *s, size_t begin, size_t end)
{
    bool fold = folds(s->t);
    while (begin < end) {
        vl_span rest = {s->text.ptr + begin, end - begin};
        size_t used = vl_bert_words_next(&s->block, rest, fold);
        if (used) {
            VL_TRY(vl_scratch_reserve(s, used + VL_CACHED_TOKENS));
            VL_TRY(encode_block(s, begin));
        } else {
            used = vl_bert_words_foreign(rest);
            VL_TRY(vl_encode_any(s, begin, begin + used));
        }
        begin += used;
    }
    return VALENCE_OK;
}
