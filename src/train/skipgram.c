/* skipgram.c: skip-grams in batches that have one result.
 *
 * Word2vec and fastText let threads write into one table at once ("Hogwild"): fast, but no run
 * repeats another. Here a batch is 64 segments of 64 tokens, and the tables stand still while it is
 * computed:
 *   1. the vectors u of the batch's distinct tokens are put together from their n-grams;
 *   2. each segment, on any thread, multiplies its u with the output vectors of its own tokens (of
 * which only neighbours count) and of 32 random tokens that it shares (Ji et al. 2016): three small
 * matrix products do what word2vec does pair by pair;
 *   3. rows of gradients that belong to one token are added up in order of their places, and each
 * row of a table takes one step (Adagrad with one number a row), whichever thread does it. Nothing
 * depends on which thread did what. The price is that gradients are up to a batch old, which
 * Adagrad's steps, shorter for frequent rows, make good. */
#include "train/skipgram.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "kernels/gemm.h"
#include "kernels/row_sums.h"
#include "train/row_groups.h"
#include "train/state_file.h"

enum {
    SEGMENT = 64,  /* tokens */
    SEGMENTS = 64, /* of a batch */
    NEGATIVES = 32,
    BATCH = SEGMENT * SEGMENTS,
    DRAWS = 1 << 20, /* size of the table that random tokens are drawn from */
    GRAM_LEAST = 3,
    GRAM_MOST = 6,
    GRAM_CHARS = 48, /* of a token, that have n-grams */
    ROWS = 64        /* a thread takes that many rows at a time */
};

vl_skipgram_options vl_skipgram_defaults(void)
{
    return (vl_skipgram_options){.E = 128,
                                 .window = 5,
                                 .negatives = 5,
                                 .buckets = 1 << 17,
                                 .epochs = 5,
                                 .rate = 0.06,
                                 .sample = 1e-4,
                                 .scale = 0.25,
                                 .seed = 1,
                                 .checkpoint_seconds = 60};
}

/* What a thread works on for one segment. */
typedef struct bench {
    float *u, *w, *negative; /* (SEGMENT,E), (SEGMENT,E), (NEGATIVES,E) */
    float *near_g, *far_g;   /* (SEGMENT,SEGMENT), (SEGMENT,NEGATIVES) scores, then gradients */
    double loss, pairs;
} bench;

typedef struct table {
    float *rows;    /* (n,E) */
    float *squares; /* (n) Adagrad's sums */
} table;

/* The next token. */
typedef struct walk {
    int64_t text, place;
    int epoch;
} walk;

typedef struct skipgram {
    vl_skipgram_options o;
    const vl_token_corpus *texts;
    vl_workers *workers;
    int32_t V, E;
    table words, grams, outputs;
    int32_t *gram_starts, *gram_ids; /* (V+1), n-grams of each token */
    float *keep;                     /* (V) chance that a token is not thinned out */
    int32_t *draws;                  /* (DRAWS) */
    bench *benches;
    /* the batch */
    int32_t ids[BATCH], text_of[BATCH], used;
    int32_t far_ids[2 * BATCH]; /* outputs' rows: the tokens, then the random ones */
    uint64_t batch;
    float *u;       /* (distinct,E) */
    float *du, *dw; /* (BATCH,E), (BATCH + SEGMENTS * NEGATIVES,E) */
    float *dword;   /* (distinct,E) */
    double loss[SEGMENTS], pairs[SEGMENTS];
    vl_row_groups in, out, gram;
    int32_t *batch_grams, *batch_owners; /* n-grams of the distinct tokens, and whose they are */
    int64_t gram_room;
    float rate;
    walk at;
    double run_loss, run_pairs; /* since progress was last told */
    uint64_t fingerprint;       /* of texts and options */
    double saved;               /* when the checkpoint was */
    valence_error *error;
} skipgram;

/* ---- N-grams --------------------------------------------------------------------------------- */

