/* features.c: the one pass from text to feature ids. Training, prediction and explanation all come
 * through here, so they cannot disagree about what a text contains. */
#include "text/features.h"

#include <assert.h>
#include <string.h>

#include "text/feature_stream.h"

enum { SEGMENT = 1 << 20 }; /* longer texts are cleaned piece by piece, in constant memory */

static size_t slots_of(const vl_features *f)
{
    return (size_t)f->table.buckets * VL_BUCKET;
}

vl_status vl_feature_scratch_open(vl_feature_scratch **out, const vl_features *f,
                                  valence_error *error)
{
    *out = NULL;
    size_t slots = slots_of(f);
    vl_feature_scratch *s = vl_alloc(VL_MEM_REQUEST, sizeof *s);
    if (!s) return vl_fail_memory(error, sizeof *s, "feature scratch");
    memset(&s->clean, 0, sizeof s->clean);
    s->seen = vl_alloc_zero(VL_MEM_REQUEST, (slots + 63) / 64 * 8);
    s->ids = vl_alloc_array(VL_MEM_REQUEST, slots + 16, sizeof *s->ids);
    s->place = f->counts ? vl_alloc_array(VL_MEM_REQUEST, slots, sizeof *s->place) : NULL;
    s->weights = f->counts ? vl_alloc_array(VL_MEM_REQUEST, slots + 16, sizeof *s->weights) : NULL;
    if (!s->seen || !s->ids || (f->counts && (!s->place || !s->weights))) {
        vl_feature_scratch_close(s);
        return vl_fail_memory(error, slots * 12, "feature scratch");
    }
    *out = s;
    return VALENCE_OK;
}

void vl_feature_scratch_close(vl_feature_scratch *s)
{
    if (!s) return;
    vl_clean_scratch_release(&s->clean);
    vl_free(s->seen);
    vl_free(s->ids);
    vl_free(s->place);
    vl_free(s->weights);
    vl_free(s);
}

/* ---- From text to n-grams ------------------------------------------------------------------- */

typedef struct stream {
    const vl_features *f;
    vl_feature_scratch *s;
    vl_clean_map *map;
    vl_ngram_window window;
    vl_ngram_block_sink *sink;
    void *user;
    size_t piece;
    uint64_t words;
} stream;

/* How many n-grams of each length end in a block's words, given how many words came before it. */
static void count_lengths(vl_ngram_block *b, int words_before, int max_n)
{
    int words = b->words->count;
    for (int n = 1; n <= max_n; n++) {
        int reach = words_before + words - n + 1;
        b->count_of[n - 1] = reach < 0 ? 0 : reach < words ? reach : words;
    }
}

static vl_status stream_clean_text(stream *st, vl_span text)
{
    vl_ngram_block b = {.words = &st->s->block, .ngrams = st->s->ngrams, .piece = st->piece};
    while (text.len) {
        size_t used = vl_words_next(&st->s->block, text, st->f->word_flags);
        b.text = (vl_span){text.ptr, used};
        count_lengths(&b, st->window.count, st->f->max_n);
        b.count = vl_ngrams_of_block(st->s->ngrams, &st->s->block, st->f->max_n, &st->window);
        VL_TRY(st->sink(st->user, &b));
        st->words += (uint64_t)st->s->block.count;
        b.cleaned += used;
        text.ptr += used;
        text.len -= used;
    }
    return VALENCE_OK;
}

/* The first piece of a long text: up to the last white space of the first SEGMENT bytes. */
static size_t segment_length(vl_span text)
{
    if (text.len <= SEGMENT) return text.len;
    size_t n = SEGMENT;
    while (n > SEGMENT / 2 && (unsigned char)text.ptr[n - 1] > ' ') n--;
    if (n == SEGMENT / 2) n = SEGMENT;
    while (n > SEGMENT / 2 && ((unsigned char)text.ptr[n] & 0xC0) == 0x80) n--;
    return n;
}

static vl_status clean_piece(stream *st, vl_span piece, vl_span *cleaned)
{
    if (st->map) return vl_clean_mapped(st->f->passes, piece, &st->s->clean, st->map, cleaned);
    return vl_clean(st->f->passes, piece, &st->s->clean, cleaned);
}

