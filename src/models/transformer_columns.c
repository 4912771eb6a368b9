/* transformer_columns.c: a forward pass of few rows, its members sharing columns: heads in
 * attention, panels of columns in the products. Each weight is then read by one thread only, which
 * is what such a pass takes its time for; against rows shared out, the price is four meetings a
 * layer instead of one.
 *
 * Each member has all rows of x for itself and brings them up to date itself (norms are cheap, and
 * the same bits everywhere); of the products it makes its columns. Query, key and value of its own
 * heads are nobody else's business. What the next product reads whole is put together in memory
 * that all see. */
#include <string.h>

#include "kernels/pooling.h"
#include "kernels/rope.h"
#include "models/transformer_pass.h"

/* Up to so many rows columns are faster: in int8, whose weights are few bytes and whose rows
 * everybody quantises, the break-even comes sooner. Two cores, DistilBERT's shape: 16 rows 2.4 ms
 * against 2.7, 128 rows 16.9 against 16.1; in float32 47.7 against 53. */
enum { PANEL = VL_MATMUL_PANEL, ROWS_MOST = VL_ROW_BLOCK, ROWS_MOST_I8 = 96 };

/* A range of columns. */
typedef struct range {
    int64_t first, count;
} range;

/* ---- Who does what --------------------------------------------------------------------------- */

static range heads_of(const vl_member *me)
{
    int64_t D = me->p->m->D, from = me->p->from[me->index];
    return (range){from * D, (me->p->from[me->index + 1] - from) * D};
}

/* Panels of I columns, as even as they go. */
static range panels_of(const vl_member *me)
{
    int64_t I = me->p->m->I, panels = I / PANEL, n = me->p->members;
    int64_t from = panels * me->index / n * PANEL, to = panels * (me->index + 1) / n * PANEL;
    return (range){from, to - from};
}

static bool splits(const vl_transformer_layer *l)
{
    return vl_matmul_splits(l->qkv.product) && vl_matmul_splits(l->output.product) &&
           vl_matmul_splits(l->up.product) && vl_matmul_splits(l->down.product);
}

