/* counts.c: counting by partitions. Texts are cut into blocks; a block's n-grams (each once per text
 * unless occurrences are counted) are sorted into parts by their upper bits; then each part's
 * table, small enough for the cache, takes its entries of all blocks in the order of the blocks. So
 * both steps run in parallel and the sums do not depend on the number of threads. Where all texts
 * make one round and rare n-grams may be forgotten, a part's table is a thread's own, used again for
 * the next part, and only the few frequent entries are kept: 12 % of IMDb's 5.1 million. */
#include "train/counts.h"

#include <math.h>
#include <string.h>

enum {
    BLOCK_TEXTS = 64, /* a block's entries, twice, fit the second-level cache */
    ROUND_BYTES = 128 << 20, /* of text counted at once: its entries take five times that */
    SLAB_BYTES = 32 << 20,
    SEEN = 1 << 14, /* a quarter of the first-level cache */
    LEAST_CAPACITY = 256
};

void vl_counts_init(vl_counts *c, int32_t K)
{
    memset(c, 0, sizeof *c);
    c->classes = K <= VL_COUNT_CLASSES ? K : 1;
    c->columns = 2 * c->classes;
    c->stride = (sizeof(uint64_t) + (size_t)c->columns * sizeof(float) + 7) / 8 * 8;
}

void vl_counts_release(vl_counts *c)
{
    for (int p = 0; p < VL_COUNT_PARTS; p++) vl_free(c->part[p].entries);
    memset(c->part, 0, sizeof c->part);
}

uint64_t vl_counts_total(const vl_counts *c)
{
    uint64_t total = 0;
    for (int p = 0; p < VL_COUNT_PARTS; p++) total += c->part[p].used;
    return total;
}

/* ---- One part's table ------------------------------------------------------------------------ */

static uint64_t *key_at(const vl_counts *c, const vl_count_part *p, uint64_t i)
{
    return (uint64_t *)(void *)(p->entries + i * c->stride);
}

static float *values_at(const vl_counts *c, const vl_count_part *p, uint64_t i)
{
    return (float *)(void *)(p->entries + i * c->stride + sizeof(uint64_t));
}

/* Where the number stands, or the free place for it. Bits above 24 + 16 choose the part and buckets:
 * lower ones spread within a part. */
static uint64_t place_of(const vl_counts *c, const vl_count_part *p, uint64_t number)
{
    uint64_t i = number >> 24 & (p->capacity - 1);
    for (;;) {
        uint64_t key = *key_at(c, p, i);
        if (key == number || key == 0) return i;
        i = (i + 1) & (p->capacity - 1);
    }
}

static vl_status part_resize(const vl_counts *c, vl_count_part *p, uint64_t capacity)
{
    vl_count_part fresh = {.capacity = capacity, .used = p->used};
    fresh.entries = vl_alloc_zero(VL_MEM_TRAINING, capacity * c->stride);
    if (!fresh.entries) return VALENCE_NO_MEMORY;
    for (uint64_t i = 0; i < p->capacity; i++) {
        uint64_t key = *key_at(c, p, i);
        if (key) memcpy(key_at(c, &fresh, place_of(c, &fresh, key)), key_at(c, p, i), c->stride);
    }
    vl_free(p->entries);
    *p = fresh;
    return VALENCE_OK;
}

/* Room for `more` new n-grams at a load of at most 5/8. */
static vl_status part_reserve(const vl_counts *c, vl_count_part *p, uint64_t more)
{
    uint64_t capacity = p->capacity ? p->capacity : LEAST_CAPACITY;
    while ((p->used + more) * 8 > capacity * 5) capacity *= 2;
    return capacity == p->capacity ? VALENCE_OK : part_resize(c, p, capacity);
}

static float *part_entry(const vl_counts *c, vl_count_part *p, uint64_t number)
{
    uint64_t i = place_of(c, p, number);
    uint64_t *key = key_at(c, p, i);
    p->used += *key == 0;
    *key = number;
    return values_at(c, p, i);
}

/* A number whose upper bits are all 0 would mean "free": it counts as the next one. */
static uint64_t number_of(uint64_t ngram)
{
    uint64_t number = ngram & VL_NGRAM_MASK;
    return number ? number : (uint64_t)1 << VL_NGRAM_LOW_BITS;
}

vl_status vl_counts_add(vl_counts *c, uint64_t ngram, const float *values)
{
    vl_count_part *p = &c->part[vl_count_part_of(ngram)];
    VL_TRY(part_reserve(c, p, 1));
    float *to = part_entry(c, p, number_of(ngram));
    for (int32_t k = 0; k < c->columns; k++) to[k] += values[k];
    return VALENCE_OK;
}