/* Letters of a token with < and > around; what continues a word has neither. */
static int gram_text(char *out, const char **starts, vl_span token)
{
    bool continues = token.len > 2 && memcmp(token.ptr, "##", 2) == 0;
    int n = 0;
    char *to = out;
    const char *p = token.ptr + (continues ? 2 : 0), *end = token.ptr + token.len;
    if (!continues) starts[n++] = to, *to++ = '<';
    for (int len; p < end && n < GRAM_CHARS; p += len) {
        vl_utf8_decode(p, end, &len);
        starts[n++] = to;
        memcpy(to, p, (size_t)len);
        to += len;
    }
    if (!continues) starts[n++] = to, *to++ = '>';
    starts[n] = to;
    return n;
}

static vl_status find_grams(skipgram *s, const vl_tokenizer *t)
{
    vl_buffer ids;
    vl_status status = VALENCE_OK;
    vl_buffer_init(&ids, VL_MEM_TRAINING, (size_t)1 << 33);
    for (int32_t v = 0; v < s->V && status == VALENCE_OK; v++) {
        char text[GRAM_CHARS * 4 + 16];
        const char *starts[GRAM_CHARS + 4];
        int n = s->o.buckets ? gram_text(text, starts, vl_tokenizer_token(t, v)) : 0;
        s->gram_starts[v] = (int32_t)(ids.len / sizeof(int32_t));
        for (int i = 0; i < n; i++)
            for (int k = GRAM_LEAST; k <= GRAM_MOST && i + k <= n && status == VALENCE_OK; k++) {
                uint64_t h = vl_hash64(starts[i], (size_t)(starts[i + k] - starts[i]), 7);
                int32_t id = (int32_t)(h % (uint64_t)s->o.buckets);
                status = vl_buffer_append(&ids, &id, sizeof id);
            }
    }
    s->gram_starts[s->V] = (int32_t)(ids.len / sizeof(int32_t));
    s->gram_ids = (int32_t *)(void *)ids.data; /* taken over */
    return status;
}

/* ---- Frequencies ----------------------------------------------------------------------------- */

static void set_chances(skipgram *s, const int64_t *times)
{
    double all = (double)s->texts->offsets[s->texts->count], sum = 0, reached = 0;
    for (int32_t v = 0; v < s->V; v++) {
        double share = s->o.sample / ((double)times[v] / all + 1e-12);
        s->keep[v] = (float)(sqrt(share) + share);
        sum += pow((double)times[v], 0.75);
    }
    int32_t v = 0;
    for (int i = 0; i < DRAWS; i++) {
        while (v < s->V - 1 && reached + pow((double)times[v], 0.75) < sum * (i + 0.5) / DRAWS)
            reached += pow((double)times[v++], 0.75);
        s->draws[i] = v;
    }
}

static vl_status count_tokens(skipgram *s)
{
    int64_t *times = vl_alloc_zero(VL_MEM_TRAINING, (size_t)s->V * sizeof *times);
    if (!times) return VALENCE_NO_MEMORY;
    for (int64_t i = 0; i < s->texts->offsets[s->texts->count]; i++) times[s->texts->ids[i]]++;
    set_chances(s, times);
    vl_free(times);
    return VALENCE_OK;
}

/* ---- Memory ---------------------------------------------------------------------------------- */

static bool make_table(table *t, int32_t rows, int32_t E, float range, uint64_t seed)
{
    size_t n = (size_t)rows * (size_t)E;
    t->rows = vl_alloc_array(VL_MEM_TRAINING, n + 1, sizeof *t->rows);
    t->squares = vl_alloc_zero(VL_MEM_TRAINING, ((size_t)rows + 1) * sizeof *t->squares);
    if (!t->rows || !t->squares) return false;
    for (size_t i = 0; i < n; i++)
        t->rows[i] = range * ((float)(vl_random_at(seed, i) >> 40) / (1 << 23) - 1);
    return true;
}

