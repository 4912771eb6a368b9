/* byte_bpe.c: short words by looking for the best pair again and again, long ones with a heap,
 * which keeps a hostile word of a million letters at n log n. Both take the lowest rank and among
 * equals the leftmost, as Hugging Face does. */
#include "text/byte_bpe.h"

#include <stdio.h>
#include <sys/random.h>

#include "base/utf8.h"
#include "text/byte_letters.h"

enum { SHORT = 48, NONE = INT32_MAX };

typedef struct symbol {
    int32_t id;
    uint32_t len;            /* bytes of the word; 0: merged into the one before */
    int32_t rank;            /* of the merge with its right neighbour, or NONE */
    int32_t merged;          /* what that gives */
    uint32_t before, behind; /* neighbours, for the heap */
} symbol;

typedef struct candidate {
    int32_t rank;
    uint32_t at;
    int32_t merged;
} candidate;

void vl_bpe_work_init(vl_bpe_work *w)
{
    vl_buffer_init(&w->symbols, VL_MEM_REQUEST, SIZE_MAX / 2);
    vl_buffer_init(&w->heap, VL_MEM_REQUEST, SIZE_MAX / 2);
    vl_buffer_init(&w->spelling, VL_MEM_REQUEST, SIZE_MAX / 2);
}

void vl_bpe_work_release(vl_bpe_work *w)
{
    vl_buffer_release(&w->symbols);
    vl_buffer_release(&w->heap);
    vl_buffer_release(&w->spelling);
}

/* ---- The table of merges ----------------------------------------------------------------- */

vl_status vl_bpe_init(vl_bpe *m, size_t merges)
{
    int bits = 4;
    while ((size_t)1 << bits < 2 * merges) bits++;
    *m = (vl_bpe){.shift = 64 - bits, .unknown = -1};
    m->slots = vl_alloc_array(VL_MEM_MODEL, (size_t)1 << bits, sizeof *m->slots);
    if (!m->slots) return VALENCE_NO_MEMORY;
    for (size_t i = 0; i < (size_t)1 << bits; i++) m->slots[i] = (vl_bpe_slot){.id = -1};
    if (getrandom(&m->multiplier, sizeof m->multiplier, GRND_NONBLOCK) !=
        (ssize_t)sizeof m->multiplier)
        m->multiplier = 0x9E3779B97F4A7C15u;
    m->multiplier |= 1;
    return VALENCE_OK;
}

void vl_bpe_release(vl_bpe *m)
{
    vl_free(m->slots);
    m->slots = NULL;
}

static size_t home(const vl_bpe *m, uint64_t pair)
{
    return (size_t)((pair ^ pair >> 29) * m->multiplier >> m->shift);
}

void vl_bpe_add_merge(vl_bpe *m, int32_t left, int32_t right, int32_t rank, int32_t id)
{
    uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t mask = ((size_t)1 << (64 - m->shift)) - 1, i = home(m, pair);
    while (m->slots[i].id >= 0 && m->slots[i].pair != pair) i = (i + 1) & mask;
    m->slots[i] = (vl_bpe_slot){pair, rank, id};
}

/* The merge of two neighbours; rank NONE: there is none. */
static inline void rank_pair(const vl_bpe *m, symbol *left, const symbol *right)
{
    uint64_t pair = (uint64_t)(uint32_t)left->id << 32 | (uint32_t)right->id;
    size_t mask = ((size_t)1 << (64 - m->shift)) - 1;
    for (size_t i = home(m, pair);; i = (i + 1) & mask) {
        const vl_bpe_slot *s = &m->slots[i];
        if (s->id < 0) break;
        if (s->pair != pair) continue;
        left->rank = s->rank;
        left->merged = s->id;
        return;
    }
    left->rank = NONE;
}

void vl_bpe_finish(vl_bpe *m, const vl_token_vocabulary *v)
{
    for (int b = 0; b < 256; b++) {
        char text[8];
        int len = vl_utf8_encode(text, vl_byte_letter((unsigned char)b));
        m->bytes[b] = vl_token_vocabulary_model_id(v, (vl_span){text, (size_t)len});
        snprintf(text, sizeof text, "<0x%02X>", b);
        m->fallback[b] = vl_token_vocabulary_model_id(v, vl_span_of(text));
    }
}