/* ---- One block of texts ---------------------------------------------------------------------- */

/* Each n-gram of a text once. A key is a number with the text's stamp in its low bits, so another
 * text's keys look like empty places. */
typedef struct text_set {
    uint64_t *keys;
    uint32_t capacity, used;
    uint64_t stamp; /* 1 .. ~VL_NGRAM_MASK */
} text_set;

typedef struct block {
    int64_t from, to;  /* its texts, in counting.order */
    int32_t group;     /* all of one group, */
    bool held_out;     /* and all held out or none: so entries need not say */
    uint32_t *entries; /* sorted by part: the 32 bits of the number below the part's; in a slab */
    uint32_t begin[VL_COUNT_PARTS + 1];
} block;

/* Memory for the entries of a round, in large pieces that are used again in the next one. */
typedef struct slab {
    struct slab *next;
    size_t capacity, used; /* entries */
    uint32_t entries[];
} slab;

typedef struct thread_state {
    vl_feature_scratch *scratch;
    vl_buffer flat; /* a block's entries in the order of the texts */
    text_set set;
    slab *slabs; /* the one in use first */
    slab *spare;
    vl_count_part table; /* for one part after the other, where parts are closed at once */
    uint8_t *seen;       /* (SEEN) likewise: entries so far by some bits of their number, up to 255 */
    bool presence;
} thread_state;

typedef struct counting {
    vl_counts *counts;
    const vl_corpus *corpus;
    const vl_features *f;
    block *blocks; /* (blocks_most) */
    int64_t blocks_most;
    thread_state *threads;
    int64_t *order; /* (count) the examples, group by group */
    int64_t next;   /* in order: the first text of the next round */
    int64_t blocks_now;
    uint32_t held_out_below;
    float min_count;
    bool close;    /* one round, then nothing more */
    uint8_t least; /* with fewer entries no n-gram can reach min_count */
    vl_status *block_status; /* (blocks_most) */
    vl_status part_status[VL_COUNT_PARTS];
} counting;

static vl_status set_resize(text_set *s, uint32_t capacity)
{
    uint64_t *keys = vl_alloc_zero(VL_MEM_TRAINING, (size_t)capacity * sizeof *keys);
    if (!keys) return VALENCE_NO_MEMORY;
    for (uint32_t i = 0; i < s->capacity; i++) {
        if ((s->keys[i] & ~VL_NGRAM_MASK) != s->stamp) continue;
        uint32_t j = (uint32_t)(s->keys[i] >> 20) & (capacity - 1);
        while (keys[j]) j = (j + 1) & (capacity - 1);
        keys[j] = s->keys[i];
    }
    vl_free(s->keys);
    s->keys = keys;
    s->capacity = capacity;
    return VALENCE_OK;
}

static vl_status set_clear(text_set *s)
{
    s->used = 0;
    if (!s->capacity) VL_TRY(set_resize(s, 4096));
    if (++s->stamp <= ~VL_NGRAM_MASK) return VALENCE_OK;
    memset(s->keys, 0, (size_t)s->capacity * sizeof *s->keys);
    s->stamp = 1;
    return VALENCE_OK;
}

/* True if the number was not there. The set has room. */
static bool set_add(text_set *s, uint64_t number)
{
    uint64_t key = number | s->stamp;
    uint32_t i = (uint32_t)(number >> 20) & (s->capacity - 1);
    for (; (s->keys[i] & ~VL_NGRAM_MASK) == s->stamp; i = (i + 1) & (s->capacity - 1))
        if (s->keys[i] == key) return false;
    s->keys[i] = key;
    s->used++;
    return true;
}

static vl_status take_ngrams(void *user, const uint64_t *ngrams, int count)
{
    thread_state *t = user;
    VL_TRY(vl_buffer_reserve(&t->flat, (size_t)count * sizeof(uint64_t)));
    uint64_t *out = (uint64_t *)(void *)(t->flat.data + t->flat.len);
    size_t n = 0;
    if (t->presence) {
        while ((t->set.used + (uint32_t)count) * 2 > t->set.capacity)
            VL_TRY(set_resize(&t->set, t->set.capacity * 2));
        for (int i = 0; i < count; i++) {
            out[n] = number_of(ngrams[i]);
            n += set_add(&t->set, out[n]);
        }
    } else {
        for (int i = 0; i < count; i++) out[n++] = number_of(ngrams[i]);
    }
    t->flat.len += n * sizeof(uint64_t);
    return VALENCE_OK;
}