static bool make_bench(bench *b, int32_t E)
{
    size_t row = (size_t)E * sizeof(float);
    b->u = vl_alloc(VL_MEM_TRAINING, SEGMENT * row);
    b->w = vl_alloc(VL_MEM_TRAINING, SEGMENT * row);
    b->negative = vl_alloc(VL_MEM_TRAINING, NEGATIVES * row);
    b->near_g = vl_alloc(VL_MEM_TRAINING, SEGMENT * SEGMENT * sizeof(float));
    b->far_g = vl_alloc(VL_MEM_TRAINING, SEGMENT * NEGATIVES * sizeof(float));
    return b->u && b->w && b->negative && b->near_g && b->far_g;
}

static bool make_arrays(skipgram *s)
{
    size_t V = (size_t)s->V, E = (size_t)s->E, floats = sizeof(float);
    s->gram_starts = vl_alloc_array(VL_MEM_TRAINING, V + 1, sizeof *s->gram_starts);
    s->keep = vl_alloc_array(VL_MEM_TRAINING, V + 1, floats);
    s->draws = vl_alloc_array(VL_MEM_TRAINING, DRAWS, sizeof *s->draws);
    s->u = vl_alloc_array(VL_MEM_TRAINING, BATCH * E, floats);
    s->du = vl_alloc_array(VL_MEM_TRAINING, BATCH * E, floats);
    s->dword = vl_alloc_array(VL_MEM_TRAINING, BATCH * E, floats);
    s->dw = vl_alloc_array(VL_MEM_TRAINING, (BATCH + SEGMENTS * NEGATIVES) * E, floats);
    int threads = vl_workers_threads(s->workers);
    s->benches = vl_alloc_zero(VL_MEM_TRAINING, (size_t)threads * sizeof *s->benches);
    if (!s->gram_starts || !s->keep || !s->draws || !s->u || !s->du || !s->dword || !s->dw ||
        !s->benches)
        return false;
    for (int i = 0; i < threads; i++)
        if (!make_bench(&s->benches[i], s->E)) return false;
    return make_table(&s->words, s->V, s->E, 1 / (float)s->E, s->o.seed) &&
           make_table(&s->grams, s->o.buckets, s->E, 1 / (float)s->E, s->o.seed + 1) &&
           make_table(&s->outputs, s->V, s->E, 0, 0);
}

static vl_status open_skipgram(skipgram *s, const vl_tokenizer *t)
{
    if (!make_arrays(s)) return VALENCE_NO_MEMORY;
    VL_TRY(vl_row_groups_init(&s->in, s->V));
    VL_TRY(vl_row_groups_init(&s->out, s->V));
    VL_TRY(vl_row_groups_init(&s->gram, s->o.buckets));
    VL_TRY(find_grams(s, t));
    return count_tokens(s);
}

static void close_skipgram(skipgram *s)
{
    table *tables[] = {&s->words, &s->grams, &s->outputs};
    for (int i = 0; i < 3; i++) vl_free(tables[i]->rows), vl_free(tables[i]->squares);
    for (int i = 0; s->benches && i < vl_workers_threads(s->workers); i++) {
        bench *b = &s->benches[i];
        void *all[] = {b->u, b->w, b->negative, b->near_g, b->far_g};
        for (int k = 0; k < 5; k++) vl_free(all[k]);
    }
    void *all[] = {s->benches, s->gram_starts, s->gram_ids, s->keep,        s->draws,       s->u,
                   s->du,      s->dword,       s->dw,       s->batch_grams, s->batch_owners};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) vl_free(all[i]);
    vl_row_groups_release(&s->in);
    vl_row_groups_release(&s->out);
    vl_row_groups_release(&s->gram);
}

/* ---- Vectors of tokens ----------------------------------------------------------------------- */

static void compose(const skipgram *s, float *to, int32_t v)
{
    const float *own = s->words.rows + (int64_t)v * s->E;
    int32_t from = s->gram_starts[v], end = s->gram_starts[v + 1];
    memcpy(to, own, (size_t)s->E * sizeof *to);
    for (int32_t g = from; g < end; g++)
        vl_row_add(to, s->grams.rows + (int64_t)s->gram_ids[g] * s->E, 1, s->E);
    float share = 1 / (float)(1 + end - from);
    for (int32_t e = 0; e < s->E; e++) to[e] *= share;
}

