/* lstm_kept.c: the layout of a training batch's memory and of packed weights. */
#include "layers/lstm_kept.h"

#include <string.h>

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

static void *take(char **at, size_t bytes)
{
    void *here = *at;
    *at += up(bytes);
    return here;
}

/* ---- Memory of a batch ----------------------------------------------------------------------- */

/* From `at` on; at NULL measures only. No text is longer than T. */
static void lay_out(vl_lstm_kept *k, char **at, const vl_lstm_shape *s, int32_t B, int64_t T)
{
    const size_t rows = (size_t)T, texts = (size_t)B, P = (size_t)groups(s) * G;
    const size_t widest = (size_t)s->in > P ? (size_t)s->in : P;
    k->text = take(at, texts * sizeof *k->text);
    k->start = take(at, (rows + 1) * sizeof *k->start);
    k->x = take(at, rows * (size_t)s->in * sizeof *k->x);
    k->z = take(at, rows * 4 * P * sizeof *k->z);
    k->c = take(at, rows * P * sizeof *k->c);
    k->before = take(at, (rows + texts) * P * sizeof *k->before);
    k->dh = take(at, texts * P * sizeof *k->dh);
    k->dc = take(at, texts * P * sizeof *k->dc);
    k->weight = take(at, 4 * P * widest * sizeof *k->weight);
}

size_t vl_lstm_batch_bytes(const vl_lstm_shape *s, int32_t B, int64_t T)
{
    vl_lstm_kept k;
    char *at = NULL;
    lay_out(&k, &at, s, B, T);
    return (size_t)(at - (char *)NULL);
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
    vl_lstm_kept k = {.U = groups(s), .P = (int64_t)groups(s) * G, .T = batch->offsets[batch->B]};
    char *at = batch->memory;
    lay_out(&k, &at, s, batch->B, k.T);
    for (int32_t b = 0; b < batch->B; b++) k.text[b] = b;
    vl_lstm_order_sort(k.text, batch->B, batch->offsets);
    k.order = (vl_lstm_order){batch->offsets, k.text, batch->B, batch->reverse};
    count_steps(&k);
    return k;
}

/* ---- Weights --------------------------------------------------------------------------------- */

static void lay_out_weights(vl_lstm_weights *w, char **at, const vl_lstm_shape *s)
{
    const int32_t U = groups(s);
    const size_t P = (size_t)U * G;
    w->input = take(at, 4 * P * (size_t)s->in * sizeof *w->input);
    w->recurrent = take(at, vl_lstm_packed_bytes(VL_LSTM_F32, U));
    w->back = take(at, vl_lstm_back_floats(U) * sizeof *w->back);
    w->bias = take(at, 4 * P * sizeof *w->bias);
}

size_t vl_lstm_weights_bytes(const vl_lstm_shape *s)
{
    vl_lstm_weights w;
    char *at = NULL;
    lay_out_weights(&w, &at, s);
    return (size_t)(at - (char *)NULL);
}

vl_lstm_weights vl_lstm_weights_in(const void *packed, const vl_lstm_shape *s)
{
    vl_lstm_weights w;
    char *at;
    memcpy(&at, &packed, sizeof at); /* read only, by those who have it const */
    lay_out_weights(&w, &at, s);
    return w;
}

void vl_lstm_weights_pack(void *packed, const vl_lstm_shape *s, const vl_lstm_parameters *p)
{
    const vl_lstm_weights w = vl_lstm_weights_in(packed, s);
    const size_t row = (size_t)s->in * sizeof *w.input;
    memset(w.input, 0, (size_t)groups(s) * 4 * G * row);
    for (int32_t g = 0; g < 4; g++)
        for (int32_t n = 0; n < s->H; n++)
            memcpy(w.input + (size_t)((n / G * 4 + g) * G + n % G) * (size_t)s->in,
                   p->input + (size_t)(g * s->H + n) * (size_t)s->in, row);
    vl_lstm_pack(w.recurrent, VL_LSTM_F32, p->recurrent, s->H);
    vl_lstm_pack_back(w.back, p->recurrent, s->H);
    vl_lstm_pack_row(w.bias, p->bias, s->H);
}
