/* transformer_forward.c: the forward pass of a ragged batch on one or more threads.
 *
 * All tokens of all texts are rows of one matrix, without padding. Rows depend on each other in
 * attention only, so each thread (a "member") owns a range of rows and takes them block by block
 * through a whole layer: attention, output, feed-forward, and the next layer's query, key and
 * value. These go into one of two arrays that layers use in turn; so the members have to meet once
 * a layer, before attention reads what others wrote - or never, where the ranges end where texts
 * end. A few rows are shared out by columns instead (transformer_columns.c).
 *
 * Where only the first token's state is asked for, the last layer computes nothing else of it (its
 * keys and values apart): exact, and a seventh of a six-layer model's work. */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "kernels/pooling.h"
#include "kernels/rope.h"
#include "models/transformer_pass.h"

enum { BLOCK = VL_ROW_BLOCK };

typedef vl_pass pass;
typedef vl_member member;

/* Up to BLOCK rows: rows first .. first + count - 1, or (sparse) the first rows of texts. */
typedef struct block {
    int64_t first, count;
    bool sparse;
    int32_t text; /* that row first is in; sparse: the first of the texts */
} block;

/* ---- Memory ---------------------------------------------------------------------------------- */

static size_t up(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

static int64_t widest(const vl_transformer *m)
{
    int64_t N = m->gated ? 2 * m->I : m->I;
    if (N < 3 * m->C) N = 3 * m->C;
    return N < m->head.K ? m->head.K : N;
}

static int64_t deepest(const vl_transformer *m)
{
    int64_t K = m->C > m->I ? m->C : m->I;
    return K < m->E ? m->E : K;
}

static size_t rows_of(int64_t rows, int64_t columns)
{
    return up((size_t)rows * (size_t)columns * sizeof(float));
}

static size_t state_bytes(const vl_transformer *m)
{
    return rows_of(BLOCK, m->C > m->E ? m->C : m->E);
}

static size_t own_bytes(const vl_transformer *m)
{
    return up(vl_row_scratch_bytes(widest(m), deepest(m))) + rows_of(BLOCK, m->C) + state_bytes(m) +
           rows_of(BLOCK, m->I) +
           up(vl_attention_scratch(m->head.longest, m->heads, (int32_t)m->D));
}

/* What members that share columns write together. */
static size_t shared_bytes(const vl_transformer *m)
{
    return 2 * rows_of(BLOCK, m->C) + rows_of(BLOCK, m->I);
}

static size_t trace_bytes(int threads)
{
    return up((size_t)threads * sizeof(vl_trace));
}

size_t vl_transformer_scratch(const vl_model *model, int32_t B, int64_t T, int threads)
{
    const vl_transformer *m = (const vl_transformer *)model;
    if (threads > VL_MEMBERS_MAX) threads = VL_MEMBERS_MAX;
    return rows_of(T + (int64_t)BLOCK * threads, m->C) + 2 * rows_of(T, 3 * m->C) +
           shared_bytes(m) + rows_of((int64_t)B + BLOCK, m->C) + (size_t)threads * own_bytes(m) +
           trace_bytes(threads);
}

static void lay_out(pass *p, char *at)
{
    const vl_transformer *m = p->m;
    p->x = (float *)(void *)at;
    at += rows_of(p->T + (int64_t)BLOCK * p->members, m->C);
    for (int i = 0; i < 2; i++, at += rows_of(p->T, 3 * m->C)) p->qkv[i] = (float *)(void *)at;
    p->context = (float *)(void *)at;
    p->state = p->context + BLOCK * m->C;
    p->hidden = p->state + BLOCK * m->C;
    at += shared_bytes(m);
    p->pooled = (float *)(void *)at;
    at += rows_of((int64_t)p->batch->B + BLOCK, m->C);
    p->own_bytes = own_bytes(m);
    p->own = at;
    p->traces = (vl_trace *)(void *)(at + (size_t)p->members * p->own_bytes);
}

static void sit_down(member *me, pass *p, int index)
{
    const vl_transformer *m = p->m;
    char *at = p->own + (size_t)index * p->own_bytes;
    *me = (member){.p = p, .index = index, .rows = vl_row_scratch_in(at, deepest(m))};
    at += up(vl_row_scratch_bytes(widest(m), deepest(m)));
    me->context = (float *)(void *)at;
    at += rows_of(BLOCK, m->C);
    me->state = (float *)(void *)at;
    at += state_bytes(m);
    me->hidden = (float *)(void *)at;
    me->attention = at + rows_of(BLOCK, m->I);
    if (!p->traced) return;
    me->trace = &p->traces[index];
    *me->trace = (vl_trace){0};
    me->clock = vl_clock_seconds();
}

/* ---- Who does what --------------------------------------------------------------------------- */

int32_t vl_text_of_row(const vl_batch *b, int64_t row)
{
    int32_t low = 0, high = b->B - 1;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (b->offsets[middle + 1] <= row) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* The end of a text that is nearest to row. */
static int64_t nearest_end(const vl_batch *b, int64_t row)
{
    int32_t t = vl_text_of_row(b, row);
    int64_t before = b->offsets[t], behind = b->offsets[t + 1];
    return row - before < behind - row ? before : behind;
}

/* Ranges of whole texts, if they are nearly as even as any. */
static bool share_texts(pass *p)
{
    int64_t most = 0, even = (p->T + p->members - 1) / p->members;
    for (int i = 1; i < p->members; i++) p->from[i] = nearest_end(p->batch, p->T * i / p->members);
    for (int i = 0; i < p->members; i++) {
        int64_t n = p->from[i + 1] - p->from[i];
        if (n < 0) return false;
        most = n > most ? n : most;
    }
    return most * 64 <= even * 65;
}

static void share(pass *p)
{
    p->columns = p->members > 1 && vl_columns_share(p);
    if (p->columns) return;
    p->from[0] = 0;
    p->from[p->members] = p->T;
    p->apart = p->members == 1 || share_texts(p);
    if (p->apart) return;
    for (int i = 1; i < p->members; i++) p->from[i] = p->T * i / p->members;
}

static float *own_rows(const member *me, int64_t row)
{
    return me->p->x + (row + (int64_t)BLOCK * me->index) * me->p->m->C;
}

void vl_member_mark(vl_member *me, vl_trace_part part)
{
    if (!me->trace) return;
    double now = vl_clock_seconds();
    me->trace->seconds[part] += now - me->clock;
    me->clock = now;
}

void vl_member_meet(vl_member *me)
{
    if (me->p->apart) return;
    vl_barrier_wait(&me->p->barrier);
    vl_member_mark(me, VL_TRACE_WAIT);
}

/* Blocks of a range are of nearly one size, a multiple of 4 (matmul_onednn.c). */
static int64_t block_rows(int64_t rows)
{
    int64_t blocks = (rows + BLOCK - 1) / BLOCK;
    return blocks ? ((rows + blocks - 1) / blocks + 3) / 4 * 4 : BLOCK;
}

/* ---- Steps ----------------------------------------------------------------------------------- */

vl_status vl_member_embed(vl_member *me, float *x, int64_t first, int64_t count)
{
    const vl_transformer *m = me->p->m;
    const vl_batch *batch = me->p->batch;
    float *e = m->has_project ? me->state : x;
    int32_t t = vl_text_of_row(batch, first);
    for (int64_t r = 0; r < count; r++) {
        int64_t row = first + r;
        while (row >= batch->offsets[t + 1]) t++;
        assert(batch->ids[row] >= 0 && batch->ids[row] < m->head.inputs);
        vl_embedding_row(&m->embedding, e + r * m->E, batch->ids[row],
                         row - batch->offsets[t] + m->position_offset);
    }
    vl_norm_run(&m->embedding_norm, e, e, NULL, count);
    if (m->has_project)
        VL_TRY(vl_projection_run(&m->project, x, m->C, e, count, VL_ACT_NONE, &me->rows));
    vl_member_mark(me, VL_TRACE_EMBED);
    return VALENCE_OK;
}

static void turn(const vl_transformer *m, const vl_transformer_layer *l, const vl_batch *batch,
                 float *qkv, const block *b)
{
    const float *table = l->global || !m->rope_local ? m->rope_global : m->rope_local;
    int64_t row = b->first, end = b->first + b->count;
    for (int32_t t = b->text; row < end; t++) {
        int64_t stop = batch->offsets[t + 1] < end ? batch->offsets[t + 1] : end;
        const float *at = table + (row - batch->offsets[t]) * m->D;
        for (int part = 0; part < 2; part++)
            vl_rope(qkv + row * 3 * m->C + part * m->C, 3 * m->C, (int32_t)(stop - row), m->heads,
                    (int32_t)m->D, at);
        row = stop;
    }
}

/* Query, key and value of a block for layer n. */
static vl_status project_qkv(member *me, const block *b, int32_t n)
{
    const vl_transformer *m = me->p->m;
    const vl_transformer_layer *l = &m->layer[n];
    float *x = own_rows(me, b->first), *qkv = me->p->qkv[n % 2];
    const float *in = x;
    if (m->pre_norm && l->attention_norm.gamma) {
        vl_norm_run(&l->attention_norm, me->state, x, NULL, b->count);
        in = me->state;
        vl_member_mark(me, VL_TRACE_NORM);
    }
    VL_TRY(vl_projection_run(&l->qkv, qkv + b->first * 3 * m->C, 3 * m->C, in, b->count,
                             VL_ACT_NONE, &me->rows));
    if (m->rope_global) turn(m, l, me->p->batch, qkv, b);
    vl_member_mark(me, VL_TRACE_QKV);
    return VALENCE_OK;
}

/* Models in bfloat16 attend in it, too. Those in int8 do not: it would change their logits by 1e-2
 * and more, and they are to be the same on processors without it. */
vl_attention_fn *vl_attention_of(const vl_transformer *m)
{
    bool bf16 = vl_matmul_kind_of(m->layer[0].qkv.product) == VL_MATMUL_BF16;
    return bf16 ? vl_attention_bf16 : vl_attention;
}

/* me->context = what the block's rows attend to. */
static void attend(member *me, const block *b, int32_t n)
{
    const vl_transformer *m = me->p->m;
    const vl_batch *batch = me->p->batch;
    const float *qkv = me->p->qkv[n % 2];
    vl_attention_fn *attention = vl_attention_of(m);
    int32_t window = m->layer[n].global ? 0 : m->window;
    float scale = 1 / __builtin_sqrtf((float)m->D), *to = me->context;
    int64_t row = b->first, done = 0;
    for (int32_t t = b->text; done < b->count; t++) {
        int64_t base = batch->offsets[t], T = batch->offsets[t + 1] - base;
        int64_t from = b->sparse ? 0 : row - base;
        int64_t end = b->sparse                        ? 1
                      : base + T < b->first + b->count ? T
                                                       : b->first + b->count - base;
        if (T == 0) continue;
        const float *q = qkv + base * 3 * m->C;
        attention(to - from * m->C, q, q + m->C, q + 2 * m->C, 3 * m->C, m->C, (int32_t)T,
                  (int32_t)from, (int32_t)end, m->heads, (int32_t)m->D, scale, window,
                  me->attention);
        to += (end - from) * m->C;
        done += end - from;
        row = base + end;
    }
    vl_member_mark(me, VL_TRACE_ATTENTION);
}

/* Attention's output and the feed-forward part on x (count, C), in place. */
static vl_status transform(member *me, float *x, int64_t count, int32_t n)
{
    const vl_transformer *m = me->p->m;
    const vl_transformer_layer *l = &m->layer[n];
    float *state = me->state, *in = m->pre_norm ? me->context : x;
    VL_TRY(vl_projection_run(&l->output, state, m->C, me->context, count, VL_ACT_NONE, &me->rows));
    vl_member_mark(me, VL_TRACE_OUTPUT);
    if (m->pre_norm) {
        for (int64_t i = 0; i < count * m->C; i++) x[i] += state[i];
        vl_norm_run(&l->ffn_norm, in, x, NULL, count);
    } else {
        vl_norm_run(&l->attention_norm, x, state, x, count);
    }
    vl_member_mark(me, VL_TRACE_NORM);
    VL_TRY(vl_projection_pair(&l->up, &l->down, state, in, count, m->activation, m->gated,
                              me->hidden, &me->rows));
    vl_member_mark(me, VL_TRACE_FFN);
    if (m->pre_norm)
        for (int64_t i = 0; i < count * m->C; i++) x[i] += state[i];
    else vl_norm_run(&l->ffn_norm, x, state, x, count);
    vl_member_mark(me, VL_TRACE_NORM);
    return VALENCE_OK;
}

/* ---- Layers ---------------------------------------------------------------------------------- */

static bool first_only(const vl_transformer *m, int32_t n)
{
    return !m->mean && n == m->layers - 1;
}

/* Embeddings and the first layer's query, key and value of all rows that are mine. */
static vl_status begin(member *me)
{
    int64_t end = me->p->from[me->index + 1], most = block_rows(end - me->p->from[me->index]);
    for (int64_t row = me->p->from[me->index]; row < end; row += most) {
        block b = {row, end - row < most ? end - row : most, false,
                   vl_text_of_row(me->p->batch, row)};
        VL_TRY(vl_member_embed(me, own_rows(me, row), b.first, b.count));
        VL_TRY(project_qkv(me, &b, 0));
    }
    return VALENCE_OK;
}

static vl_status run_layer(member *me, int32_t n)
{
    const pass *p = me->p;
    int64_t end = p->from[me->index + 1], most = block_rows(end - p->from[me->index]);
    for (int64_t row = p->from[me->index]; row < end; row += most) {
        block b = {row, end - row < most ? end - row : most, false, vl_text_of_row(p->batch, row)};
        attend(me, &b, n);
        VL_TRY(transform(me, own_rows(me, row), b.count, n));
        if (n + 1 < p->m->layers) VL_TRY(project_qkv(me, &b, n + 1));
    }
    return VALENCE_OK;
}

/* The last layer for the first rows of texts [text, end), straight into pooled. A text's first row
 * is its owner's. */
static vl_status run_first_rows(member *me, int32_t text, int32_t end)
{
    const pass *p = me->p;
    int64_t C = p->m->C;
    while (text < end) {
        int32_t count = end - text < BLOCK ? end - text : BLOCK;
        float *x = p->pooled + text * C;
        block b = {.count = count, .sparse = true, .text = text};
        for (int32_t i = 0; i < count; i++)
            memcpy(x + i * C, own_rows(me, p->batch->offsets[text + i]), (size_t)C * sizeof *x);
        attend(me, &b, p->m->layers - 1);
        VL_TRY(transform(me, x, count, p->m->layers - 1));
        text += count;
    }
    return VALENCE_OK;
}

/* The texts whose first rows are mine: [*text, *end). */
static void own_texts(const member *me, int32_t *text, int32_t *end)
{
    const pass *p = me->p;
    const int32_t *o = p->batch->offsets;
    int64_t from = p->from[me->index], to = p->from[me->index + 1];
    int32_t t = 0;
    while (t < p->batch->B && o[t] < from) t++;
    *text = t;
    while (t < p->batch->B && o[t] < to) t++;
    *end = t;
}

/* pooled rows of my texts, with means of rows that may be others'. */
static void pool_means(member *me, int32_t text, int32_t end)
{
    const pass *p = me->p;
    int64_t C = p->m->C;
    for (; text < end; text++) {
        int64_t row = p->batch->offsets[text], T = p->batch->offsets[text + 1] - row;
        vl_mean_rows(p->pooled + text * C, p->qkv[0] + row * 3 * C, 3 * C, T, C);
    }
}

/* The final norm over my rows, left where others can find them: query, key and value are done with.
 */
static void publish_rows(member *me)
{
    const pass *p = me->p;
    int64_t C = p->m->C;
    for (int64_t row = p->from[me->index]; row < p->from[me->index + 1]; row++) {
        float *x = own_rows(me, row);
        if (p->m->pre_norm) vl_norm_run(&p->m->final_norm, x, x, NULL, 1);
        memcpy(p->qkv[0] + row * 3 * C, x, (size_t)C * sizeof *x);
    }
}

/* ---- The head -------------------------------------------------------------------------------- */

vl_status vl_member_head(vl_member *me, int32_t text, int32_t end)
{
    const pass *p = me->p;
    const vl_transformer *m = p->m;
    for (; text < end; text += BLOCK) {
        int32_t count = end - text < BLOCK ? end - text : BLOCK;
        float *x = p->pooled + text * m->C;
        if (m->has_dense) {
            VL_TRY(vl_projection_run(&m->dense, me->state, m->C, x, count, m->head_activation,
                                     &me->rows));
            x = me->state;
        }
        vl_norm_run(&m->head_norm, x, x, NULL, count);
        VL_TRY(vl_projection_run(&m->out, p->logits + (int64_t)text * m->head.K, m->head.K, x,
                                 count, VL_ACT_NONE, &me->rows));
    }
    vl_member_mark(me, VL_TRACE_HEAD);
    return VALENCE_OK;
}

static vl_status finish(member *me)
{
    const pass *p = me->p;
    int32_t text, end;
    own_texts(me, &text, &end);
    if (p->m->mean) {
        vl_member_meet(me); /* the last layer's keys and values have been read by all */
        publish_rows(me);
        vl_member_meet(me);
        pool_means(me, text, end);
    } else {
        VL_TRY(run_first_rows(me, text, end));
        if (p->m->pre_norm)
            vl_norm_run(&p->m->final_norm, p->pooled + text * p->m->C, p->pooled + text * p->m->C,
                        NULL, end - text);
    }
    return vl_member_head(me, text, end);
}

/* Whatever fails, a member comes to every meeting. */
static vl_status run_rows(member *me)
{
    const vl_transformer *m = me->p->m;
    vl_status status = begin(me);
    for (int32_t n = 0; n < m->layers; n++) {
        vl_member_meet(me);
        if (status == VALENCE_OK && !first_only(m, n)) status = run_layer(me, n);
    }
    if (status != VALENCE_OK && !m->mean) return status;
    vl_status finished = finish(me);
    return status == VALENCE_OK ? finished : status;
}

static void run_member(void *argument, int64_t index, int thread)
{
    (void)thread;
    member me;
    pass *p = argument;
    sit_down(&me, p, (int)index);
    vl_status status = p->columns ? vl_columns_run(&me) : run_rows(&me);
    if (status != VALENCE_OK) atomic_store(&p->failed, (int)status);
}

static void add_traces(vl_trace *to, const pass *p)
{
    to->passes++;
    to->texts += p->batch->B;
    to->tokens += p->T;
    for (int i = 0; i < p->members; i++)
        for (int k = 0; k < VL_TRACE_PARTS; k++) to->seconds[k] += p->traces[i].seconds[k];
}

/* Every text has a token, and no more than the model can read. */
static bool fits(const vl_transformer *m, const vl_batch *b)
{
    for (int32_t t = 0; t < b->B; t++) {
        int64_t n = (int64_t)b->offsets[t + 1] - b->offsets[t];
        if (n < 1 || n > m->head.longest) return false;
    }
    return b->B > 0;
}

vl_status vl_transformer_forward(const vl_model *model, const vl_batch *batch, const vl_run *run,
                                 float *logits)
{
    if (!fits((const vl_transformer *)model, batch)) return VALENCE_ARGUMENT;
    pass p = {.m = (const vl_transformer *)model,
              .batch = batch,
              .logits = logits,
              .T = batch->offsets[batch->B],
              .traced = run->trace != NULL};
    p.members = vl_workers_threads(run->workers);
    if (p.members > VL_MEMBERS_MAX) p.members = VL_MEMBERS_MAX;
    if (p.members > p.T) p.members = (int)p.T;
    share(&p);
    lay_out(&p, run->scratch);
    vl_barrier_init(&p.barrier, p.members);
    vl_workers_run(run->workers, run_member, &p, p.members);
    if (run->trace) add_traces(run->trace, &p);
    return (vl_status)atomic_load(&p.failed);
}