static void compose_some(void *argument, int64_t block, int thread)
{
    (void)thread;
    skipgram *s = argument;
    for (int64_t k = block * ROWS; k < (block + 1) * ROWS && k < s->in.count; k++)
        compose(s, s->u + k * s->E, s->in.ids[k]);
}

/* ---- A segment ------------------------------------------------------------------------------- */

static float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

static void gather(float *to, const float *rows, const int32_t *ids, int n, int32_t E)
{
    for (int i = 0; i < n; i++)
        memcpy(to + (int64_t)i * E, rows + (int64_t)ids[i] * E, (size_t)E * sizeof *to);
}

/* Scores become gradients, negated: what to add. Row i of near_g is token i's view of the others.
 */
static void judge(skipgram *s, bench *b, int first, int n)
{
    for (int i = 0; i < n; i++) {
        uint64_t random = vl_random_at(s->o.seed + 2, s->batch * BATCH + (uint64_t)(first + i));
        int reach = 1 + (int)(random % (uint64_t)s->o.window), met = 0;
        float *near_row = b->near_g + i * SEGMENT, *far_row = b->far_g + i * NEGATIVES;
        for (int j = 0; j < n; j++) {
            bool pair = j != i && j >= i - reach && j <= i + reach &&
                        s->text_of[first + j] == s->text_of[first + i];
            if (pair) {
                float p = sigmoid(near_row[j]);
                b->loss -= (double)logf(p + 1e-7f);
                near_row[j] = 1 - p;
                met++;
            } else {
                near_row[j] = 0;
            }
        }
        b->pairs += met;
        float weight = (float)s->o.negatives * (float)met / NEGATIVES;
        for (int j = 0; j < NEGATIVES; j++) far_row[j] = -weight * sigmoid(far_row[j]);
    }
}

static void run_segment(void *argument, int64_t segment, int thread)
{
    skipgram *s = argument;
    bench *b = &s->benches[thread];
    int first = (int)segment * SEGMENT, n = s->used - first < SEGMENT ? s->used - first : SEGMENT;
    int64_t E = s->E;
    const int32_t *far = s->far_ids + BATCH + segment * NEGATIVES;
    float *du = s->du + first * E, *dw = s->dw + first * E,
          *dfar = s->dw + (BATCH + segment * NEGATIVES) * E;
    b->loss = b->pairs = 0;
    gather(b->u, s->u, s->in.group_of + first, n, s->E);
    gather(b->w, s->outputs.rows, s->ids + first, n, s->E);
    gather(b->negative, s->outputs.rows, far, NEGATIVES, s->E);
    vl_gemm_run(b->near_g, b->u, b->w,
                &(vl_gemm){.M = n, .N = n, .K = E, .transpose_b = true, .ldc = SEGMENT});
    vl_gemm_run(b->far_g, b->u, b->negative,
                &(vl_gemm){.M = n, .N = NEGATIVES, .K = E, .transpose_b = true});
    judge(s, b, first, n);
    vl_gemm_run(du, b->near_g, b->w, &(vl_gemm){.M = n, .N = E, .K = n, .lda = SEGMENT});
    vl_gemm_run(du, b->far_g, b->negative, &(vl_gemm){.M = n, .N = E, .K = NEGATIVES, .add = true});
    vl_gemm_run(dw, b->near_g, b->u,
                &(vl_gemm){.M = n, .N = E, .K = n, .lda = SEGMENT, .transpose_a = true});
    vl_gemm_run(dfar, b->far_g, b->u,
                &(vl_gemm){.M = NEGATIVES, .N = E, .K = n, .transpose_a = true});
    s->loss[segment] = b->loss;
    s->pairs[segment] = b->pairs;
}

/* ---- Steps of the tables --------------------------------------------------------------------- */

static void step_row(const skipgram *s, table *t, int32_t row, const float *g)
{
    t->squares[row] += (float)(vl_row_square(g, s->E) / s->E);
    float rate = s->rate / sqrtf(t->squares[row] + 1e-10f);
    vl_row_add(t->rows + (int64_t)row * s->E, g, rate, s->E);
}