/* Room for n entries that lasts until the round ends, or NULL. */
static uint32_t *slab_take(thread_state *t, size_t n)
{
    if (!t->slabs || t->slabs->capacity - t->slabs->used < n) {
        slab *fresh = t->spare;
        if (fresh && fresh->capacity >= n) {
            t->spare = fresh->next;
        } else {
            size_t bytes = sizeof *fresh + n * sizeof *fresh->entries;
            if (bytes < SLAB_BYTES) bytes = SLAB_BYTES;
            fresh = vl_alloc(VL_MEM_TRAINING, bytes);
            if (!fresh) return NULL;
            fresh->capacity = (bytes - sizeof *fresh) / sizeof *fresh->entries;
        }
        fresh->used = 0;
        fresh->next = t->slabs;
        t->slabs = fresh;
    }
    uint32_t *entries = t->slabs->entries + t->slabs->used;
    t->slabs->used += n;
    return entries;
}

static void slabs_reset(thread_state *t)
{
    while (t->slabs) {
        slab *s = t->slabs;
        t->slabs = s->next;
        s->next = t->spare;
        t->spare = s;
    }
}

static void slabs_release(thread_state *t)
{
    slabs_reset(t);
    while (t->spare) {
        slab *s = t->spare;
        t->spare = s->next;
        vl_free(s);
    }
}

/* Counting sort of the flat entries into the block's parts. */
static vl_status sort_block(block *b, thread_state *t)
{
    const uint64_t *entries = (const uint64_t *)(const void *)t->flat.data;
    size_t n = t->flat.len / sizeof(uint64_t);
    b->entries = slab_take(t, n);
    if (!b->entries) return VALENCE_NO_MEMORY;
    uint32_t next[VL_COUNT_PARTS] = {0};
    for (size_t i = 0; i < n; i++) next[vl_count_part_of(entries[i])]++;
    uint32_t sum = 0;
    for (int p = 0; p < VL_COUNT_PARTS; p++) {
        b->begin[p] = sum;
        sum += next[p];
        next[p] = b->begin[p];
    }
    b->begin[VL_COUNT_PARTS] = sum;
    for (size_t i = 0; i < n; i++)
        b->entries[next[vl_count_part_of(entries[i])]++] =
            (uint32_t)(entries[i] >> VL_NGRAM_LOW_BITS);
    return VALENCE_OK;
}

static vl_status fill_block(const counting *job, block *b, thread_state *t)
{
    vl_buffer_reset(&t->flat);
    for (int64_t i = b->from; i < b->to; i++) {
        const vl_example *e = &job->corpus->examples[job->order[i]];
        if (t->presence) VL_TRY(set_clear(&t->set));
        VL_TRY(vl_features_stream(job->f, t->scratch, e->text, take_ngrams, t, NULL));
    }
    return sort_block(b, t);
}

static void fill_block_job(void *argument, int64_t index, int thread)
{
    counting *job = argument;
    job->block_status[index] = fill_block(job, &job->blocks[index], &job->threads[thread]);
}

/* ---- One part of all blocks ------------------------------------------------------------------ */

static uint32_t seen_place(uint32_t entry)
{
    return entry >> 7 & (SEEN - 1);
}

/* Adds the block's entries of a part, those that `seen` (NULL: all) finds frequent enough. */
static vl_status add_block(const counting *job, vl_count_part *p, const block *b, int64_t part,
                           const uint8_t *seen)
{
    const vl_counts *c = job->counts;
    const vl_group *group = &job->corpus->groups[b->group];
    int32_t column = (c->classes == 1 ? 0 : group->label) + (b->held_out ? c->classes : 0);
    uint64_t high = (uint64_t)part << (64 - VL_COUNT_PART_BITS);
    VL_TRY(part_reserve(c, p, b->begin[part + 1] - b->begin[part]));
    for (uint32_t i = b->begin[part]; i < b->begin[part + 1]; i++) {
        if (seen && seen[seen_place(b->entries[i])] < job->least) continue;
        uint64_t number = high | (uint64_t)b->entries[i] << VL_NGRAM_LOW_BITS;
        part_entry(c, p, number)[column] += group->weight;
    }
    return VALENCE_OK;
}

static vl_status add_part(const counting *job, vl_count_part *p, int64_t index)
{
    for (int64_t b = 0; b < job->blocks_now; b++)
        VL_TRY(add_block(job, p, &job->blocks[b], index, NULL));
    return VALENCE_OK;
}