/* ---- The word's first symbols ------------------------------------------------------------ */

typedef struct builder {
    const vl_bpe *m;
    const vl_token_vocabulary *v;
    vl_bpe_work *w;
    symbol *symbols;
    size_t count;
    uint32_t unknown; /* bytes of an unknown symbol not yet added */
} builder;

static void add(builder *b, int32_t id, uint32_t len)
{
    b->symbols[b->count++] = (symbol){.id = id, .len = len, .rank = NONE};
}

static void add_unknown(builder *b)
{
    if (b->unknown) add(b, b->m->unknown, b->unknown);
    b->unknown = 0;
}

static void miss(builder *b, uint32_t len)
{
    if (b->m->unknown < 0) return;
    if (!b->m->fuse_unknown) add_unknown(b);
    b->unknown += len;
}

static bool fall_back(builder *b, vl_span spelling)
{
    if (!b->m->byte_fallback) return false;
    for (size_t i = 0; i < spelling.len; i++)
        if (b->m->fallback[(unsigned char)spelling.ptr[i]] < 0) return false;
    for (size_t i = 0; i < spelling.len; i++)
        add(b, b->m->fallback[(unsigned char)spelling.ptr[i]], 1);
    return true;
}

/* One code point with its prefix or suffix. The order of unknown and fallback is Hugging Face's: a
 * waiting unknown one is added behind bytes that fell back. */
static void add_spelled(builder *b, vl_span spelling, uint32_t len)
{
    int32_t id = vl_token_vocabulary_model_id(b->v, spelling);
    if (id >= 0) {
        add_unknown(b);
        add(b, id, len);
    } else if (!fall_back(b, spelling)) {
        miss(b, len);
    }
}

static vl_status spell(builder *b, vl_span letter, bool first, bool last, vl_span *out)
{
    vl_buffer *s = &b->w->spelling;
    *out = letter;
    if ((first || !b->m->prefix.len) && (!last || !b->m->suffix.len)) return VALENCE_OK;
    vl_buffer_reset(s);
    if (!first) VL_TRY(vl_buffer_append(s, b->m->prefix.ptr, b->m->prefix.len));
    VL_TRY(vl_buffer_append(s, letter.ptr, letter.len));
    if (last) VL_TRY(vl_buffer_append(s, b->m->suffix.ptr, b->m->suffix.len));
    *out = vl_buffer_span(s);
    return VALENCE_OK;
}

static vl_status add_letters(builder *b, vl_span word)
{
    for (size_t at = 0; at < word.len;) {
        int len;
        char letter[4];
        vl_utf8_decode(word.ptr + at, word.ptr + word.len, &len);
        vl_span source = {word.ptr + at, (size_t)len}, spelling;
        bool last = at + (size_t)len == word.len;
        if (b->m->by_bytes) {
            len = 1;
            last = at + 1 == word.len;
            source.ptr = letter;
            source.len =
                (size_t)vl_utf8_encode(letter, vl_byte_letter((unsigned char)word.ptr[at]));
        }
        VL_TRY(spell(b, source, at == 0, last, &spelling));
        add_spelled(b, spelling, (uint32_t)len);
        at += (size_t)len;
    }
    add_unknown(b);
    return VALENCE_OK;
}

/* The usual case: every byte has a token. */
static bool add_bytes(builder *b, vl_span word)
{
    if (!b->m->by_bytes || b->m->prefix.len || b->m->suffix.len) return false;
    for (size_t i = 0; i < word.len; i++) {
        int32_t id = b->m->bytes[(unsigned char)word.ptr[i]];
        if (id < 0) return b->count = 0, false;
        add(b, id, 1);
    }
    return true;
}

/* ---- Merging ----------------------------------------------------------------------------- */

static void merge_short(builder *b)
{
    symbol *s = b->symbols;
    size_t n = b->count;
    for (size_t i = 0; i + 1 < n; i++) rank_pair(b->m, &s[i], &s[i + 1]);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (s[i].rank < s[best].rank) best = i;
        if (s[best].rank == NONE) break;
        s[best].id = s[best].merged;
        s[best].len += s[best + 1].len;
        memmove(&s[best + 1], &s[best + 2], (n - best - 2) * sizeof *s);
        n--;
        s[best].rank = NONE;
        if (best + 1 < n) rank_pair(b->m, &s[best], &s[best + 1]);
        if (best > 0) rank_pair(b->m, &s[best - 1], &s[best]);
    }
    b->count = n;
}

