/* lstm_run.c: some texts through one direction of a layer, block of steps after block of steps. */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "kernels/convert.h"
#include "kernels/dequantize.h"
#include "kernels/pooling.h"
#include "kernels/quantize.h"
#include "layers/lstm.h"

enum { G = VL_LSTM_GROUP, ROWS = VL_LSTM_ROWS, ROOM = VL_LSTM_ROOM, TEXTS = VL_LSTM_TEXTS };

_Static_assert(ROWS >= TEXTS, "a block has room for a step of all texts");

typedef struct run {
    const vl_lstm *l;
    const vl_lstm_direction *d;
    const vl_lstm_order *order;
    const vl_lstm_source *source;
    const vl_lstm_sink *sink;
    int64_t P;
    float *x;         /* (ROOM,in) */
    void *typed;      /* (ROOM,in) as the product takes them */
    float *row_scale; /* (ROWS) */
    float *z;         /* (ROOM,4P) */
    float *h[2], *c;  /* (TEXTS,P) */
    void *step;       /* vl_lstm_scratch */
    double *seconds, clock;
} run;

/* ---- Memory ---------------------------------------------------------------------------------- */

/* The next bytes of memory; NULL: they are only counted. */
static void *take(char *memory, size_t *used, size_t bytes)
{
    void *here = memory ? memory + *used : NULL;
    *used += (bytes + 63) & ~(size_t)63;
    return here;
}

static size_t lay_out(run *r, const vl_lstm *l, char *memory)
{
    const size_t in = (size_t)l->in, P = (size_t)l->U * G;
    size_t used = 0;
    r->x = take(memory, &used, ROOM * in * sizeof(float));
    r->typed = take(memory, &used, ROOM * in * sizeof(uint16_t));
    r->row_scale = take(memory, &used, ROWS * sizeof(float));
    r->z = take(memory, &used, ROOM * 4 * P * sizeof(float));
    for (int i = 0; i < 2; i++) r->h[i] = take(memory, &used, TEXTS * P * sizeof(float));
    r->c = take(memory, &used, TEXTS * P * sizeof(float));
    r->step = take(memory, &used, vl_lstm_scratch(l->U, TEXTS));
    return used;
}

size_t vl_lstm_run_bytes(const vl_lstm *l)
{
    run r;
    return lay_out(&r, l, NULL);
}

static run make(const vl_lstm *l, bool reverse, void *memory, double *seconds)
{
    run r = {.l = l,
             .d = &l->direction[reverse],
             .P = (int64_t)l->U * G,
             .seconds = seconds,
             .clock = seconds ? vl_clock_seconds() : 0};
    lay_out(&r, l, memory);
    return r;
}

enum { GATHERING, PRODUCTS, STEPS };

static void mark(run *r, int part)
{
    if (!r->seconds) return;
    double now = vl_clock_seconds();
    r->seconds[part] += now - r->clock;
    r->clock = now;
}

/* ---- Products of the input ------------------------------------------------------------------- */

/* z (ROOM,4P) = W x, without the bias, which the step adds. */
static vl_status multiply(const run *r, float *z, int64_t rows)
{
    const int64_t n = rows * r->l->in, Z = 4 * r->P;
    switch (vl_matmul_kind_of(r->d->input)) {
    case VL_MATMUL_F32:
        return vl_matmul_run(r->d->input, z, r->x, rows);
    case VL_MATMUL_BF16:
        vl_f32_to_bf16(r->typed, r->x, n);
        return vl_matmul_run(r->d->input, z, r->typed, rows);
    default:
        vl_quantize_rows(r->typed, r->row_scale, r->x, rows, r->l->in);
        VL_TRY(vl_matmul_run(r->d->input, z, r->typed, rows));
        vl_dequantize_rows(z, Z, (const int32_t *)(const void *)z, Z, r->row_scale,
                           r->d->input_scale, r->d->input_sum, NULL, rows, Z, VL_ACT_NONE);
        return VALENCE_OK;
    }
}

