/* lstm_kept.c: the layout of a training batch's memory and of packed weights. */
#include "layers/lstm_kept.h"

#include <string.h>

#include "kernels/bf16_product.h"
#include "kernels/convert.h"
#include "kernels/lstm_back.h"

enum { G = VL_LSTM_GROUP };

static int32_t groups(const vl_lstm_shape *s)
{
    return (s->H + G - 1) / G;
}

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

/* ---- Memory of a batch ----------------------------------------------------------------------- */

static void *take_panels(char *memory, size_t *used, int64_t N, int64_t K)
{
    return take(memory, used, (size_t)vl_bf16_panels(N, K) * 4);
}

/* What bfloat16 needs besides. */
static void lay_out_halves(vl_lstm_kept *k, const vl_lstm_shape *s, int32_t B, char *memory,
                           size_t *used)
{
    k->half_x = k->x;
    k->x_by_twos = take_panels(memory, used, s->in, k->T2);
    k->before_by_twos = take_panels(memory, used, k->P, k->T2);
    k->half_z = take(memory, used, (size_t)(k->T * 4 * k->P) * 2);
    k->z_by_twos = take(memory, used, (size_t)(k->T2 * 4 * k->P) * 4);
    k->scratch = take(memory, used, vl_lstm_scratch(k->U, B));
}

/* No text is longer than T. Gives the bytes used. */
static size_t lay_out(vl_lstm_kept *k, const vl_lstm_shape *s, int32_t B, int64_t T, char *memory)
{
    const size_t rows = (size_t)T, texts = (size_t)B, P = (size_t)groups(s) * G;
    const size_t in = (size_t)s->in, widest = in > P ? in : P;
    size_t used = 0;
    k->U = groups(s);
    k->P = (int64_t)P;
    k->T = T;
    k->T2 = (T + 1) / 2;
    k->text = take(memory, &used, texts * sizeof *k->text);
    k->start = take(memory, &used, (rows + 1) * sizeof *k->start);
    k->x = take(memory, &used, rows * in * sizeof *k->x);
    k->z = take(memory, &used, rows * 4 * P * sizeof *k->z);
    k->c = take(memory, &used, rows * P * sizeof *k->c);
    k->before = take(memory, &used, (rows + texts) * P * sizeof *k->before);
    k->dh = take(memory, &used, texts * P * sizeof *k->dh);
    k->dc = take(memory, &used, texts * P * sizeof *k->dc);
    k->weight = take(memory, &used, 4 * P * widest * sizeof *k->weight);
    if (s->bf16) lay_out_halves(k, s, B, memory, &used);
    return used;
}

size_t vl_lstm_batch_bytes(const vl_lstm_shape *s, int32_t B, int64_t T)
{
    vl_lstm_kept k;
    return lay_out(&k, s, B, T, NULL);
}

static void count_steps(vl_lstm_kept *k)
{
    int32_t running = k->order.n;
    for (k->steps = 0, k->start[0] = 0; running > 0; k->steps++) {
        k->start[k->steps + 1] = k->start[k->steps] + running;
        running = vl_lstm_order_running(&k->order, k->steps + 1, running);
    }
}

vl_lstm_kept vl_lstm_kept_in(const vl_lstm_shape *s, const vl_lstm_batch *batch)
{
    vl_lstm_kept k = {0};
    lay_out(&k, s, batch->B, batch->offsets[batch->B], batch->memory);
    for (int32_t b = 0; b < batch->B; b++) k.text[b] = b;
    vl_lstm_order_sort(k.text, batch->B, batch->offsets);
    k.order = (vl_lstm_order){batch->offsets, k.text, batch->B, batch->reverse};
    count_steps(&k);
    return k;
}

/* ---- Weights --------------------------------------------------------------------------------- */