bool vl_columns_share(vl_pass *p)
{
    const vl_transformer *m = p->m;
    bool integers = vl_matmul_kind_of(m->layer[0].qkv.product) == VL_MATMUL_I8;
    if (p->T > (integers ? ROWS_MOST_I8 : ROWS_MOST) || m->C % PANEL || m->I % PANEL ||
        m->I < (int64_t)PANEL * p->members || m->heads < p->members || !splits(&m->layer[0]))
        return false;
    for (int i = 0; i <= p->members; i++) {
        p->from[i] = (int64_t)m->heads * i / p->members;
        if (p->from[i] * m->D % PANEL) return false;
    }
    return true;
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static float *own_x(const vl_member *me)
{
    return me->p->x + (int64_t)me->index * VL_ROW_BLOCK * me->p->m->C;
}

/* Where this member's query, key and value lie: (T, 3 count), one behind the other in a row. */
static float *own_qkv(const vl_member *me, range r)
{
    return me->p->qkv[0] + me->p->T * 3 * r.first;
}

static void turn(vl_member *me, float *qkv, range r, const vl_transformer_layer *l)
{
    const vl_transformer *m = me->p->m;
    const int32_t *offsets = me->p->batch->offsets;
    const float *table = l->global || !m->rope_local ? m->rope_global : m->rope_local;
    for (int32_t t = 0; t < me->p->batch->B; t++)
        for (int part = 0; part < 2; part++)
            vl_rope(qkv + offsets[t] * 3 * r.count + part * r.count, 3 * r.count,
                    offsets[t + 1] - offsets[t], (int32_t)(r.count / m->D), (int32_t)m->D, table);
}

static vl_status make_qkv(vl_member *me, const vl_transformer_layer *l, range r)
{
    const vl_transformer *m = me->p->m;
    float *x = own_x(me), *qkv = own_qkv(me, r);
    int64_t T = me->p->T;
    if (m->pre_norm && l->attention_norm.gamma) {
        vl_norm_run(&l->attention_norm, me->state, x, NULL, T);
        x = me->state;
        vl_member_mark(me, VL_TRACE_NORM);
    }
    const void *input = vl_projection_input(&l->qkv, x, T, &me->rows);
    for (int part = 0; part < 3; part++)
        VL_TRY(vl_projection_columns(&l->qkv, qkv + part * r.count, 3 * r.count, input, T,
                                     part * m->C + r.first, r.count, VL_ACT_NONE, &me->rows));
    if (m->rope_global) turn(me, qkv, r, l);
    vl_member_mark(me, VL_TRACE_QKV);
    return VALENCE_OK;
}

/* This member's columns of context: of all rows, or of each text's first. */
static void attend(vl_member *me, const vl_transformer_layer *l, range r, bool first_rows)
{
    const vl_pass *p = me->p;
    const vl_transformer *m = p->m;
    vl_attention_fn *attention = vl_attention_of(m);
    const float *qkv = own_qkv(me, r);
    for (int32_t t = 0; t < p->batch->B; t++) {
        int64_t row = p->batch->offsets[t], T = p->batch->offsets[t + 1] - row;
        float *to = p->context + (first_rows ? t : row) * m->C + r.first;
        const float *q = qkv + row * 3 * r.count;
        attention(to, q, q + r.count, q + 2 * r.count, 3 * r.count, m->C, (int32_t)T, 0,
                  first_rows ? 1 : (int32_t)T, (int32_t)(r.count / m->D), (int32_t)m->D,
                  1 / __builtin_sqrtf((float)m->D), l->global ? 0 : m->window, me->attention);
    }
    vl_member_mark(me, VL_TRACE_ATTENTION);
}

/* to's columns of the range = W src. */
static vl_status project(vl_member *me, const vl_projection *w, float *to, int64_t stride,
                         const float *src, int64_t R, range r, vl_activation act)
{
    const void *input = vl_projection_input(w, src, R, &me->rows);
    return vl_projection_columns(w, to + r.first, stride, input, R, r.first, r.count, act,
                                 &me->rows);
}

static vl_status raise(vl_member *me, const vl_transformer_layer *l, const float *src, int64_t R)
{
    const vl_transformer *m = me->p->m;
    range r = panels_of(me);
    float *to = me->p->hidden + r.first;
    if (!m->gated) return project(me, &l->up, me->p->hidden, m->I, src, R, r, m->activation);
    const void *input = vl_projection_input(&l->up, src, R, &me->rows);
    VL_TRY(vl_projection_columns(&l->up, me->hidden, r.count, input, R, r.first, r.count,
                                 VL_ACT_NONE, &me->rows));
    VL_TRY(vl_projection_columns(&l->up, to, m->I, input, R, m->I + r.first, r.count, VL_ACT_NONE,
                                 &me->rows));
    for (int64_t row = 0; row < R; row++)
        vl_gate(to + row * m->I, me->hidden + row * r.count, to + row * m->I, r.count,
                m->activation);
    return VALENCE_OK;
}

/* x = norm(x + state), or (pre-norm) x = x + state. */
static void add_state(vl_member *me, const vl_norm *norm, int64_t R)
{
    const vl_transformer *m = me->p->m;
    float *x = own_x(me);
    if (m->pre_norm)
        for (int64_t i = 0; i < R * m->C; i++) x[i] += me->p->state[i];
    else vl_norm_run(norm, x, me->p->state, x, R);
    vl_member_mark(me, VL_TRACE_NORM);
}

/* The feed-forward part's input. */
static const float *prepare(vl_member *me, const vl_transformer_layer *l, int64_t R)
{
    if (!me->p->m->pre_norm) return own_x(me);
    vl_norm_run(&l->ffn_norm, me->state, own_x(me), NULL, R);
    vl_member_mark(me, VL_TRACE_NORM);
    return me->state;
}

/* ---- Layers ---------------------------------------------------------------------------------- */

/* Only the first rows of texts are wanted from here on. */
static void keep_first_rows(vl_member *me)
{
    int64_t C = me->p->m->C;
    for (int32_t t = 1; t < me->p->batch->B; t++) /* rows only move down */
        memmove(own_x(me) + t * C, own_x(me) + me->p->batch->offsets[t] * C,
                (size_t)C * sizeof(float));
}

/* A failure is remembered, and the member comes to every meeting all the same. */
static void run_layer(vl_member *me, int32_t n, vl_status *status)
{
    const vl_pass *p = me->p;
    const vl_transformer *m = p->m;
    const vl_transformer_layer *l = &m->layer[n];
    bool first_rows = !m->mean && n == m->layers - 1;
    int64_t R = first_rows ? p->batch->B : p->T;
    range r = heads_of(me);
    if (*status == VALENCE_OK) *status = make_qkv(me, l, r);
    if (*status == VALENCE_OK) attend(me, l, r, first_rows);
    if (first_rows) keep_first_rows(me);
    vl_member_meet(me);
    if (*status == VALENCE_OK)
        *status = project(me, &l->output, p->state, m->C, p->context, R, r, VL_ACT_NONE);
    vl_member_mark(me, VL_TRACE_OUTPUT);
    vl_member_meet(me);
    add_state(me, &l->attention_norm, R);
    if (*status == VALENCE_OK) *status = raise(me, l, prepare(me, l, R), R);
    vl_member_mark(me, VL_TRACE_FFN);
    vl_member_meet(me);
    if (*status == VALENCE_OK)
        *status = project(me, &l->down, p->state, m->C, p->hidden, R, r, VL_ACT_NONE);
    vl_member_mark(me, VL_TRACE_FFN);
    vl_member_meet(me);
    add_state(me, &l->ffn_norm, R);
}

static void pool(vl_member *me)
{
    const vl_pass *p = me->p;
    int64_t C = p->m->C, R = p->m->mean ? p->T : p->batch->B;
    float *x = own_x(me);
    if (p->m->pre_norm) vl_norm_run(&p->m->final_norm, x, x, NULL, R);
    if (!p->m->mean) memcpy(p->pooled, x, (size_t)(R * C) * sizeof *x);
    for (int32_t t = 0; p->m->mean && t < p->batch->B; t++) {
        int64_t row = p->batch->offsets[t];
        vl_mean_rows(p->pooled + t * C, x + row * C, C, p->batch->offsets[t + 1] - row, C);
    }
}

vl_status vl_columns_run(vl_member *me)
{
    vl_status status = vl_member_embed(me, own_x(me), 0, me->p->T);
    for (int32_t n = 0; n < me->p->m->layers; n++) run_layer(me, n, &status);
    if (status != VALENCE_OK || me->index > 0) return status;
    pool(me);
    return vl_member_head(me, 0, me->p->batch->B);
}
