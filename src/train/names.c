/* names.c: ranks the slots by class, looks for the n-grams of the strongest and keeps what was
 * found.
 *
 * An n-gram is known by the upper 43 bits of its number, as in counts.h: should two spellings share
 * them, the smaller one by bytes is taken, whatever text came first. */
#include "train/names.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "text/feature_stream.h"

enum {
    HELD_OUT_CHOICE = 8, /* so many times the names wanted are looked for in held-out texts */
    FILTER_BITS = 20,
    BEFORE = VL_NGRAM_MAX - 1, /* words of the blocks before that an n-gram may begin in */
    TEXTS_AT_ONCE = 16,
    MOST_ROWS = 64 /* of one slot, looked through in one round */
};

typedef struct ranked {
    float weight;
    int32_t slot;
} ranked;

typedef struct candidate {
    int32_t slot;
    uint64_t number;
    const char *text; /* NULL: not found yet */
    bool kept;
} candidate;

typedef struct word_copy {
    char bytes[VL_NAME_BYTES];
    size_t len; /* above VL_NAME_BYTES: too long, not copied */
} word_copy;

/* What belongs to one thread. */
typedef struct finder {
    struct name_search *search;
    vl_feature_scratch *scratch;
    vl_arena strings;
    const char **found;       /* (count) or NULL each */
    word_copy before[BEFORE]; /* the last words of the blocks before; [0] is the older one */
    vl_status status;
} finder;

typedef struct name_search {
    const vl_naming *n;
    int64_t wanted, most;   /* names, and candidates for them, of each class */
    ranked *ranking;        /* (K, 2 most) by_rank */
    int64_t *ranking_count; /* (K) */
    candidate *candidates;  /* (count) in rising order of slots */
    int64_t count;
    uint64_t *filter; /* bit: a candidate's number begins so */
    int64_t *texts;   /* (text_count) to look through */
    int64_t text_count;
    uint8_t *listed; /* (corpus->count) has been looked through, or will be now */
    finder *finders; /* (threads) */
    int threads;
} name_search;

/* ---- The strongest slots --------------------------------------------------------------------- */

static int by_rank(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->weight != y->weight) return x->weight > y->weight ? -1 : 1;
    return x->slot < y->slot ? -1 : x->slot > y->slot;
}

/* What the slot's n-gram adds to class k's logit where it stands alone. */
static float weight_of(const vl_naming *n, int64_t slot, int32_t k)
{
    const float *w = n->weight + slot * n->C;
    float weight = n->K > 2 ? w[k] : k ? w[0] / 2 : -w[0] / 2;
    return n->square && n->square[slot] > 0 ? weight / sqrtf(n->square[slot]) : weight;
}

/* Sorts a class' list and cuts it to the strongest. */
static void cut_ranking(name_search *s, int32_t k)
{
    ranked *list = s->ranking + 2 * s->most * k;
    if (s->ranking_count[k] > 1) qsort(list, (size_t)s->ranking_count[k], sizeof *list, by_rank);
    if (s->ranking_count[k] > s->most) s->ranking_count[k] = s->most;
}

/* Lists grow to twice their length before they are sorted and cut: few are. */
static void rank_slot(name_search *s, float *least, int64_t slot)
{
    for (int32_t k = 0; k < s->n->K; k++) {
        float weight = weight_of(s->n, slot, k);
        if (!(weight > least[k])) continue; /* equal: an earlier slot goes first */
        ranked *list = s->ranking + 2 * s->most * k;
        list[s->ranking_count[k]++] = (ranked){weight, (int32_t)slot};
        if (s->ranking_count[k] < 2 * s->most) continue;
        cut_ranking(s, k);
        least[k] = list[s->most - 1].weight;
    }
}

static const char *known_name(const vl_naming *n, int64_t slot)
{
    return vl_model_names_find(n->known, n->known_count, (int32_t)slot);
}