/* Four fifths of IMDb's n-grams occur once: they are told by a first look at how many entries share some
 * bits, and never reach the table. What others push over the limit is found rare later. */
static vl_status add_frequent(const counting *job, thread_state *t, int64_t index)
{
    uint8_t *seen = t->seen;
    memset(seen, 0, SEEN);
    for (int64_t b = 0; b < job->blocks_now; b++) {
        const block *k = &job->blocks[b];
        for (uint32_t i = k->begin[index]; i < k->begin[index + 1]; i++) {
            uint8_t *n = &seen[seen_place(k->entries[i])];
            *n = (uint8_t)(*n + (*n < UINT8_MAX));
        }
    }
    for (int64_t b = 0; b < job->blocks_now; b++)
        VL_TRY(add_block(job, &t->table, &job->blocks[b], index, seen));
    return VALENCE_OK;
}

static bool is_frequent(const vl_counts *c, const float *values, float min_count)
{
    float sum = 0;
    for (int32_t k = 0; k < c->columns; k++) sum += values[k];
    return sum >= min_count;
}

/* Keeps the table's frequent entries in `to`, as a list, and empties the table. */
static vl_status close_part(const vl_counts *c, vl_count_part *to, vl_count_part *table,
                            float min_count)
{
    uint64_t kept = 0;
    for (uint64_t i = 0; i < table->capacity; i++) {
        if (!*key_at(c, table, i) || !is_frequent(c, values_at(c, table, i), min_count))
            continue;
        if (kept != i) memcpy(key_at(c, table, kept), key_at(c, table, i), c->stride);
        kept++;
    }
    to->entries = vl_alloc(VL_MEM_TRAINING, kept * c->stride);
    if (to->entries) memcpy(to->entries, table->entries, kept * c->stride);
    to->capacity = to->used = to->entries ? kept : 0;
    memset(table->entries, 0, table->capacity * c->stride); /* also on failure: others go on with it */
    table->used = 0;
    return to->entries ? VALENCE_OK : VALENCE_NO_MEMORY;
}

vl_status vl_counts_close_part(vl_counts *c, int part, float min_count)
{
    vl_count_part table = c->part[part], list;
    if (!table.entries) return VALENCE_OK;
    VL_TRY(close_part(c, &list, &table, min_count));
    vl_free(table.entries);
    c->part[part] = list;
    return VALENCE_OK;
}

static void add_part_job(void *argument, int64_t index, int thread)
{
    counting *job = argument;
    thread_state *t = &job->threads[thread];
    vl_count_part *p = &job->counts->part[index];
    vl_status status = job->close ? add_frequent(job, t, index) : add_part(job, p, index);
    if (status == VALENCE_OK && job->close) status = close_part(job->counts, p, &t->table, job->min_count);
    job->part_status[index] = status;
}

/* ---- Everything ------------------------------------------------------------------------------ */

static size_t key_of(const counting *job, int64_t example)
{
    const vl_example *e = &job->corpus->examples[example];
    return (size_t)e->group * 2 + (e->order < job->held_out_below);
}

/* The examples group by group, held-out ones last within a group: a counting sort. */
static vl_status sort_examples(counting *job)
{
    const vl_corpus *c = job->corpus;
    size_t keys = (size_t)c->group_count * 2;
    int64_t *begin = vl_alloc_zero(VL_MEM_TRAINING, (keys + 1) * sizeof *begin);
    job->order = vl_alloc_array(VL_MEM_TRAINING, (size_t)c->count, sizeof *job->order);
    if (!begin || !job->order) {
        vl_free(begin);
        return VALENCE_NO_MEMORY;
    }
    for (int64_t i = 0; i < c->count; i++) begin[key_of(job, i) + 1]++;
    for (size_t k = 0; k < keys; k++) begin[k + 1] += begin[k];
    for (int64_t i = 0; i < c->count; i++) job->order[begin[key_of(job, i)]++] = i;
    vl_free(begin);
    return VALENCE_OK;
}

/* Deals the next texts into blocks: of one group and status each, up to ROUND_BYTES in all. */
static void deal_blocks(counting *job)
{
    const vl_corpus *c = job->corpus;
    size_t bytes = 0;
    int64_t i = job->next, n = 0;
    for (; n < job->blocks_most && bytes < ROUND_BYTES && i < c->count; n++) {
        block *b = &job->blocks[n];
        size_t key = key_of(job, job->order[i]);
        b->from = i;
        b->group = (int32_t)(key / 2);
        b->held_out = key % 2;
        for (; i < c->count && i < b->from + BLOCK_TEXTS && key_of(job, job->order[i]) == key; i++)
            bytes += c->examples[job->order[i]].text.len;
        b->to = i;
    }
    job->blocks_now = n;
    job->next = i;
}

