/* feature_places.c: a second way through the blocks of features.c, with the offsets of
 * word_places.h. */
#include "text/feature_places.h"

#include <string.h>

#include "text/feature_stream.h"
#include "text/word_places.h"

enum { BEFORE = VL_NGRAM_MAX - 1 }; /* words of the block before that an n-gram may begin in */

typedef struct vl_places_scratch {
    size_t starts[BEFORE + VL_WORDS_BLOCK]; /* of the block's words; before them the last ones seen */
    size_t ends[VL_WORDS_BLOCK];
    vl_word_origin origin;
    int32_t where[VL_BLOCK_NGRAMS]; /* which n-gram of the block each hit is */
    vl_clean_map *map; /* NULL: no cleaning passes */
    uint32_t *reason_of; /* (slots) where in reasons a seen slot stands */
    vl_buffer reasons, places;
} vl_places_scratch;

vl_status vl_feature_places_init(vl_feature_places *p, const vl_features *f, valence_error *error)
{
    size_t slots = (size_t)f->table.buckets * VL_BUCKET;
    vl_places_scratch *s = vl_alloc_zero(VL_MEM_REQUEST, sizeof *s);
    *p = (vl_feature_places){.scratch = s};
    if (!s) return vl_fail_memory(error, sizeof *s, "explanations");
    vl_buffer_init(&s->reasons, VL_MEM_REQUEST,
                   (slots + VL_BLOCK_NGRAMS + 1) * sizeof(valence_reason));
    vl_buffer_init(&s->places, VL_MEM_REQUEST,
                   (VL_PLACES_MAX + VL_BLOCK_NGRAMS) * sizeof(valence_place));
    s->reason_of = vl_alloc_array(VL_MEM_REQUEST, slots, sizeof *s->reason_of);
    vl_status status = s->reason_of ? VALENCE_OK
                                    : vl_fail_memory(error, slots * sizeof(uint32_t), "explanations");
    if (status == VALENCE_OK && f->passes) status = vl_clean_map_open(&s->map, error);
    if (status != VALENCE_OK) vl_feature_places_release(p);
    return status;
}

void vl_feature_places_release(vl_feature_places *p)
{
    vl_places_scratch *s = p->scratch;
    if (!s) return;
    vl_clean_map_close(s->map);
    vl_buffer_release(&s->reasons);
    vl_buffer_release(&s->places);
    vl_free(s->reason_of);
    vl_free(s);
    *p = (vl_feature_places){0};
}

/* ---- N-grams --------------------------------------------------------------------------------- */

static void keep_last_words(vl_places_scratch *s, int count)
{
    memmove(s->starts, s->starts + count, BEFORE * sizeof *s->starts);
}

typedef struct placing {
    const vl_features *f;
    vl_feature_scratch *s;
    vl_places_scratch *p;
} placing;

/* Notes known n-grams of length n: hit i, of slot slots[i], ends in word `first` + where[i] and is a
 * new reason, or one more place of an old one. What would be a new reason is always written and kept
 * only if it is one: about a third are not, and a branch would be mispredicted as often. */
static void note(placing *g, const int32_t *slots, const int32_t *where, int count, int first, int n)
{
    valence_reason *reasons = (valence_reason *)(void *)g->p->reasons.data;
    valence_place *place = (valence_place *)(void *)(g->p->places.data + g->p->places.len);
    const size_t *starts = g->p->starts + BEFORE + first - n + 1, *ends = g->p->ends + first;
    uint32_t next = (uint32_t)(g->p->reasons.len / sizeof *reasons);
    for (int i = 0; i < count; i++, place++) {
        uint32_t slot = (uint32_t)slots[i];
        uint64_t bits = g->s->seen[slot / 64], old = bits >> slot % 64 & 1;
        size_t start = starts[where[i]], end = ends[where[i]];
        uint32_t reason = old ? g->p->reason_of[slot] : next;
        g->p->reason_of[slot] = reason;
        g->s->seen[slot / 64] = bits | (uint64_t)1 << slot % 64;
        g->s->ids[next] = (int32_t)slot;
        reasons[next] = (valence_reason){.start = start, .end = end};
        reasons[reason].count++;
        *place = (valence_place){.start = start, .end = end, .reason = reason};
        next += !old;
    }
    g->p->reasons.len = next * sizeof *reasons;
    g->p->places.len += (size_t)count * sizeof *place;
}

/* All lengths; hits come in the order of the block's n-grams. */
static void note_block(placing *g, const vl_ngram_block *b, int hits)
{
    int from = 0, passed = 0;
    int32_t *where = g->p->where;
    for (int n = 1; n <= g->f->max_n; n++) {
        int to = from, first = b->words->count - b->count_of[n - 1];
        for (; to < hits && where[to] < passed + b->count_of[n - 1]; to++) where[to] -= passed;
        note(g, g->s->hits + from, where + from, to - from, first, n);
        from = to;
        passed += b->count_of[n - 1];
    }
}

/* Room for all n-grams of a block at once; past the maximum, places are forgotten again. */
static vl_status make_room(placing *g, const vl_ngram_block *b)
{
    size_t most = VL_PLACES_MAX * sizeof(valence_place);
    if (g->p->places.len > most) g->p->places.len = most;
    VL_TRY(vl_buffer_reserve(&g->p->places, (size_t)b->count * sizeof(valence_place)));
    return vl_buffer_reserve(&g->p->reasons, (size_t)(b->count + 1) * sizeof(valence_reason));
}

static vl_status place_block(void *user, const vl_ngram_block *b)
{
    placing *g = user;
    VL_TRY(make_room(g, b));
    vl_word_places(g->p->starts + BEFORE, g->p->ends, &g->p->origin, b, g->p->map);
    int hits = vl_ngram_locate(g->s->hits, g->p->where, &g->f->table, b->ngrams, b->count);
    note_block(g, b, hits);
    keep_last_words(g->p, b->words->count);
    return VALENCE_OK;
}

static void fill(vl_feature_places *p)
{
    size_t places = p->scratch->places.len / sizeof(valence_place);
    p->reasons = (valence_reason *)(void *)p->scratch->reasons.data;
    p->reason_count = p->scratch->reasons.len / sizeof(valence_reason);
    p->places = (const valence_place *)(const void *)p->scratch->places.data;
    p->place_count = places < VL_PLACES_MAX ? places : VL_PLACES_MAX;
}

vl_status vl_features_places(const vl_features *f, vl_feature_scratch *s, vl_feature_places *p,
                             vl_span text, vl_batch *batch)
{
    placing g = {.f = f, .s = s, .p = p->scratch};
    vl_buffer_reset(&g.p->reasons);
    vl_buffer_reset(&g.p->places);
    vl_status status = vl_feature_blocks(f, s, g.p->map, text, place_block, &g, &p->words);
    fill(p);
    for (size_t i = 0; i < p->reason_count; i++) {
        s->seen[(uint32_t)s->ids[i] / 64] = 0;
        if (f->counts) s->weights[i] = (float)p->reasons[i].count;
    }
    s->offsets[0] = 0;
    s->offsets[1] = status == VALENCE_OK ? (int32_t)p->reason_count : 0;
    *batch = (vl_batch){.ids = s->ids, .weights = s->weights, .offsets = s->offsets, .B = 1};
    return status;
}