static vl_status rank_slots(name_search *s)
{
    const vl_vocabulary *v = s->n->vocabulary;
    size_t K = (size_t)s->n->K;
    s->ranking = vl_alloc_array(VL_MEM_TRAINING, 2 * K * (size_t)s->most, sizeof *s->ranking);
    s->ranking_count = vl_alloc_zero(VL_MEM_TRAINING, K * sizeof *s->ranking_count);
    float *least = vl_alloc_zero(VL_MEM_TRAINING, K * sizeof *least); /* only above 0 is listed */
    if (!s->ranking || !s->ranking_count || !least) {
        vl_free(least);
        return VALENCE_NO_MEMORY;
    }
    for (int64_t slot = 0; slot < v->slots; slot++)
        if (v->numbers[slot] || known_name(s->n, slot)) rank_slot(s, least, slot);
    for (int32_t k = 0; k < s->n->K; k++) cut_ranking(s, k);
    vl_free(least);
    return VALENCE_OK;
}

/* ---- Candidates ------------------------------------------------------------------------------ */

static int by_slot(const void *a, const void *b)
{
    int32_t x = ((const candidate *)a)->slot, y = ((const candidate *)b)->slot;
    return x < y ? -1 : x > y;
}

/* The first candidate of that slot or a later one. */
static candidate *candidate_from(const name_search *s, int64_t slot)
{
    int64_t lo = 0, hi = s->count;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (s->candidates[mid].slot < slot) lo = mid + 1;
        else hi = mid;
    }
    return s->candidates + lo;
}

static void add_candidate(name_search *s, int32_t slot)
{
    const char *name = known_name(s->n, slot);
    s->candidates[s->count++] = (candidate){
        .slot = slot, .number = name ? 0 : s->n->vocabulary->numbers[slot], .text = name};
}

static void drop_repeated(name_search *s)
{
    int64_t n = 0;
    for (int64_t i = 0; i < s->count; i++)
        if (n == 0 || s->candidates[n - 1].slot != s->candidates[i].slot)
            s->candidates[n++] = s->candidates[i];
    s->count = n;
}

static uint64_t filter_bit(uint64_t number)
{
    return number >> (64 - FILTER_BITS);
}

/* All classes' strongest slots, each once. */
static vl_status list_candidates(name_search *s)
{
    size_t n = 0;
    for (int32_t k = 0; k < s->n->K; k++) n += (size_t)s->ranking_count[k];
    s->candidates = vl_alloc_array(VL_MEM_TRAINING, n, sizeof *s->candidates);
    s->filter = vl_alloc_zero(VL_MEM_TRAINING, ((size_t)1 << FILTER_BITS) / 8);
    if (!s->candidates || !s->filter) return VALENCE_NO_MEMORY;
    for (int32_t k = 0; k < s->n->K; k++)
        for (int64_t i = 0; i < s->ranking_count[k]; i++)
            add_candidate(s, s->ranking[2 * s->most * k + i].slot);
    if (s->count > 1) qsort(s->candidates, (size_t)s->count, sizeof *s->candidates, by_slot);
    drop_repeated(s);
    for (int64_t i = 0; i < s->count; i++) {
        uint64_t bit = filter_bit(s->candidates[i].number);
        if (s->candidates[i].number) s->filter[bit / 64] |= (uint64_t)1 << bit % 64;
    }
    return VALENCE_OK;
}

/* ---- Looking through texts ------------------------------------------------------------------- */

/* False: no candidate has that number. */
static inline bool may_be_wanted(const uint64_t *filter, uint64_t ngram)
{
    uint64_t bit = filter_bit(ngram);
    return filter[bit / 64] >> bit % 64 & 1;
}

/* The candidate with that number, or NULL. The number says the bucket it is in. */
static const candidate *wanted_ngram(const name_search *s, uint64_t ngram)
{
    uint64_t number = ngram & VL_NGRAM_MASK;
    int64_t slot = (int64_t)vl_ngram_bucket(ngram, s->n->f->table.buckets) * VL_BUCKET;
    const candidate *end = s->candidates + s->count;
    for (const candidate *c = candidate_from(s, slot); c < end && c->slot < slot + VL_BUCKET; c++)
        if (c->number == number) return c;
    return NULL;
}

/* Word i of the block, or with -1 and -2 of what came before it. */
static vl_span word_at(const finder *f, const vl_word_block *b, int i)
{
    if (i < 0) return (vl_span){f->before[BEFORE + i].bytes, f->before[BEFORE + i].len};
    return (vl_span){b->lower + b->begin[i], (size_t)(b->end[i] - b->begin[i])};
}