static void add_rows(float *to, const float *rows, const vl_row_groups *groups, int64_t k,
                     int32_t E)
{
    memset(to, 0, (size_t)E * sizeof *to);
    for (int32_t i = groups->starts[k]; i < groups->starts[k + 1]; i++)
        vl_row_add(to, rows + (int64_t)groups->places[i] * E, 1, E);
}

/* Where the gradient of output place i stands: tokens first, random ones behind BATCH. */
static void step_outputs(void *argument, int64_t block, int thread)
{
    skipgram *s = argument;
    float *g = s->benches[thread].u;
    for (int64_t k = block * ROWS; k < (block + 1) * ROWS && k < s->out.count; k++) {
        memset(g, 0, (size_t)s->E * sizeof *g);
        for (int32_t i = s->out.starts[k]; i < s->out.starts[k + 1]; i++) {
            int64_t place = s->out.places[i];
            if (place >= s->used) place += BATCH - s->used;
            vl_row_add(g, s->dw + place * s->E, 1, s->E);
        }
        step_row(s, &s->outputs, s->out.ids[k], g);
    }
}

static void step_words(void *argument, int64_t block, int thread)
{
    (void)thread;
    skipgram *s = argument;
    for (int64_t k = block * ROWS; k < (block + 1) * ROWS && k < s->in.count; k++) {
        float *g = s->dword + k * s->E;
        int32_t v = s->in.ids[k];
        float share = 1 / (float)(1 + s->gram_starts[v + 1] - s->gram_starts[v]);
        add_rows(g, s->du, &s->in, k, s->E);
        for (int32_t e = 0; e < s->E; e++) g[e] *= share;
        step_row(s, &s->words, v, g);
    }
}

static void step_grams(void *argument, int64_t block, int thread)
{
    skipgram *s = argument;
    float *g = s->benches[thread].u;
    for (int64_t k = block * ROWS; k < (block + 1) * ROWS && k < s->gram.count; k++) {
        memset(g, 0, (size_t)s->E * sizeof *g);
        for (int32_t i = s->gram.starts[k]; i < s->gram.starts[k + 1]; i++)
            vl_row_add(g, s->dword + (int64_t)s->batch_owners[s->gram.places[i]] * s->E, 1, s->E);
        step_row(s, &s->grams, s->gram.ids[k], g);
    }
}

/* ---- A batch --------------------------------------------------------------------------------- */

static vl_status list_grams(skipgram *s)
{
    int64_t n = 0;
    for (int32_t k = 0; k < s->in.count; k++)
        n += s->gram_starts[s->in.ids[k] + 1] - s->gram_starts[s->in.ids[k]];
    if (n > s->gram_room) {
        vl_free(s->batch_grams);
        vl_free(s->batch_owners);
        s->batch_grams = vl_alloc_array(VL_MEM_TRAINING, (size_t)n * 2, sizeof *s->batch_grams);
        s->batch_owners = vl_alloc_array(VL_MEM_TRAINING, (size_t)n * 2, sizeof *s->batch_owners);
        s->gram_room = 2 * n;
        if (!s->batch_grams || !s->batch_owners) return VALENCE_NO_MEMORY;
    }
    n = 0;
    for (int32_t k = 0; k < s->in.count; k++)
        for (int32_t g = s->gram_starts[s->in.ids[k]]; g < s->gram_starts[s->in.ids[k] + 1]; g++) {
            s->batch_grams[n] = s->gram_ids[g];
            s->batch_owners[n++] = k;
        }
    return vl_row_groups_make(&s->gram, s->batch_grams, n);
}

static void run_rows(skipgram *s, vl_work_fn fn, int64_t rows)
{
    vl_workers_run(s->workers, fn, s, (rows + ROWS - 1) / ROWS);
}