static size_t lay_out_weights(vl_lstm_weights *w, const vl_lstm_shape *s, char *memory)
{
    const int32_t U = groups(s);
    const int64_t P = (int64_t)U * G, in = s->in;
    const size_t H = (size_t)s->H;
    size_t used = 0;
    *w = (vl_lstm_weights){.bias = take(memory, &used, (size_t)(4 * P) * sizeof *w->bias)};
    w->recurrent =
        take(memory, &used, vl_lstm_packed_bytes(s->bf16 ? VL_LSTM_BF16 : VL_LSTM_F32, U));
    if (s->bf16) {
        w->input = take_panels(memory, &used, 4 * P, (in + 1) / 2);
        w->back = take_panels(memory, &used, P, 2 * P);
        w->input_back = take_panels(memory, &used, in, 2 * P);
        w->half = take(memory, &used, 4 * H * H * 2);
    } else {
        w->input = take(memory, &used, (size_t)(4 * P * in) * sizeof(float));
        w->back = take(memory, &used, vl_lstm_back_floats(U) * sizeof(float));
    }
    return used;
}

size_t vl_lstm_weights_bytes(const vl_lstm_shape *s)
{
    vl_lstm_weights w;
    return lay_out_weights(&w, s, NULL);
}

vl_lstm_weights vl_lstm_weights_in(const void *packed, const vl_lstm_shape *s)
{
    vl_lstm_weights w;
    char *memory;
    memcpy(&memory, &packed, sizeof memory); /* read only, by those who have it const */
    lay_out_weights(&w, s, memory);
    return w;
}

static void pack_floats(const vl_lstm_weights *w, const vl_lstm_shape *s,
                        const vl_lstm_parameters *p)
{
    const size_t in = (size_t)s->in;
    float *to = w->input;
    memset(to, 0, (size_t)groups(s) * 4 * G * in * sizeof *to);
    for (int32_t g = 0; g < 4; g++)
        for (int32_t n = 0; n < s->H; n++)
            memcpy(to + (size_t)((n / G * 4 + g) * G + n % G) * in,
                   p->input + (size_t)(g * s->H + n) * in, in * sizeof *to);
    vl_lstm_pack(w->recurrent, VL_LSTM_F32, p->recurrent, s->H);
    vl_lstm_pack_back(w->back, p->recurrent, s->H);
}

/* Row z of a matrix (4P,columns) whose rows are those of from (4H,columns) in the order of z; NULL:
 * zeros. */
static const float *row_of(const float *from, const vl_lstm_shape *s, int64_t z, int64_t columns)
{
    const int64_t n = z / (4 * G) * G + z % G, g = z / G % 4;
    return n < s->H ? from + (g * s->H + n) * columns : NULL;
}

static void pack_halves(const vl_lstm_weights *w, const vl_lstm_shape *s,
                        const vl_lstm_parameters *p)
{
    const int64_t P = (int64_t)groups(s) * G, K = (s->in + 1) / 2;
    for (int64_t z = 0; z < 4 * P; z++) {
        const float *row = row_of(p->input, s, z, s->in);
        vl_bf16_put_column(w->input, row, row ? s->in : 0, z, K);
    }
    for (int64_t z = 0; z < 4 * P; z += 2) {
        vl_bf16_put_rows(w->input_back, row_of(p->input, s, z, s->in),
                         row_of(p->input, s, z + 1, s->in), z / 2, s->in, 2 * P);
        vl_bf16_put_rows(w->back, row_of(p->recurrent, s, z, s->H),
                         row_of(p->recurrent, s, z + 1, s->H), z / 2, s->H, 2 * P);
    }
    vl_f32_to_bf16(w->half, p->recurrent, 4 * (int64_t)s->H * s->H);
    vl_lstm_pack(w->recurrent, VL_LSTM_BF16, w->half, s->H);
}

void vl_lstm_weights_pack(void *packed, const vl_lstm_shape *s, const vl_lstm_parameters *p)
{
    const vl_lstm_weights w = vl_lstm_weights_in(packed, s);
    (s->bf16 ? pack_halves : pack_floats)(&w, s, p);
    vl_lstm_pack_row(w.bias, p->bias, s->H);
}