/* The n words that end with word `last`, with blanks between; 0 if they are too long. */
static size_t spell(char *out, const finder *f, const vl_word_block *b, int last, int n)
{
    size_t len = 0;
    for (int i = last - n + 1; i <= last; i++) {
        vl_span word = word_at(f, b, i);
        size_t blank = len > 0;
        if (len + blank + word.len > VL_NAME_BYTES) return 0;
        if (blank) out[len++] = ' ';
        memcpy(out + len, word.ptr, word.len);
        len += word.len;
    }
    out[len] = '\0';
    return len;
}

static vl_status note(finder *f, const candidate *c, const vl_word_block *b, int last, int n)
{
    char text[VL_NAME_BYTES + 1];
    size_t len = spell(text, f, b, last, n);
    const char **found = &f->found[c - f->search->candidates];
    if (!len || (*found && strcmp(*found, text) <= 0)) return VALENCE_OK;
    *found = vl_arena_copy_string(&f->strings, text, len);
    return *found ? VALENCE_OK : VALENCE_NO_MEMORY;
}

static void keep_last_words(finder *f, const vl_word_block *b)
{
    for (int i = 0; i < BEFORE; i++) {
        vl_span word = word_at(f, b, b->count - BEFORE + i);
        f->before[i].len = word.len;
        if (word.len <= VL_NAME_BYTES) memmove(f->before[i].bytes, word.ptr, word.len);
    }
}

static vl_status look_through_block(void *user, const vl_ngram_block *b)
{
    finder *f = user;
    const uint64_t *ngrams = b->ngrams, *filter = f->search->filter;
    for (int n = 1; n <= f->search->n->f->max_n; n++) {
        int count = b->count_of[n - 1];
        int first = b->words->count - count; /* the word in which the first one ends */
        for (int j = 0; j < count; j++) {
            if (!may_be_wanted(filter, ngrams[j])) continue;
            const candidate *c = wanted_ngram(f->search, ngrams[j]);
            if (c) VL_TRY(note(f, c, b->words, first + j, n));
        }
        ngrams += count;
    }
    keep_last_words(f, b->words);
    return VALENCE_OK;
}

static void look_through(void *argument, int64_t index, int thread)
{
    name_search *s = argument;
    finder *f = &s->finders[thread];
    int64_t from = index * TEXTS_AT_ONCE, to = from + TEXTS_AT_ONCE;
    for (int64_t i = from; i < to && i < s->text_count && f->status == VALENCE_OK; i++) {
        vl_span text = s->n->corpus->examples[s->texts[i]].text;
        f->status = vl_feature_blocks(s->n->f, f->scratch, NULL, text, look_through_block, f, NULL);
    }
}

/* What any thread found. */
static void take_found(name_search *s)
{
    for (int t = 0; t < s->threads; t++)
        for (int64_t i = 0; i < s->count; i++) {
            const char *found = s->finders[t].found[i], **text = &s->candidates[i].text;
            if (found && (!*text || strcmp(found, *text) < 0)) *text = found;
        }
}

static vl_status look_through_texts(name_search *s, vl_workers *workers)
{
    vl_workers_run(workers, look_through, s, (s->text_count + TEXTS_AT_ONCE - 1) / TEXTS_AT_ONCE);
    for (int t = 0; t < s->threads; t++) VL_TRY(s->finders[t].status);
    take_found(s);
    return VALENCE_OK;
}

/* ---- Which texts ----------------------------------------------------------------------------- */

static void list_text(name_search *s, int64_t i)
{
    if (s->listed[i]) return;
    s->listed[i] = 1;
    s->texts[s->text_count++] = i;
}

static vl_status look_in_held_out(name_search *s, vl_workers *workers)
{
    const vl_corpus *c = s->n->corpus;
    for (int64_t i = 0; i < c->count; i++)
        if (c->examples[i].order < VL_HELD_OUT_BELOW) list_text(s, i);
    return look_through_texts(s, workers);
}

/* Of each slot still without a name, the rows [from, to) that have it. */
static bool list_rows(name_search *s, int64_t from, int64_t to)
{
    const vl_rows *r = s->n->rows;
    bool more = false;
    s->text_count = 0;
    for (int64_t i = 0; i < s->count; i++) {
        const candidate *c = &s->candidates[i];
        int64_t begin = r->column_begin[c->slot], end = r->column_begin[c->slot + 1];
        if (c->text || begin + from >= end) continue;
        more = true;
        for (int64_t at = begin + from; at < end && at < begin + to; at++)
            list_text(s, r->column_row[at]);
    }
    return more;
}

