/* lstm_forward.c: forward of a training batch: the input's products of all steps at once, then step
 * by step. A step writes its states where the rows of the next one begin: each row's state before
 * it then lies in line with the row, as the gradient of the recurrent weights wants it, and the
 * states of texts that have ended are overwritten once they have been handed out. */
#include <string.h>

#include "kernels/bf16_product.h"
#include "kernels/convert.h"
#include "kernels/gemm.h"
#include "layers/lstm_kept.h"

/* Row number `row` in the order of steps, into x; and in bfloat16 with the one before, by twos. */
static void keep_row(const vl_lstm_kept *k, const vl_lstm_shape *s, int64_t row, const float *x,
                     const float *previous)
{
    const int64_t in = s->in;
    if (!s->bf16) {
        memcpy(k->x + row * in, x, (size_t)in * sizeof *x);
        return;
    }
    uint16_t *half = (uint16_t *)k->half_x + row * ((in + 1) / 2 * 2);
    vl_f32_to_bf16(half, x, in);
    if (in % 2) half[in] = 0;
    if (row % 2) vl_bf16_put_rows(k->x_by_twos, previous, x, row / 2, in, k->T2);
    else if (row == k->T - 1) vl_bf16_put_rows(k->x_by_twos, x, NULL, row / 2, in, k->T2);
}

/* x in the order of steps. */
static void gather(const vl_lstm_kept *k, const vl_lstm_shape *s, const float *x, int64_t stride)
{
    const float *previous = NULL;
    int64_t row = 0;
    for (int32_t t = 0; t < k->steps; t++)
        for (int32_t b = 0; b < vl_lstm_kept_running(k, t); b++) {
            const float *from = x + vl_lstm_order_row(&k->order, b, t) * stride;
            keep_row(k, s, row++, from, previous);
            previous = from;
        }
}

/* z = x W */
static void multiply(const vl_lstm_kept *k, const vl_lstm_shape *s, const vl_lstm_weights *w)
{
    const int64_t Z = 4 * k->P, K = (s->in + 1) / 2;
    if (s->bf16)
        vl_bf16_product_run(
            k->z, k->half_x, w->input,
            &(vl_bf16_product){.M = k->T, .N = Z, .K = K, .row = K, .step = 1, .ldc = Z});
    else
        vl_gemm_run(k->z, k->x, w->input,
                    &(vl_gemm){.M = k->T, .N = Z, .K = s->in, .transpose_b = true});
}

static void hand_out(float *y, int64_t stride, const vl_lstm_kept *k, const vl_lstm_shape *s,
                     int32_t t, const float *h)
{
    for (int32_t b = 0; b < vl_lstm_kept_running(k, t); b++, h += k->P)
        memcpy(y + vl_lstm_order_row(&k->order, b, t) * stride, h, (size_t)s->H * sizeof *y);
}

void vl_lstm_forward(const vl_lstm_shape *s, const void *packed, const vl_lstm_batch *batch,
                     float *y, int64_t y_stride, const float *x, int64_t x_stride)
{
    const vl_lstm_kept k = vl_lstm_kept_in(s, batch);
    const vl_lstm_weights w = vl_lstm_weights_in(packed, s);
    const vl_lstm_recurrent r = {.kind = s->bf16 ? VL_LSTM_BF16 : VL_LSTM_F32,
                                 .U = k.U,
                                 .weight = w.recurrent,
                                 .bias = w.bias};
    gather(&k, s, x, x_stride);
    multiply(&k, s, &w);
    memset(k.before, 0, (size_t)(batch->B * k.P) * sizeof *k.before);
    for (int32_t t = 0; t < k.steps; t++) {
        int64_t row = k.start[t], next = k.start[t + 1];
        const vl_lstm_rows rows = {.z = k.z + row * 4 * k.P,
                                   .h_before = k.before + row * k.P,
                                   .c_before = t ? k.c + k.start[t - 1] * k.P : k.before,
                                   .h = k.before + next * k.P,
                                   .c = k.c + row * k.P,
                                   .scratch = k.scratch,
                                   .keep = true};
        vl_lstm_step(&r, &rows, (int32_t)(next - row));
        hand_out(y, y_stride, &k, s, t, rows.h);
    }
}
