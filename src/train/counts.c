/* counts.c: counting by partitions. Texts are cut into blocks; a block's n-grams (each once per text
 * unless occurrences are counted) are sorted into 256 parts by their upper bits; then each part's
 * table, small enough for the cache, takes its entries of all blocks in the order of the blocks. So
 * both steps run in parallel and the sums do not depend on the number of threads. */
#include "train/counts.h"

#include <math.h>
#include <string.h>

enum {
    BLOCK_TEXTS = 64,
    ROUND_BLOCKS = 64, /* blocks held at once: bounds memory */
    CLASS_BITS = 16
};

void vl_counts_init(vl_counts *c, int32_t K)
{
    memset(c, 0, sizeof *c);
    c->columns = K <= VL_COUNT_CLASSES ? K : 1;
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

/* Where the number stands, or the free place for it. The part has used up the upper 8 bits. */
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
    uint64_t capacity = p->capacity ? p->capacity : 256;
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

/* A number whose upper 48 bits are all 0 would mean "free": it counts as 1 << 16. */
static uint64_t number_of(uint64_t ngram)
{
    uint64_t number = ngram & VL_NGRAM_MASK;
    return number ? number : (uint64_t)1 << CLASS_BITS;
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

/* Each n-gram of a text once: a set that is emptied by raising its stamp. */
typedef struct text_set {
    uint64_t *keys;
    uint32_t *stamps;
    uint32_t capacity, used, stamp;
} text_set;

typedef struct block {
    uint64_t *entries; /* sorted by part: number | group */
    size_t capacity;
    uint32_t begin[VL_COUNT_PARTS + 1];
} block;

typedef struct thread_state {
    vl_feature_scratch *scratch;
    vl_buffer flat; /* a block's entries in the order of the texts */
    text_set set;
    uint64_t group;
    bool presence;
} thread_state;

typedef struct counting {
    vl_counts *counts;
    const vl_corpus *corpus;
    const vl_features *f;
    block *blocks;         /* (ROUND_BLOCKS) */
    thread_state *threads;
    int64_t first_block, blocks_now;
    vl_status *block_status; /* (ROUND_BLOCKS) */
    vl_status part_status[VL_COUNT_PARTS];
} counting;

static vl_status set_resize(text_set *s, uint32_t capacity)
{
    uint64_t *keys = vl_alloc_array(VL_MEM_TRAINING, capacity, sizeof *keys);
    uint32_t *stamps = vl_alloc_zero(VL_MEM_TRAINING, (size_t)capacity * sizeof *stamps);
    if (!keys || !stamps) {
        vl_free(keys);
        vl_free(stamps);
        return VALENCE_NO_MEMORY;
    }
    for (uint32_t i = 0; i < s->capacity; i++) {
        if (s->stamps[i] != s->stamp) continue;
        uint32_t j = (uint32_t)(s->keys[i] >> 20) & (capacity - 1);
        while (stamps[j]) j = (j + 1) & (capacity - 1);
        keys[j] = s->keys[i];
        stamps[j] = 1;
    }
    vl_free(s->keys);
    vl_free(s->stamps);
    *s = (text_set){keys, stamps, capacity, s->used, 1};
    return VALENCE_OK;
}

static vl_status set_clear(text_set *s)
{
    s->used = 0;
    if (s->capacity && s->stamp < UINT32_MAX) {
        s->stamp++;
        return VALENCE_OK;
    }
    if (!s->capacity) return set_resize(s, 4096);
    memset(s->stamps, 0, (size_t)s->capacity * sizeof *s->stamps);
    s->stamp = 1;
    return VALENCE_OK;
}

/* True if the number was not there. The set has room. */
static bool set_add(text_set *s, uint64_t number)
{
    uint32_t i = (uint32_t)(number >> 20) & (s->capacity - 1);
    for (; s->stamps[i] == s->stamp; i = (i + 1) & (s->capacity - 1))
        if (s->keys[i] == number) return false;
    s->keys[i] = number;
    s->stamps[i] = s->stamp;
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
            uint64_t number = number_of(ngrams[i]);
            out[n] = number | t->group;
            n += set_add(&t->set, number);
        }
    } else {
        for (int i = 0; i < count; i++) out[n++] = number_of(ngrams[i]) | t->group;
    }
    t->flat.len += n * sizeof(uint64_t);
    return VALENCE_OK;
}

/* Counting sort of the flat entries into the block's parts. */
static vl_status sort_block(block *b, const vl_buffer *flat)
{
    const uint64_t *entries = (const uint64_t *)(const void *)flat->data;
    size_t n = flat->len / sizeof(uint64_t);
    if (n > b->capacity) {
        vl_free(b->entries);
        b->capacity = n + n / 4;
        b->entries = vl_alloc_array(VL_MEM_TRAINING, b->capacity, sizeof *b->entries);
        if (!b->entries) {
            b->capacity = 0;
            return VALENCE_NO_MEMORY;
        }
    }
    uint32_t next[VL_COUNT_PARTS] = {0};
    for (size_t i = 0; i < n; i++) next[vl_count_part_of(entries[i])]++;
    uint32_t sum = 0;
    for (int p = 0; p < VL_COUNT_PARTS; p++) {
        b->begin[p] = sum;
        sum += next[p];
        next[p] = b->begin[p];
    }
    b->begin[VL_COUNT_PARTS] = sum;
    for (size_t i = 0; i < n; i++) b->entries[next[vl_count_part_of(entries[i])]++] = entries[i];
    return VALENCE_OK;
}