static bool is_before(candidate a, candidate b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void push(candidate *heap, size_t *n, candidate c)
{
    size_t i = (*n)++;
    for (; i > 0 && is_before(c, heap[(i - 1) / 2]); i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = c;
}

static candidate pop(candidate *heap, size_t *n)
{
    candidate top = heap[0], c = heap[--*n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < *n; i = child) {
        if (child + 1 < *n && is_before(heap[child + 1], heap[child])) child++;
        if (!is_before(heap[child], c)) break;
        heap[i] = heap[child];
    }
    heap[i] = c;
    return top;
}

/* Ranks symbol at with its right neighbour and puts the pair on the heap. */
static void offer(builder *b, candidate *heap, size_t *n, uint32_t at)
{
    symbol *s = &b->symbols[at];
    s->rank = NONE;
    if (s->behind >= b->count) return;
    rank_pair(b->m, s, &b->symbols[s->behind]);
    if (s->rank != NONE) push(heap, n, (candidate){s->rank, at, s->merged});
}

static void squeeze(builder *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->count; i++)
        if (b->symbols[i].len) b->symbols[n++] = b->symbols[i];
    b->count = n;
}

static vl_status merge_long(builder *b)
{
    size_t n = 0;
    vl_buffer_reset(&b->w->heap);
    VL_TRY(vl_buffer_reserve(&b->w->heap, 3 * b->count * sizeof(candidate)));
    candidate *heap = (candidate *)(void *)b->w->heap.data;
    symbol *s = b->symbols;
    for (uint32_t i = 0; i < b->count; i++) {
        s[i].before = i - 1; /* of the first: beyond count */
        s[i].behind = i + 1;
    }
    for (uint32_t i = 0; i < b->count; i++) offer(b, heap, &n, i);
    while (n > 0) {
        candidate top = pop(heap, &n);
        symbol *left = &s[top.at];
        if (left->len == 0 || left->rank != top.rank || left->merged != top.merged) continue;
        symbol *right = &s[left->behind];
        left->id = left->merged;
        left->len += right->len;
        right->len = 0;
        left->behind = right->behind;
        if (left->behind < b->count) s[left->behind].before = top.at;
        offer(b, heap, &n, top.at);
        if (left->before < b->count) offer(b, heap, &n, left->before);
    }
    squeeze(b);
    return VALENCE_OK;
}

static vl_status whole_id(builder *b, vl_span word, int32_t *id)
{
    if (!b->m->by_bytes) return *id = vl_token_vocabulary_model_id(b->v, word), VALENCE_OK;
    vl_buffer *s = &b->w->spelling;
    vl_buffer_reset(s);
    VL_TRY(vl_buffer_reserve(s, 2 * word.len + 4));
    for (size_t i = 0; i < word.len; i++)
        s->len +=
            (size_t)vl_utf8_encode(s->data + s->len, vl_byte_letter((unsigned char)word.ptr[i]));
    *id = vl_token_vocabulary_model_id(b->v, vl_buffer_span(s));
    return VALENCE_OK;
}

vl_status vl_bpe_encode(const vl_bpe *m, const vl_token_vocabulary *v, vl_bpe_work *w, vl_span word,
                        int32_t *ids, uint32_t *ends, size_t *count)
{
    builder b = {.m = m, .v = v, .w = w};
    if (m->ignore_merges) {
        VL_TRY(whole_id(&b, word, &ids[0]));
        ends[0] = (uint32_t)word.len;
        if (ids[0] >= 0) return *count = 1, VALENCE_OK;
    }
    vl_buffer_reset(&w->symbols);
    VL_TRY(vl_buffer_reserve(&w->symbols, word.len * sizeof(symbol)));
    b.symbols = (symbol *)(void *)w->symbols.data;
    if (!add_bytes(&b, word)) VL_TRY(add_letters(&b, word));
    if (b.count <= SHORT) merge_short(&b);
    else VL_TRY(merge_long(&b));
    uint32_t end = 0;
    for (size_t i = 0; i < b.count; i++) {
        ids[i] = b.symbols[i].id;
        ends[i] = end += b.symbols[i].len;
    }
    *count = b.count;
    return VALENCE_OK;
}