vl_status vl_lstm_products(const vl_lstm *l, bool reverse, float *dst,
                           const vl_embedding *embedding, const int32_t *ids, int64_t n,
                           void *memory, double seconds[3])
{
    run r = make(l, reverse, memory, seconds);
    assert(n <= ROWS);
    for (int64_t i = 0; i < n; i++) vl_embedding_row(embedding, r.x + i * l->in, ids[i], 0);
    mark(&r, GATHERING);
    vl_status status = multiply(&r, dst, n);
    mark(&r, PRODUCTS);
    return status;
}

/* What a step needs of the batch's row goes to row i of x, or of z where the products are there
 * already. */
static void gather_row(const run *r, int64_t i, int64_t row)
{
    const vl_lstm_source *s = r->source;
    const int64_t in = r->l->in, Z = 4 * r->P;
    if (s->products)
        memcpy(r->z + i * Z, s->products + s->place[row] * Z, (size_t)Z * sizeof *r->z);
    else if (s->rows) memcpy(r->x + i * in, s->rows + row * in, (size_t)in * sizeof *r->x);
    else vl_embedding_row(s->embedding, r->x + i * in, s->ids[row], 0);
}

/* The rows of steps from t on, of n texts at first, as many steps as there is room for; gives the
 * step behind them. */
static int32_t gather(const run *r, int32_t t, int32_t n, int64_t *rows)
{
    for (*rows = 0; n > 0 && *rows + n <= ROWS; n = vl_lstm_order_running(r->order, ++t, n))
        for (int32_t b = 0; b < n; b++) gather_row(r, (*rows)++, vl_lstm_order_row(r->order, b, t));
    return t;
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static void hand_out(const run *r, int32_t t, int32_t n, const float *h)
{
    const vl_lstm_sink *s = r->sink;
    const int64_t H = r->l->H, half = r->order->reverse ? H : 0;
    if (s->max) vl_max_sum(s->max, s->sum, h, n * r->P);
    for (int32_t b = 0; s->states && b < n; b++)
        memcpy(s->states + vl_lstm_order_row(r->order, b, t) * 2 * H + half, h + b * r->P,
               (size_t)H * sizeof *h);
}

/* Steps t .. end - 1, whose products begin at z; n texts have the first. */
static void take_steps(const run *r, int32_t t, int32_t end, int32_t n)
{
    vl_lstm_rows s = {.z = r->z, .c_before = r->c, .c = r->c, .scratch = r->step};
    for (; t < end; n = vl_lstm_order_running(r->order, ++t, n)) {
        s.h_before = r->h[t % 2];
        s.h = r->h[1 - t % 2];
        vl_lstm_step(&r->d->recurrent, &s, n);
        hand_out(r, t, n, s.h);
        s.z += n * 4 * r->P;
    }
}

static void begin(const run *r)
{
    const size_t all = (size_t)r->order->n * (size_t)r->P;
    memset(r->h[0], 0, all * sizeof(float));
    memset(r->c, 0, all * sizeof(float));
    if (!r->sink->max) return;
    for (size_t i = 0; i < all; i++) r->sink->max[i] = -1; /* no state is less */
    memset(r->sink->sum, 0, all * sizeof(float));
}

vl_status vl_lstm_run(const vl_lstm *l, const vl_lstm_order *order, const vl_lstm_source *source,
                      const vl_lstm_sink *sink, void *memory, double seconds[3])
{
    run r = make(l, order->reverse, memory, seconds);
    assert(order->n >= 1 && order->n <= TEXTS);
    r.order = order;
    r.source = source;
    r.sink = sink;
    begin(&r);
    for (int32_t t = 0, n = order->n; n > 0; n = vl_lstm_order_running(order, t, n)) {
        int64_t rows;
        int32_t end = gather(&r, t, n, &rows);
        mark(&r, GATHERING);
        if (!source->products) VL_TRY(multiply(&r, r.z, rows));
        mark(&r, PRODUCTS);
        take_steps(&r, t, end, n);
        mark(&r, STEPS);
        t = end;
    }
    return VALENCE_OK;
}