static vl_status fill_block(const counting *job, block *b, int64_t number, thread_state *t)
{
    const vl_corpus *corpus = job->corpus;
    int64_t from = number * BLOCK_TEXTS, to = from + BLOCK_TEXTS;
    if (to > corpus->count) to = corpus->count;
    vl_buffer_reset(&t->flat);
    for (int64_t i = from; i < to; i++) {
        const vl_example *e = &corpus->examples[i];
        t->group = (uint64_t)e->group;
        if (t->presence) VL_TRY(set_clear(&t->set));
        VL_TRY(vl_features_stream(job->f, t->scratch, e->text, take_ngrams, t, NULL));
    }
    return sort_block(b, &t->flat);
}

static void fill_block_job(void *argument, int64_t index, int thread)
{
    counting *job = argument;
    job->block_status[index] = fill_block(job, &job->blocks[index], job->first_block + index,
                                          &job->threads[thread]);
}

/* ---- One part of all blocks ------------------------------------------------------------------ */

static void add_entries(const counting *job, vl_count_part *p, const uint64_t *entries, uint32_t n)
{
    const vl_counts *c = job->counts;
    for (uint32_t i = 0; i < n; i++) {
        if (i + 8 < n) __builtin_prefetch(key_at(c, p, entries[i + 8] >> 24 & (p->capacity - 1)));
        const vl_group *group = &job->corpus->groups[entries[i] & ~VL_NGRAM_MASK];
        float *values = part_entry(c, p, entries[i] & VL_NGRAM_MASK);
        values[c->columns == 1 ? 0 : group->label] += group->weight;
    }
}

static void add_part_job(void *argument, int64_t index, int thread)
{
    (void)thread;
    counting *job = argument;
    vl_count_part *p = &job->counts->part[index];
    uint64_t most = 0;
    for (int64_t b = 0; b < job->blocks_now; b++)
        most += job->blocks[b].begin[index + 1] - job->blocks[b].begin[index];
    /* About 6 of 10 entries of a round are new at first, fewer later. */
    job->part_status[index] = part_reserve(job->counts, p, most);
    if (job->part_status[index] != VALENCE_OK) return;
    for (int64_t b = 0; b < job->blocks_now; b++) {
        const block *k = &job->blocks[b];
        add_entries(job, p, k->entries + k->begin[index], k->begin[index + 1] - k->begin[index]);
    }
}

/* ---- Everything ------------------------------------------------------------------------------ */

static vl_status count_rounds(counting *job, vl_workers *workers)
{
    int64_t blocks = (job->corpus->count + BLOCK_TEXTS - 1) / BLOCK_TEXTS;
    for (int64_t first = 0; first < blocks; first += ROUND_BLOCKS) {
        job->first_block = first;
        job->blocks_now = blocks - first < ROUND_BLOCKS ? blocks - first : ROUND_BLOCKS;
        vl_workers_run(workers, fill_block_job, job, job->blocks_now);
        for (int64_t b = 0; b < job->blocks_now; b++) VL_TRY(job->block_status[b]);
        vl_workers_run(workers, add_part_job, job, VL_COUNT_PARTS);
        for (int p = 0; p < VL_COUNT_PARTS; p++) VL_TRY(job->part_status[p]);
    }
    return VALENCE_OK;
}

static vl_status threads_open(counting *job, int threads, valence_error *error)
{
    job->threads = vl_alloc_zero(VL_MEM_TRAINING, (size_t)threads * sizeof *job->threads);
    job->blocks = vl_alloc_zero(VL_MEM_TRAINING, ROUND_BLOCKS * sizeof *job->blocks);
    job->block_status = vl_alloc_zero(VL_MEM_TRAINING, ROUND_BLOCKS * sizeof *job->block_status);
    if (!job->threads || !job->blocks || !job->block_status)
        return vl_fail_memory(error, (size_t)threads * sizeof *job->threads, "counting");
    for (int t = 0; t < threads; t++) {
        job->threads[t].presence = !job->f->counts;
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
        vl_free(job->threads[t].set.keys);
        vl_free(job->threads[t].set.stamps);
    }
    for (int b = 0; job->blocks && b < ROUND_BLOCKS; b++) vl_free(job->blocks[b].entries);
    vl_free(job->threads);
    vl_free(job->blocks);
    vl_free(job->block_status);
}

vl_status vl_counts_add_corpus(vl_counts *c, const vl_corpus *corpus, const vl_features *f,
                               vl_workers *workers, valence_error *error)
{
    counting job = {.counts = c, .corpus = corpus, .f = f};
    int threads = vl_workers_threads(workers);
    vl_status status = threads_open(&job, threads, error);
    if (status == VALENCE_OK) {
        status = count_rounds(&job, workers);
        if (status != VALENCE_OK) vl_fail(error, status, "cannot count n-grams: out of memory");
    }
    threads_close(&job, threads);
    return status;
}