static vl_status run_batch(skipgram *s)
{
    int segments = (s->used + SEGMENT - 1) / SEGMENT;
    for (int i = 0; i < segments * NEGATIVES; i++)
        s->far_ids[BATCH + i] =
            s->draws[vl_random_at(s->o.seed + 3, s->batch * SEGMENTS * NEGATIVES + (uint64_t)i) %
                     DRAWS];
    VL_TRY(vl_row_groups_make(&s->in, s->ids, s->used));
    VL_TRY(list_grams(s));
    run_rows(s, compose_some, s->in.count);
    vl_workers_run(s->workers, run_segment, s, segments);
    memcpy(s->far_ids, s->ids, (size_t)s->used * sizeof *s->ids);
    memmove(s->far_ids + s->used, s->far_ids + BATCH,
            (size_t)(segments * NEGATIVES) * sizeof *s->far_ids);
    VL_TRY(vl_row_groups_make(&s->out, s->far_ids, s->used + segments * NEGATIVES));
    run_rows(s, step_outputs, s->out.count);
    run_rows(s, step_words, s->in.count);
    run_rows(s, step_grams, s->gram.count);
    s->batch++;
    return VALENCE_OK;
}

/* ---- The checkpoint -------------------------------------------------------------------------- */

enum { ARRAYS = 6, NUMBERS = 6 };

static vl_state_file file_of(const skipgram *s, vl_state_array arrays[ARRAYS],
                             double numbers[NUMBERS])
{
    int64_t V = s->V, buckets = s->o.buckets, E = s->E;
    const vl_state_array all[ARRAYS] = {
        {"words", s->words.rows, V * E},       {"word_squares", s->words.squares, V},
        {"grams", s->grams.rows, buckets * E}, {"gram_squares", s->grams.squares, buckets},
        {"outputs", s->outputs.rows, V * E},   {"output_squares", s->outputs.squares, V}};
    memcpy(arrays, all, sizeof all);
    return (vl_state_file){.fingerprint = s->fingerprint,
                           .arrays = arrays,
                           .array_count = ARRAYS,
                           .numbers = numbers,
                           .number_count = NUMBERS};
}

static vl_status save(skipgram *s)
{
    vl_state_array arrays[ARRAYS];
    double numbers[NUMBERS] = {(double)s->at.epoch, (double)s->at.text, (double)s->at.place,
                               (double)s->batch,    s->run_loss,        s->run_pairs};
    vl_state_file file = file_of(s, arrays, numbers);
    return vl_state_file_write(&file, s->o.checkpoint, s->error);
}

static uint64_t fingerprint_of(const skipgram *s)
{
    const vl_skipgram_options *o = &s->o;
    const vl_token_corpus *c = s->texts;
    const double numbers[] = {o->E,    o->window, o->negatives, o->buckets,      o->epochs,
                              o->rate, o->sample, o->scale,     (double)o->seed, s->V};
    uint64_t h = vl_hash64(numbers, sizeof numbers, 1);
    h = vl_hash64(c->ids, (size_t)c->offsets[c->count] * sizeof *c->ids, h);
    return vl_hash64(c->offsets, (size_t)(c->count + 1) * sizeof *c->offsets, h);
}

static vl_status resume(skipgram *s)
{
    vl_state_array arrays[ARRAYS];
    double n[NUMBERS];
    const vl_token_corpus *c = s->texts;
    s->saved = vl_clock_seconds();
    if (!s->o.checkpoint) return VALENCE_OK;
    s->fingerprint = fingerprint_of(s);
    if (!s->o.resume) return VALENCE_OK;
    vl_state_file file = file_of(s, arrays, n);
    vl_status status = vl_state_file_read(&file, s->o.checkpoint, s->error);
    if (status == VALENCE_NOT_FOUND) return VALENCE_OK;
    VL_TRY(status);
    if (n[0] < 0 || n[0] > s->o.epochs || n[1] < 0 || n[1] > (double)c->count || n[2] < 0 ||
        n[2] > (double)c->offsets[c->count] || n[3] < 0)
        return vl_fail(s->error, VALENCE_FORMAT, "the checkpoint is damaged");
    s->at = (walk){.epoch = (int)n[0], .text = (int64_t)n[1], .place = (int64_t)n[2]};
    s->batch = (uint64_t)n[3];
    s->run_loss = n[4];
    s->run_pairs = n[5];
    return VALENCE_OK;
}

