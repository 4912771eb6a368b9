/* vocabulary.c: scores all counted n-grams, finds the score that leaves `capacity` of them, and fills
 * the buckets, the strongest first. A part of the counts owns a range of buckets, because both go by
 * the upper bits of an n-gram's number: so parts run in parallel. */
#include "train/vocabulary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SCORE_BINS = 1 << 16 };

#define SLOTS_PER_NGRAM 1.25 /* about seven in a hundred find their bucket full and are left out */

typedef struct candidate {
    uint64_t number;
    float score;
    const float *counts;
} candidate;

typedef struct chosen_part {
    candidate *list;
    int64_t count;
    uint32_t *histogram; /* (SCORE_BINS), shared by the parts of one thread */
} chosen_part;

typedef struct choosing {
    vl_vocabulary *v;
    const vl_counts *counts;
    const double *class_texts;
    int32_t K;
    const vl_vocabulary_options *options;
    const vl_ngram_table *known; /* the table to extend, or NULL */
    chosen_part part[VL_COUNT_PARTS];
    uint32_t *histograms; /* (threads, SCORE_BINS) */
    candidate last; /* the weakest that still fits, by by_score */
    vl_status status[VL_COUNT_PARTS];
} choosing;

static const char *const choice_names[] = {"strength", "evidence", "frequency"};

const char *vl_choice_name(vl_choice choice)
{
    return choice_names[choice];
}

vl_status vl_choice_parse(vl_choice *out, const char *name, valence_error *error)
{
    for (int i = 0; i < 3; i++)
        if (strcmp(choice_names[i], name) == 0) {
            *out = (vl_choice)i;
            return VALENCE_OK;
        }
    return vl_fail(error, VALENCE_ARGUMENT,
                   "unknown choice of n-grams '%.40s' (strength, evidence, frequency)", name);
}

float vl_ngram_strength(const float *counts, const double *class_texts, int32_t K, float smoothing)
{
    double all = 0, texts = 0, best = 0;
    for (int32_t k = 0; k < K; k++) {
        all += counts[k];
        texts += class_texts[k];
    }
    for (int32_t k = 0; k < K; k++) {
        double p = (counts[k] + smoothing) / (class_texts[k] + 2 * smoothing);
        double q = (all - counts[k] + smoothing) / (texts - class_texts[k] + 2 * smoothing);
        double strength = fabs(log(p / q));
        if (strength > best) best = strength;
        if (K == 2) break;
    }
    return (float)best;
}

/* The counts that matter (classes), and their sum. */
static float take_counts(const choosing *job, float *out, const float *counts)
{
    float n = 0;
    int32_t classes = job->counts->classes;
    for (int32_t k = 0; k < classes; k++) {
        out[k] = counts[k] + (job->options->held_out ? counts[classes + k] : 0);
        n += out[k];
    }
    return n;
}

static float score_of(const choosing *job, const float *counts, float n)
{
    if (job->options->choice == VL_CHOOSE_FREQUENCY || job->counts->classes != job->K) return n;
    float strength = vl_ngram_strength(counts, job->class_texts, job->K, job->options->smoothing);
    return job->options->choice == VL_CHOOSE_STRENGTH ? strength : strength * sqrtf(n);
}

/* Scores are >= 0, so their bits order as they do. */
static uint32_t bin_of(float score)
{
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    return bits >> 15;
}

static void collect_job(void *argument, int64_t index, int thread)
{
    choosing *job = argument;
    const vl_count_part *p = &job->counts->part[index];
    chosen_part *out = &job->part[index];
    uint32_t *histogram = job->histograms + (size_t)thread * SCORE_BINS;
    out->list = vl_alloc_array(VL_MEM_TRAINING, p->used, sizeof *out->list);
    if (!out->list) {
        job->status[index] = VALENCE_NO_MEMORY;
        return;
    }
    for (uint64_t i = 0; i < p->capacity; i++) {
        const float *counts;
        uint64_t number = vl_count_entry(job->counts, p, i, &counts);
        if (!number) continue;
        float sums[VL_COUNT_CLASSES], n = take_counts(job, sums, counts);
        if (n < job->options->min_count) continue;
        float score = score_of(job, sums, n);
        out->list[out->count++] = (candidate){number, score, counts};
        histogram[bin_of(score)]++;
    }
}