/* How many entries an n-gram must have at least to weigh min_count. */
static uint8_t least_entries(const counting *job)
{
    float heaviest = 1e-6f;
    for (int32_t g = 0; g < job->corpus->group_count; g++)
        if (job->corpus->groups[g].weight > heaviest) heaviest = job->corpus->groups[g].weight;
    double least = ceil((double)job->min_count / heaviest * (1 - 1e-5)); /* sums are rounded */
    return (uint8_t)(least < UINT8_MAX ? least : UINT8_MAX);
}

static vl_status count_rounds(counting *job, vl_workers *workers)
{
    VL_TRY(sort_examples(job));
    while (job->next < job->corpus->count) {
        bool first = job->next == 0;
        deal_blocks(job);
        job->close = job->min_count > 0 && first && job->next == job->corpus->count;
        vl_workers_run(workers, fill_block_job, job, job->blocks_now);
        for (int64_t b = 0; b < job->blocks_now; b++) VL_TRY(job->block_status[b]);
        vl_workers_run(workers, add_part_job, job, VL_COUNT_PARTS);
        job->counts->closed = job->close;
        for (int p = 0; p < VL_COUNT_PARTS; p++) VL_TRY(job->part_status[p]);
        for (int t = 0; t < vl_workers_threads(workers); t++) slabs_reset(&job->threads[t]);
    }
    return VALENCE_OK;
}

static vl_status threads_open(counting *job, int threads, valence_error *error)
{
    job->threads = vl_alloc_zero(VL_MEM_TRAINING, (size_t)threads * sizeof *job->threads);
    size_t most = (size_t)(job->corpus->count / BLOCK_TEXTS) + 2 * (size_t)job->corpus->group_count;
    if (most > 4096) most = 4096;
    job->blocks_most = (int64_t)most;
    job->blocks = vl_alloc_zero(VL_MEM_TRAINING, most * sizeof *job->blocks);
    job->block_status = vl_alloc_zero(VL_MEM_TRAINING, most * sizeof *job->block_status);
    if (!job->threads || !job->blocks || !job->block_status)
        return vl_fail_memory(error, (size_t)threads * sizeof *job->threads, "counting");
    for (int t = 0; t < threads; t++) {
        job->threads[t].presence = !job->f->counts;
        job->threads[t].seen = vl_alloc(VL_MEM_TRAINING, SEEN);
        if (!job->threads[t].seen) return vl_fail_memory(error, SEEN, "counting");
        vl_buffer_init(&job->threads[t].flat, VL_MEM_TRAINING, (size_t)1 << 40);
        VL_TRY(vl_feature_scratch_open(&job->threads[t].scratch, job->f, error));
    }
    return VALENCE_OK;
}

static void threads_close(counting *job, int threads)
{
    for (int t = 0; job->threads && t < threads; t++) {
        vl_feature_scratch_close(job->threads[t].scratch);
        vl_buffer_release(&job->threads[t].flat);
        slabs_release(&job->threads[t]);
        vl_free(job->threads[t].table.entries);
        vl_free(job->threads[t].seen);
        vl_free(job->threads[t].set.keys);
    }
    vl_free(job->threads);
    vl_free(job->order);
    vl_free(job->blocks);
    vl_free(job->block_status);
}

vl_status vl_counts_add_corpus(vl_counts *c, const vl_corpus *corpus, const vl_features *f,
                               uint32_t held_out_below, float min_count, vl_workers *workers,
                               valence_error *error)
{
    if (c->closed) return vl_fail(error, VALENCE_ARGUMENT, "these counts are closed");
    counting *job = vl_alloc_zero(VL_MEM_TRAINING, sizeof *job);
    if (!job) return vl_fail_memory(error, sizeof *job, "counting");
    *job = (counting){.counts = c, .corpus = corpus, .f = f, .held_out_below = held_out_below,
                      .min_count = vl_counts_total(c) == 0 ? min_count : 0};
    job->least = least_entries(job);
    int threads = vl_workers_threads(workers);
    vl_status status = threads_open(job, threads, error);
    if (status == VALENCE_OK) {
        status = count_rounds(job, workers);
        if (status != VALENCE_OK) vl_fail(error, status, "cannot count n-grams: out of memory");
    }
    threads_close(job, threads);
    vl_free(job);
    return status;
}