/* ---- The epochs ------------------------------------------------------------------------------ */

static void fill_batch(skipgram *s, walk *w)
{
    const vl_token_corpus *c = s->texts;
    s->used = 0;
    while (w->text < c->count && s->used < BATCH) {
        if (w->place >= c->offsets[w->text + 1]) {
            w->text++;
            continue;
        }
        int32_t id = c->ids[w->place];
        uint64_t n = (uint64_t)w->epoch * (uint64_t)c->offsets[c->count] + (uint64_t)w->place++;
        float chance = (float)(vl_random_at(s->o.seed + 4, n) >> 40) / (1 << 24);
        if (chance >= s->keep[id]) continue;
        s->ids[s->used] = id;
        s->text_of[s->used++] = (int32_t)w->text;
    }
}

static vl_status tell(skipgram *s, double share)
{
    double all = (double)s->texts->offsets[s->texts->count], now = vl_clock_seconds();
    bool stop = false;
    if (s->o.progress && s->batch % 64 == 0) {
        int64_t tokens = (int64_t)(share * s->o.epochs * all);
        stop = s->o.progress(s->o.user, share, s->run_loss / (s->run_pairs + 1), tokens) != 0;
        s->run_loss = s->run_pairs = 0;
    }
    if (s->o.checkpoint && (stop || now - s->saved > s->o.checkpoint_seconds)) {
        s->saved = now;
        VL_TRY(save(s));
    }
    return stop ? VALENCE_CANCELLED : VALENCE_OK;
}

static vl_status run_epochs(skipgram *s)
{
    double all = (double)s->texts->offsets[s->texts->count];
    for (walk *w = &s->at; w->epoch < s->o.epochs; *w = (walk){.epoch = w->epoch + 1}) {
        for (;;) {
            fill_batch(s, w);
            if (s->used == 0) break;
            double share = (w->epoch + (double)w->place / all) / s->o.epochs;
            s->rate = (float)(s->o.rate * (1 - 0.95 * share));
            VL_TRY(run_batch(s));
            for (int i = 0; i < (s->used + SEGMENT - 1) / SEGMENT; i++)
                s->run_loss += s->loss[i], s->run_pairs += s->pairs[i];
            VL_TRY(tell(s, share));
        }
    }
    return VALENCE_OK;
}

static void write_out(skipgram *s, float *out)
{
    double square = 0;
    int64_t n = (int64_t)s->V * s->E;
    for (int32_t v = 0; v < s->V; v++) compose(s, out + (int64_t)v * s->E, v);
    for (int64_t i = 0; i < n; i++) square += (double)out[i] * out[i];
    float scale = square > 0 ? (float)(s->o.scale / sqrt(square / (double)n)) : 0;
    for (int64_t i = 0; i < n; i++) out[i] *= scale;
}

vl_status vl_skipgram_train(float *out, const vl_token_corpus *texts, const vl_tokenizer *t,
                            const vl_skipgram_options *options, vl_workers *workers,
                            valence_error *error)
{
    VL_TRY(vl_gemm_open(error));
    skipgram *s = vl_alloc_zero(VL_MEM_TRAINING, sizeof *s);
    if (!s) return vl_fail_memory(error, sizeof *s, "word vectors");
    s->o = *options;
    s->texts = texts;
    s->workers = workers;
    s->error = error;
    s->V = vl_tokenizer_size(t);
    s->E = options->E;
    vl_status status = open_skipgram(s, t);
    if (status == VALENCE_OK) status = resume(s);
    if (status == VALENCE_OK) status = run_epochs(s);
    if (status == VALENCE_OK) write_out(s, out);
    close_skipgram(s);
    vl_free(s);
    if (status == VALENCE_NO_MEMORY)
        return vl_fail(error, status, "out of memory while making word vectors");
    return status;
}