/* Stronger ones first; between equals the number decides, lower half first: the upper half says the
 * bucket, and the first of many equals shall not all be of a few buckets. */
static int by_score(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    uint64_t i = x->number << 32 | x->number >> 32, j = y->number << 32 | y->number >> 32;
    return i < j ? -1 : i > j;
}

typedef bool wanted_fn(const choosing *job, const candidate *c, uint32_t bin);

/* All wanted candidates of all parts, the strongest first; *list NULL: out of memory. */
static int64_t gather(const choosing *job, candidate **list, wanted_fn *wanted, uint32_t bin)
{
    int64_t n = 0, k = 0;
    for (int p = 0; p < VL_COUNT_PARTS; p++)
        for (int64_t i = 0; i < job->part[p].count; i++) n += wanted(job, &job->part[p].list[i], bin);
    *list = vl_alloc_array(VL_MEM_TRAINING, (size_t)n, sizeof **list);
    for (int p = 0; *list && p < VL_COUNT_PARTS; p++)
        for (int64_t i = 0; i < job->part[p].count; i++)
            if (wanted(job, &job->part[p].list[i], bin)) (*list)[k++] = job->part[p].list[i];
    if (*list && n > 1) qsort(*list, (size_t)n, sizeof **list, by_score);
    return n;
}

static bool is_in_bin(const choosing *job, const candidate *c, uint32_t bin)
{
    (void)job;
    return bin_of(c->score) == bin;
}

/* Finds job->last: bins from the top on, as many as fit whole, then the strongest of the next. */
static vl_status find_last(choosing *job, int threads)
{
    int64_t room = job->options->capacity;
    job->last = (candidate){.number = UINT64_MAX, .score = -1}; /* all */
    for (uint32_t bin = SCORE_BINS; bin-- > 0;) {
        int64_t here = 0;
        for (int t = 0; t < threads; t++) here += job->histograms[(size_t)t * SCORE_BINS + bin];
        if (here <= room) {
            room -= here;
            continue;
        }
        candidate *list;
        gather(job, &list, is_in_bin, bin);
        if (!list) return VALENCE_NO_MEMORY;
        job->last = room ? list[room - 1] : (candidate){.number = 0, .score = list[0].score};
        vl_free(list);
        return VALENCE_OK;
    }
    return VALENCE_OK;
}

/* Buckets at the border of two parts are shared: those are filled by fill_borders afterwards. */
static bool bucket_is_shared(const vl_vocabulary *v, uint64_t number)
{
    uint32_t bucket = vl_ngram_bucket(number, v->buckets);
    uint64_t width = (uint64_t)1 << (64 - VL_COUNT_PART_BITS), first = number & ~(width - 1);
    return vl_ngram_bucket(first, v->buckets) == bucket ||
           vl_ngram_bucket(first + (width - 1), v->buckets) == bucket;
}

static bool place(const choosing *job, const candidate *c)
{
    vl_vocabulary *v = job->v;
    int32_t slot = vl_ngram_insert(v->fingerprints, v->buckets, c->number);
    if (slot < 0 || v->numbers[slot]) return false; /* full, or the fingerprint is taken */
    v->numbers[slot] = c->number;
    take_counts(job, v->counts + (size_t)slot * (size_t)v->columns, c->counts);
    return true;
}

static void fill_job(void *argument, int64_t index, int thread)
{
    (void)thread;
    choosing *job = argument;
    chosen_part *p = &job->part[index];
    int64_t kept = 0;
    for (int64_t i = 0; i < p->count; i++)
        if (by_score(&p->list[i], &job->last) <= 0) p->list[kept++] = p->list[i];
    p->count = kept;
    if (kept > 1) qsort(p->list, (size_t)kept, sizeof *p->list, by_score);
    for (int64_t i = 0; i < kept; i++)
        if (!bucket_is_shared(job->v, p->list[i].number)) place(job, &p->list[i]);
}

static bool is_at_border(const choosing *job, const candidate *c, uint32_t bin)
{
    (void)bin;
    return bucket_is_shared(job->v, c->number);
}

