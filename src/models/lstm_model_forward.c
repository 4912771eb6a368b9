/* lstm_model_forward.c: the forward pass of a ragged batch on one or more threads.
 *
 * A direction of a layer for a group of texts is a unit of work; units of a layer do not need each
 * other. Texts are dealt out to groups in order of length, so that groups are about equal. Of the
 * last layer only maxima and sums are kept, as the states come; the states themselves are, where
 * another layer or attention wants them.
 *
 * The first layer's products of a token depend on its word alone, and texts repeat their words: of
 * 8,192 tokens of reviews a quarter are different. Where the words are at most half of the tokens,
 * products are made word by word before the steps, which then only copy them. */
#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "models/lstm_model.h"
#include "models/trace.h"

enum { THREADS_MAX = 256, BLOCK = 64, WORDS_FROM = 512 /* tokens; below, few words repeat */ };

/* The different ids of a batch. */
typedef struct words {
    int32_t count;      /* 0: they are too many, tokens are taken one by one */
    int32_t *seen;      /* (V) an id's number among the words, or -1 */
    int32_t *id;        /* (T/2) */
    int32_t *place;     /* (T) each token's number among the words */
    float *products[2]; /* (count,4P) of each direction */
} words;

typedef struct pass {
    const vl_lstm_model *m;
    const vl_batch *batch;
    int32_t groups, layer;
    bool traced;
    words words;
    int32_t *sorted, *text; /* (B) by length; and group by group */
    float *states[2];       /* (T,2H) of layers in turn, or NULL */
    float *pooled;          /* (B,F), and room for a block of rows behind */
    void *rows;             /* of the head: vl_row_scratch's */
    float *hidden;          /* (VL_ROW_BLOCK,D) of the head */
    double (*seconds)[3];   /* (threads) */
    char *own;              /* (threads) blocks of own_bytes */
    size_t own_bytes;
    _Atomic int failed; /* a vl_status */
} pass;

/* ---- Memory ---------------------------------------------------------------------------------- */

