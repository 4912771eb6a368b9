/* lstm_forward.c: forward of a training batch: the input's products of all steps at once, then step
 * by step. A step writes its states where the rows of the next one begin: each row's state before
 * it then lies in line with the row, as the gradient of the recurrent weights wants it, and the
 * states of texts that have ended are overwritten once they have been handed out. */
#include "kernels/gemm.h"
#include "layers/lstm_kept.h"

#include <string.h>

/* x in the order of steps. */
static void gather(const vl_lstm_kept *k, const vl_lstm_shape *s, const float *x, int64_t stride)
{
    float *to = k->x;
    for (int32_t t = 0; t < k->steps; t++)
        for (int32_t b = 0; b < vl_lstm_kept_running(k, t); b++, to += s->in)
            memcpy(to, x + vl_lstm_order_row(&k->order, b, t) * stride, (size_t)s->in * sizeof *to);
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
    const vl_lstm_recurrent r = {
        .kind = VL_LSTM_F32, .U = k.U, .weight = w.recurrent, .bias = w.bias};
    gather(&k, s, x, x_stride);
    vl_gemm_run(k.z, k.x, w.input,
                &(vl_gemm){.M = k.T, .N = 4 * k.P, .K = s->in, .transpose_b = true});
    memset(k.before, 0, (size_t)(batch->B * k.P) * sizeof *k.before);
    for (int32_t t = 0; t < k.steps; t++) {
        int64_t row = k.start[t], next = k.start[t + 1];
        const vl_lstm_rows rows = {.z = k.z + row * 4 * k.P,
                                   .h_before = k.before + row * k.P,
                                   .c_before = t ? k.c + k.start[t - 1] * k.P : k.before,
                                   .h = k.before + next * k.P,
                                   .c = k.c + row * k.P,
                                   .keep = true};
        vl_lstm_step(&r, &rows, (int32_t)(next - row));
        hand_out(y, y_stride, &k, s, t, rows.h);
    }
}