/* Almost always a slot's first row holds its n-gram, not another one of the same fingerprint. */
static vl_status look_in_rows(name_search *s, vl_workers *workers)
{
    int64_t from = 0, step = 1;
    while (list_rows(s, from, from + step)) {
        VL_TRY(look_through_texts(s, workers));
        from += step;
        if (step < MOST_ROWS) step *= 2;
    }
    return VALENCE_OK;
}

/* ---- Everything ------------------------------------------------------------------------------ */

/* The strongest of each class that have a name. */
static void choose_names(name_search *s)
{
    for (int32_t k = 0; k < s->n->K; k++) {
        int64_t left = s->wanted;
        for (int64_t i = 0; i < s->ranking_count[k] && left; i++) {
            candidate *c = candidate_from(s, s->ranking[2 * s->most * k + i].slot);
            c->kept = c->kept || c->text;
            left -= c->text != NULL;
        }
    }
}

static vl_status write_chosen(const name_search *s, vl_store *store, valence_error *error)
{
    int64_t n = 0;
    vl_name *names = vl_alloc_array(VL_MEM_TRAINING, (size_t)s->count, sizeof *names);
    if (!names) return VALENCE_NO_MEMORY;
    for (int64_t i = 0; i < s->count; i++)
        if (s->candidates[i].kept)
            names[n++] = (vl_name){s->candidates[i].slot, s->candidates[i].text};
    vl_status status = vl_model_names_write(store, names, n, error);
    vl_free(names);
    return status;
}

static vl_status open_finders(name_search *s)
{
    size_t texts = (size_t)s->n->corpus->count;
    s->finders = vl_alloc_zero(VL_MEM_TRAINING, (size_t)s->threads * sizeof *s->finders);
    s->texts = vl_alloc_array(VL_MEM_TRAINING, texts, sizeof *s->texts);
    s->listed = vl_alloc_zero(VL_MEM_TRAINING, texts);
    if (!s->finders || !s->texts || !s->listed) return VALENCE_NO_MEMORY;
    for (int t = 0; t < s->threads; t++) {
        finder *f = &s->finders[t];
        f->search = s;
        vl_arena_init(&f->strings, VL_MEM_TRAINING, 1 << 16, (size_t)1 << 32);
        f->found = vl_alloc_zero(VL_MEM_TRAINING, (size_t)s->count * sizeof *f->found);
        if (!f->found) return VALENCE_NO_MEMORY;
        VL_TRY(vl_feature_scratch_open(&f->scratch, s->n->f, NULL));
    }
    return VALENCE_OK;
}

static vl_status find_names(name_search *s, vl_store *store, vl_workers *workers,
                            valence_error *error)
{
    VL_TRY(rank_slots(s));
    VL_TRY(list_candidates(s));
    VL_TRY(open_finders(s));
    VL_TRY(s->n->rows ? look_in_rows(s, workers) : look_in_held_out(s, workers));
    choose_names(s);
    return write_chosen(s, store, error);
}

static void release(name_search *s)
{
    for (int t = 0; s->finders && t < s->threads; t++) {
        vl_feature_scratch_close(s->finders[t].scratch);
        vl_arena_release(&s->finders[t].strings);
        vl_free(s->finders[t].found);
    }
    vl_free(s->finders);
    vl_free(s->texts);
    vl_free(s->listed);
    vl_free(s->ranking);
    vl_free(s->ranking_count);
    vl_free(s->candidates);
    vl_free(s->filter);
}

vl_status vl_names_write(vl_store *store, const vl_naming *naming, vl_workers *workers,
                         valence_error *error)
{
    int64_t wanted = VL_NAMES_WANTED / naming->K;
    if (wanted > VL_NAMES_PER_CLASS) wanted = VL_NAMES_PER_CLASS;
    if (wanted == 0) return VALENCE_OK;
    name_search s = {.n = naming,
                     .wanted = wanted,
                     .threads = vl_workers_threads(workers),
                     .most = naming->rows ? wanted : wanted * HELD_OUT_CHOICE};
    vl_status status = find_names(&s, store, workers, error);
    release(&s);
    if (status == VALENCE_NO_MEMORY) vl_fail(error, status, "cannot name n-grams: out of memory");
    return status;
}
