/* lstm_backward.c: backward of a training batch: step by step from the last to the gates' gradients
 * dz, then with those of all steps at once dW = dz' x     dR = dz' h_before     db = sum of dz dx =
 * dz W Texts join at their own last step, with nothing coming from behind. */
#include "kernels/gemm.h"
#include "kernels/lstm_back.h"
#include "layers/lstm_kept.h"

#include <string.h>

enum { G = VL_LSTM_GROUP };

/* ---- Through time ---------------------------------------------------------------------------- */

/* dh (running,P) = the rows of dy for step t. */
static void take_in(const vl_lstm_kept *k, const vl_lstm_shape *s, int32_t t, const float *dy,
                    int64_t stride)
{
    float *to = k->dh;
    for (int32_t b = 0; b < vl_lstm_kept_running(k, t); b++, to += k->P) {
        memcpy(to, dy + vl_lstm_order_row(&k->order, b, t) * stride, (size_t)s->H * sizeof *to);
        memset(to + s->H, 0, (size_t)(k->P - s->H) * sizeof *to);
    }
}

/* dz of all rows, in place of the gates. zeros: (B,P). */
static void go_back(const vl_lstm_kept *k, const vl_lstm_shape *s, const float *back,
                    const float *dy, int64_t dy_stride, const float *zeros)
{
    for (int32_t t = k->steps - 1; t >= 0; t--) {
        const int32_t n = vl_lstm_kept_running(k, t), later = vl_lstm_kept_running(k, t + 1);
        float *z = k->z + k->start[t] * 4 * k->P;
        take_in(k, s, t, dy, dy_stride);
        memset(k->dc + later * k->P, 0, (size_t)((n - later) * k->P) * sizeof *k->dc);
        vl_lstm_carry_back(k->dh, z + n * 4 * k->P, back, k->U, later);
        vl_lstm_cell_back(z, k->dc, k->dh, k->c + k->start[t] * k->P,
                          t ? k->c + k->start[t - 1] * k->P : zeros, k->U, n);
    }
}

/* ---- Gradients of the weights ---------------------------------------------------------------- */

/* to (4H,columns) += from (4P,stride), whose rows are in the order of z. */
static void add_rows(float *to, const float *from, int64_t stride, int32_t H, int32_t columns)
{
    for (int32_t g = 0; g < 4; g++)
        for (int32_t n = 0; n < H; n++, to += columns) {
            const float *row = from + (int64_t)((n / G * 4 + g) * G + n % G) * stride;
            for (int32_t i = 0; i < columns; i++) to[i] += row[i];
        }
}

static void add_bias(float *to, float *sum, const vl_lstm_kept *k, int32_t H)
{
    memset(sum, 0, (size_t)(4 * k->P) * sizeof *sum);
    for (int64_t row = 0; row < k->T; row++)
        for (int64_t i = 0; i < 4 * k->P; i++) sum[i] += k->z[row * 4 * k->P + i];
    add_rows(to, sum, 1, H, 1);
}

static void add_weights(const vl_lstm_kept *k, const vl_lstm_shape *s, const vl_lstm_gradients *g)
{
    const int64_t Z = 4 * k->P;
    vl_gemm_run(k->weight, k->z, k->x,
                &(vl_gemm){.M = Z, .N = s->in, .K = k->T, .transpose_a = true});
    add_rows(g->input, k->weight, s->in, s->H, s->in);
    vl_gemm_run(k->weight, k->z, k->before,
                &(vl_gemm){.M = Z, .N = k->P, .K = k->T, .transpose_a = true});
    add_rows(g->recurrent, k->weight, k->P, s->H, s->H);
    add_bias(g->bias, k->weight, k, s->H);
}

/* ---- Gradient of the input ------------------------------------------------------------------- */

static void add_input(const vl_lstm_kept *k, const vl_lstm_shape *s, const float *weight, float *dx,
                      int64_t stride)
{
    vl_gemm_run(k->x, k->z, weight, &(vl_gemm){.M = k->T, .N = s->in, .K = 4 * k->P});
    const float *from = k->x;
    for (int32_t t = 0; t < k->steps; t++)
        for (int32_t b = 0; b < vl_lstm_kept_running(k, t); b++, from += s->in) {
            float *to = dx + vl_lstm_order_row(&k->order, b, t) * stride;
            for (int32_t i = 0; i < s->in; i++) to[i] += from[i];
        }
}

void vl_lstm_backward(const vl_lstm_shape *s, const void *packed, const vl_lstm_batch *batch,
                      const vl_lstm_gradients *g, float *dx, int64_t dx_stride, const float *dy,
                      int64_t dy_stride)
{
    const vl_lstm_kept k = vl_lstm_kept_in(s, batch);
    const vl_lstm_weights w = vl_lstm_weights_in(packed, s);
    go_back(&k, s, w.back, dy, dy_stride, k.before); /* whose first B rows are zeros */
    add_weights(&k, s, g);
    if (dx) add_input(&k, s, w.input, dx, dx_stride);
}