static vl_status stream_text(stream *st, vl_span text)
{
    if (st->f->passes == 0) return stream_clean_text(st, text);
    while (st->piece < text.len) {
        vl_span rest = {text.ptr + st->piece, text.len - st->piece}, cleaned;
        vl_span piece = {rest.ptr, segment_length(rest)};
        VL_TRY(clean_piece(st, piece, &cleaned));
        VL_TRY(stream_clean_text(st, cleaned));
        st->piece += piece.len;
    }
    return VALENCE_OK;
}

vl_status vl_feature_blocks(const vl_features *f, vl_feature_scratch *s, vl_clean_map *map,
                            vl_span text, vl_ngram_block_sink *sink, void *user, uint64_t *words)
{
    stream st = {.f = f, .s = s, .map = map, .sink = sink, .user = user};
    vl_status status = stream_text(&st, text);
    if (words) *words = st.words;
    return status;
}

typedef struct plain_sink {
    vl_ngram_sink *sink;
    void *user;
} plain_sink;

static vl_status pass_ngrams(void *user, const vl_ngram_block *block)
{
    const plain_sink *p = user;
    return p->sink(p->user, block->ngrams, block->count);
}

vl_status vl_features_stream(const vl_features *f, vl_feature_scratch *s, vl_span text,
                             vl_ngram_sink *sink, void *user, uint64_t *words)
{
    plain_sink p = {sink, user};
    return vl_feature_blocks(f, s, NULL, text, pass_ngrams, &p, words);
}

/* ---- From n-grams to ids -------------------------------------------------------------------- */

typedef struct collector {
    const vl_features *f;
    vl_feature_scratch *s;
    int32_t count; /* ids so far */
} collector;

/* Appends the slots not seen yet. Writes every slot and moves on only past new ones: no branch. */
static void collect_presence(collector *c, int n)
{
    vl_feature_scratch *s = c->s;
    int32_t count = c->count;
    for (int i = 0; i < n; i++) {
        uint32_t slot = (uint32_t)s->hits[i];
        uint64_t bits = s->seen[slot / 64];
        s->ids[count] = (int32_t)slot;
        count += (int32_t)(~bits >> slot % 64 & 1);
        s->seen[slot / 64] = bits | (uint64_t)1 << slot % 64;
    }
    c->count = count;
}

static void collect_counts(collector *c, int n)
{
    vl_feature_scratch *s = c->s;
    for (int i = 0; i < n; i++) {
        int32_t slot = s->hits[i];
        uint64_t bit = (uint64_t)1 << (uint32_t)slot % 64, *bits = &s->seen[(uint32_t)slot / 64];
        if (*bits & bit) {
            s->weights[s->place[slot]] += 1;
            continue;
        }
        *bits |= bit;
        s->place[slot] = c->count;
        s->weights[c->count] = 1;
        s->ids[c->count++] = slot;
    }
}

static void fetch_rows(const vl_features *f, const int32_t *slots, int n)
{
    for (int i = 0; i < n; i++) __builtin_prefetch(f->rows + (size_t)slots[i] * f->row_bytes);
}

static vl_status collect(void *user, const vl_ngram_block *b)
{
    collector *c = user;
    assert(b->count <= VL_BLOCK_NGRAMS - 16);
    int n = vl_ngram_lookup(c->s->hits, &c->f->table, b->ngrams, b->count);
    if (c->f->rows) fetch_rows(c->f, c->s->hits, n);
    if (c->f->counts) collect_counts(c, n);
    else collect_presence(c, n);
    return VALENCE_OK;
}

vl_status vl_features_of_text(const vl_features *f, vl_feature_scratch *s, vl_span text,
                              vl_batch *batch, uint64_t *words)
{
    collector c = {.f = f, .s = s};
    vl_status status = vl_feature_blocks(f, s, NULL, text, collect, &c, words);
    for (int32_t i = 0; i < c.count; i++) s->seen[(uint32_t)s->ids[i] / 64] = 0;
    s->offsets[0] = 0;
    s->offsets[1] = status == VALENCE_OK ? c.count : 0;
    *batch = (vl_batch){.ids = s->ids, .weights = s->weights, .offsets = s->offsets, .B = 1};
    return status;
}