static vl_status fill_borders(choosing *job)
{
    candidate *list;
    int64_t n = gather(job, &list, is_at_border, 0);
    if (!list) return VALENCE_NO_MEMORY;
    for (int64_t i = 0; i < n; i++) place(job, &list[i]);
    vl_free(list);
    return VALENCE_OK;
}

static uint32_t buckets_for(int64_t ngrams)
{
    double buckets = ceil((double)ngrams * SLOTS_PER_NGRAM / VL_BUCKET);
    return buckets < 1 ? 1 : (uint32_t)buckets;
}

static vl_status vocabulary_init(vl_vocabulary *v, uint32_t buckets, int32_t columns)
{
    memset(v, 0, sizeof *v);
    v->buckets = buckets;
    v->slots = (int64_t)v->buckets * VL_BUCKET;
    v->columns = columns;
    size_t n = (size_t)v->slots;
    v->fingerprints = vl_alloc_zero(VL_MEM_TRAINING, n * sizeof *v->fingerprints);
    v->numbers = vl_alloc_zero(VL_MEM_TRAINING, n * sizeof *v->numbers);
    v->counts = vl_alloc_zero(VL_MEM_TRAINING, n * (size_t)columns * sizeof *v->counts);
    return v->fingerprints && v->numbers && v->counts ? VALENCE_OK : VALENCE_NO_MEMORY;
}

static int64_t candidates_kept(const choosing *job)
{
    int64_t n = 0;
    for (int p = 0; p < VL_COUNT_PARTS; p++)
        for (int64_t i = 0; i < job->part[p].count; i++)
            n += by_score(&job->part[p].list[i], &job->last) <= 0;
    return n;
}

static vl_status choose(choosing *job, vl_workers *workers)
{
    int threads = vl_workers_threads(workers);
    job->histograms =
        vl_alloc_zero(VL_MEM_TRAINING, (size_t)threads * SCORE_BINS * sizeof *job->histograms);
    if (!job->histograms) return VALENCE_NO_MEMORY;
    vl_workers_run(workers, collect_job, job, VL_COUNT_PARTS);
    for (int p = 0; p < VL_COUNT_PARTS; p++) VL_TRY(job->status[p]);
    VL_TRY(find_last(job, threads));
    uint32_t buckets = job->known ? job->known->buckets : buckets_for(candidates_kept(job));
    VL_TRY(vocabulary_init(job->v, buckets, job->counts->classes));
    if (job->known)
        memcpy(job->v->fingerprints, job->known->fingerprints,
               (size_t)job->v->slots * sizeof *job->v->fingerprints);
    vl_workers_run(workers, fill_job, job, VL_COUNT_PARTS);
    VL_TRY(fill_borders(job));
    for (int64_t s = 0; s < job->v->slots; s++) job->v->used += job->v->numbers[s] != 0;
    return VALENCE_OK;
}

vl_status vl_vocabulary_extend(vl_vocabulary *v, const vl_ngram_table *known,
                               const vl_counts *counts, const double *class_texts, int32_t K,
                               const vl_vocabulary_options *options, vl_workers *workers,
                               valence_error *error)
{
    memset(v, 0, sizeof *v);
    choosing *job = vl_alloc_zero(VL_MEM_TRAINING, sizeof *job);
    if (!job) return vl_fail_memory(error, sizeof *job, "choosing n-grams");
    *job = (choosing){
        .v = v, .counts = counts, .class_texts = class_texts, .K = K, .options = options,
        .known = known};
    vl_status status = choose(job, workers);
    for (int p = 0; p < VL_COUNT_PARTS; p++) vl_free(job->part[p].list);
    vl_free(job->histograms);
    vl_free(job);
    if (status != VALENCE_OK) {
        vl_vocabulary_release(v);
        return vl_fail(error, status, "cannot choose n-grams: out of memory");
    }
    return VALENCE_OK;
}

vl_status vl_vocabulary_choose(vl_vocabulary *v, const vl_counts *counts, const double *class_texts,
                               int32_t K, const vl_vocabulary_options *options,
                               vl_workers *workers, valence_error *error)
{
    return vl_vocabulary_extend(v, NULL, counts, class_texts, K, options, workers, error);
}

void vl_vocabulary_release(vl_vocabulary *v)
{
    vl_free(v->fingerprints);
    vl_free(v->numbers);
    vl_free(v->counts);
    memset(v, 0, sizeof *v);
}