static size_t up(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

/* The next bytes of memory; NULL: they are only counted. */
static void *take(char *memory, size_t *used, size_t bytes)
{
    void *here = memory ? memory + *used : NULL;
    *used += up(bytes);
    return here;
}

static size_t states_bytes(const vl_lstm_model *m)
{
    return up((size_t)VL_LSTM_TEXTS * (size_t)m->layer->U * VL_LSTM_GROUP * sizeof(float));
}

/* A run's memory, and its maxima and sums. */
static size_t own_bytes(const vl_lstm_model *m)
{
    size_t most = 0;
    for (int32_t n = 0; n < m->layers; n++) {
        size_t bytes = vl_lstm_run_bytes(&m->layer[n]);
        most = bytes > most ? bytes : most;
    }
    return up(most) + 2 * states_bytes(m);
}

static int64_t gates_width(const vl_lstm_model *m)
{
    return 4 * (int64_t)m->layer->U * VL_LSTM_GROUP;
}

static void lay_out_words(words *w, const vl_lstm_model *m, int64_t T, char *memory, size_t *used)
{
    const size_t most = (size_t)T / 2;
    *w = (words){0};
    if (T < WORDS_FROM) return;
    w->seen = take(memory, used, (size_t)m->head.inputs * sizeof *w->seen);
    w->id = take(memory, used, most * sizeof *w->id);
    w->place = take(memory, used, (size_t)T * sizeof *w->place);
    for (int i = 0; i < 2; i++) /* the last block of products wants a whole block's room */
        w->products[i] =
            take(memory, used, (most + VL_LSTM_ROOM) * (size_t)gates_width(m) * sizeof(float));
}

static bool keeps_states(const vl_lstm_model *m)
{
    return m->layers > 1 || m->attention;
}

/* Of the head's layers: the most columns, and the most entries of a row. */
static int64_t widest(const vl_lstm_model *m)
{
    return m->out.K > m->head.K ? m->out.K : m->head.K;
}

static int64_t deepest(const vl_lstm_model *m)
{
    return m->F > m->out.K ? m->F : m->out.K;
}

static size_t lay_out(pass *p, const vl_lstm_model *m, int32_t B, int64_t T, int threads,
                      char *memory)
{
    const size_t D = (size_t)m->out.K;
    const size_t state = keeps_states(m) ? (size_t)T * 2 * (size_t)m->H * sizeof(float) : 0;
    size_t used = 0;
    lay_out_words(&p->words, m, T, memory, &used);
    p->sorted = take(memory, &used, (size_t)B * sizeof *p->sorted);
    p->text = take(memory, &used, (size_t)B * sizeof *p->text);
    for (int i = 0; i < 2; i++)
        p->states[i] = state && i < m->layers ? take(memory, &used, state) : NULL;
    p->pooled = take(memory, &used, (size_t)(B + VL_ROW_BLOCK) * (size_t)m->F * sizeof *p->pooled);
    p->rows = take(memory, &used, vl_row_scratch_bytes(widest(m), deepest(m)));
    p->hidden = take(memory, &used, VL_ROW_BLOCK * D * sizeof *p->hidden);
    p->seconds = take(memory, &used, (size_t)threads * sizeof *p->seconds);
    p->own_bytes = own_bytes(m);
    p->own = take(memory, &used, (size_t)threads * p->own_bytes);
    return used;
}

size_t vl_lstm_model_scratch(const vl_model *model, int32_t B, int64_t T, int threads)
{
    pass p;
    return lay_out(&p, (const vl_lstm_model *)model, B, T,
                   threads < THREADS_MAX ? threads : THREADS_MAX, NULL);
}

/* ---- Who does what --------------------------------------------------------------------------- */

/* Each group makes two units; groups are no larger than a run takes. */
static int32_t count_groups(int32_t B, int threads)
{
    int32_t even = threads % 2 ? threads : threads / 2; /* units for all threads alike */
    int32_t rounds = (B + even * VL_LSTM_TEXTS - 1) / (even * VL_LSTM_TEXTS);
    return rounds * even < B ? rounds * even : B;
}

static int32_t group_size(const pass *p, int32_t g)
{
    return (p->batch->B - g + p->groups - 1) / p->groups;
}

/* A group's place in text: the groups before it, of which the first ones may be larger by one. */
static int32_t group_start(const pass *p, int32_t g)
{
    int32_t least = p->batch->B / p->groups, larger = p->batch->B % p->groups;
    return g * least + (g < larger ? g : larger);
}

static void deal_out(pass *p)
{
    for (int32_t b = 0; b < p->batch->B; b++) p->sorted[b] = b;
    vl_lstm_order_sort(p->sorted, p->batch->B, p->batch->offsets);
    for (int32_t g = 0, at = 0; g < p->groups; g++)
        for (int32_t b = g; b < p->batch->B; b += p->groups) p->text[at++] = p->sorted[b];
}

/* ---- Words ----------------------------------------------------------------------------------- */

/* Numbers the batch's words; none if there are too many. */
static void find_words(pass *p)
{
    words *w = &p->words;
    const int32_t T = p->batch->offsets[p->batch->B];
    if (T < WORDS_FROM) return;
    memset(w->seen, 0xFF, (size_t)p->m->head.inputs * sizeof *w->seen);
    for (int32_t t = 0; t < T; t++) {
        int32_t id = p->batch->ids[t];
        if (w->seen[id] < 0) {
            if (w->count == T / 2) {
                w->count = 0;
                return;
            }
            w->id[w->count] = id;
            w->seen[id] = w->count++;
        }
        w->place[t] = w->seen[id];
    }
}

/* Everything a thread has of its own. */
static char *own_memory(const pass *p, int thread)
{
    return p->own + (size_t)thread * p->own_bytes;
}

static void note(pass *p, vl_status status)
{
    if (status != VALENCE_OK) atomic_store(&p->failed, (int)status);
}

/* One block of words in one direction. */
static void make_products(void *argument, int64_t index, int thread)
{
    pass *p = argument;
    const words *w = &p->words;
    const int64_t first = index / 2 * VL_LSTM_ROWS, rest = w->count - first;
    float *to = w->products[index % 2] + first * gates_width(p->m);
    note(p, vl_lstm_products(p->m->layer, index % 2, to, &p->m->embedding, w->id + first,
                             rest < VL_LSTM_ROWS ? rest : VL_LSTM_ROWS, own_memory(p, thread),
                             p->traced ? p->seconds[thread] : NULL));
}

/* ---- Layers ---------------------------------------------------------------------------------- */

/* The maxima and sums (n,P) of a direction, to their places in the texts' rows of pooled. */
static void pool(const pass *p, const vl_lstm_order *o, const float *max, const float *sum)
{
    const vl_lstm_model *m = p->m;
    const int64_t H = m->H, P = (int64_t)m->layer->U * VL_LSTM_GROUP;
    for (int32_t b = 0; b < o->n; b++, max += P, sum += P) {
        float *to = p->pooled + o->text[b] * m->F + (o->reverse ? H : 0);
        float length = (float)vl_lstm_order_length(o, b);
        if (m->max) memcpy(to, max, (size_t)H * sizeof *to);
        if (m->max) to += 2 * H;
        for (int64_t i = 0; m->mean && i < H; i++) to[i] = sum[i] / length;
    }
}

static vl_lstm_source source_of(const pass *p, bool reverse)
{
    if (p->layer > 0) return (vl_lstm_source){.rows = p->states[(p->layer - 1) % 2]};
    if (p->words.count > 0)
        return (vl_lstm_source){.products = p->words.products[reverse], .place = p->words.place};
    return (vl_lstm_source){.embedding = &p->m->embedding, .ids = p->batch->ids};
}

static void run_unit(void *argument, int64_t index, int thread)
{
    pass *p = argument;
    const vl_lstm_model *m = p->m;
    const int32_t g = (int32_t)(index / 2), last = m->layers - 1;
    const vl_lstm_order order = {p->batch->offsets, p->text + group_start(p, g), group_size(p, g),
                                 index % 2};
    const vl_lstm_source source = source_of(p, order.reverse);
    vl_lstm_sink sink = {0};
    char *own = own_memory(p, thread);
    size_t used = 0;
    if (p->layer < last || m->attention) sink.states = p->states[p->layer % 2];
    if (p->layer == last && !m->attention) {
        sink.max = take(own, &used, states_bytes(m));
        sink.sum = take(own, &used, states_bytes(m));
    }
    vl_status status = vl_lstm_run(&m->layer[p->layer], &order, &source, &sink, own + used,
                                   p->traced ? p->seconds[thread] : NULL);
    if (status == VALENCE_OK && sink.max) pool(p, &order, sink.max, sink.sum);
    note(p, status);
}

/* ---- Attention ------------------------------------------------------------------------------- */

/* Of one text; its row of pooled. Two passes: the largest score, then the sum, divided at the end.
 */
static void attend(void *argument, int64_t b, int thread)
{
    (void)thread;
    const pass *p = argument;
    const int64_t C = 2 * (int64_t)p->m->H;
    const float *x = p->states[(p->m->layers - 1) % 2] + p->batch->offsets[b] * C;
    float *to = p->pooled + b * p->m->F, most = -INFINITY, total = 0;
    const int32_t T = p->batch->offsets[b + 1] - p->batch->offsets[b];
    memset(to, 0, (size_t)C * sizeof *to);
    for (int pass_number = 0; pass_number < 2; pass_number++)
        for (int32_t t = 0; t < T; t++) {
            const float *row = x + t * C;
            float score = 0;
            for (int64_t i = 0; i < C; i++) score += p->m->attention[i] * row[i];
            if (pass_number == 0) {
                most = score > most ? score : most;
                continue;
            }
            float weight = expf(score - most);
            total += weight;
            for (int64_t i = 0; i < C; i++) to[i] += weight * row[i];
        }
    for (int64_t i = 0; i < C; i++) to[i] /= total;
}

/* ---- The pass -------------------------------------------------------------------------------- */

static vl_status run_head(const pass *p, float *logits)
{
    const vl_lstm_model *m = p->m;
    const vl_row_scratch rows = vl_row_scratch_in(p->rows, deepest(m));
    for (int32_t b = 0; b < p->batch->B; b += BLOCK) {
        const int64_t n = p->batch->B - b < BLOCK ? p->batch->B - b : BLOCK;
        const float *x = p->pooled + b * m->F;
        if (m->has_dense) {
            VL_TRY(vl_projection_run(&m->dense, p->hidden, m->out.K, x, n, VL_ACT_RELU, &rows));
            x = p->hidden;
        }
        float *to = logits + (int64_t)b * m->head.K;
        VL_TRY(vl_projection_run(&m->out, to, m->head.K, x, n, VL_ACT_NONE, &rows));
    }
    return VALENCE_OK;
}

static void add_times(vl_trace *to, const pass *p, int threads, double head)
{
    static const vl_trace_part parts[] = {VL_TRACE_EMBED, VL_TRACE_INPUT, VL_TRACE_RECURRENT};
    to->passes++;
    to->texts += p->batch->B;
    to->tokens += p->batch->offsets[p->batch->B];
    for (int i = 0; i < threads; i++)
        for (int k = 0; k < 3; k++) to->seconds[parts[k]] += p->seconds[i][k];
    to->seconds[VL_TRACE_HEAD] += head;
}

/* Every text has a token, and no more than the model can read. */
static bool fits(const vl_lstm_model *m, const vl_batch *b)
{
    for (int32_t t = 0; t < b->B; t++) {
        int64_t n = (int64_t)b->offsets[t + 1] - b->offsets[t];
        if (n < 1 || n > m->head.longest) return false;
    }
    for (int32_t i = 0; i < (b->B > 0 ? b->offsets[b->B] : 0); i++)
        assert(b->ids[i] >= 0 && b->ids[i] < m->head.inputs);
    return b->B > 0;
}

vl_status vl_lstm_model_forward(const vl_model *model, const vl_batch *batch, const vl_run *run,
                                float *logits)
{
    pass p = {.m = (const vl_lstm_model *)model, .batch = batch, .traced = run->trace != NULL};
    int threads = vl_workers_threads(run->workers);
    if (!fits(p.m, batch) || threads > THREADS_MAX) return VALENCE_ARGUMENT;
    lay_out(&p, p.m, batch->B, batch->offsets[batch->B], threads, run->scratch);
    p.groups = count_groups(batch->B, threads);
    deal_out(&p);
    memset(p.seconds, 0, (size_t)threads * sizeof *p.seconds);
    find_words(&p);
    if (p.words.count > 0) {
        int64_t blocks = (p.words.count + VL_LSTM_ROWS - 1) / VL_LSTM_ROWS;
        vl_workers_run(run->workers, make_products, &p, 2 * blocks);
        VL_TRY((vl_status)atomic_load(&p.failed));
    }
    for (p.layer = 0; p.layer < p.m->layers; p.layer++) {
        vl_workers_run(run->workers, run_unit, &p, 2 * (int64_t)p.groups);
        VL_TRY((vl_status)atomic_load(&p.failed));
    }
    double start = p.traced ? vl_clock_seconds() : 0;
    if (p.m->attention) vl_workers_run(run->workers, attend, &p, batch->B);
    VL_TRY(run_head(&p, logits));
    if (run->trace) add_times(run->trace, &p, threads, vl_clock_seconds() - start);
    return VALENCE_OK;
}
