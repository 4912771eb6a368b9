/* lstm_backward.c: backward of a training batch: step by step from the last to the gates' gradients
 * dz, then with those of all steps at once
 *
 *     dW = dz' x     dR = dz' h_before     db = sum of dz     dx = dz W
 *
 * Texts join at their own last step, with nothing coming from behind. */
#include <string.h>

#include "kernels/bf16_product.h"
#include "kernels/convert.h"
#include "kernels/gemm.h"
#include "kernels/lstm_back.h"
#include "kernels/row_sums.h"
#include "layers/lstm_kept.h"

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

/* dh += dz R for the n texts whose next step begins at row `next`. */
static void carry(const vl_lstm_kept *k, const vl_lstm_shape *s, const vl_lstm_weights *w,
                  int64_t next, int32_t n)
{
    const int64_t Z = 4 * k->P, K = Z / 2;
    if (s->bf16)
        vl_bf16_product_run(
            k->dh, (const uint16_t *)k->half_z + next * Z, w->back,
            &(vl_bf16_product){
                .M = n, .N = k->P, .K = K, .row = K, .step = 1, .ldc = k->P, .add = true});
    else vl_lstm_carry_back(k->dh, k->z + next * Z, w->back, k->U, n);
}

/* dz of all rows, in place of the gates. */
static void go_back(const vl_lstm_kept *k, const vl_lstm_shape *s, const vl_lstm_weights *w,
                    const float *dy, int64_t dy_stride)
{
    const int64_t P = k->P, Z = 4 * P;
    for (int32_t t = k->steps - 1; t >= 0; t--) {
        const int32_t n = vl_lstm_kept_running(k, t), later = vl_lstm_kept_running(k, t + 1);
        const int64_t row = k->start[t];
        const float *c_before =
            t ? k->c + k->start[t - 1] * P : k->before; /* whose first rows are zeros */
        take_in(k, s, t, dy, dy_stride);
        memset(k->dc + later * P, 0, (size_t)((n - later) * P) * sizeof *k->dc);
        carry(k, s, w, row + n, later);
        vl_lstm_cell_back(k->z + row * Z, k->dc, k->dh, k->c + row * P, c_before, k->U, n);
        if (s->bf16) vl_f32_to_bf16((uint16_t *)k->half_z + row * Z, k->z + row * Z, n * Z);
    }
}

/* ---- Gradients of the weights ---------------------------------------------------------------- */

/* to (4H,columns) += from (4P,stride), whose rows are in the order of z. */
static void add_rows(float *to, const float *from, int64_t stride, int32_t H, int32_t columns)
{
    for (int32_t g = 0; g < 4; g++)
        for (int32_t n = 0; n < H; n++, to += columns)
            vl_row_add(to, from + (int64_t)((n / G * 4 + g) * G + n % G) * stride, 1, columns);
}

static void add_bias(float *to, const vl_lstm_kept *k, int32_t H)
{
    memset(k->weight, 0, (size_t)(4 * k->P) * sizeof *k->weight);
    for (int64_t row = 0; row < k->T; row++)
        vl_row_add(k->weight, k->z + row * 4 * k->P, 1, 4 * k->P);
    add_rows(to, k->weight, 1, H, 1);
}

/* The rows of dz and of the states before them, by twos. */
static void pair_rows(const vl_lstm_kept *k)
{
    const int64_t P = k->P, Z = 4 * P;
    for (int64_t i = 0; i < k->T2; i++) {
        const float *z = k->z + 2 * i * Z, *before = k->before + 2 * i * P;
        const bool two = 2 * i + 1 < k->T;
        vl_bf16_pairs((uint32_t *)k->z_by_twos + i * Z, z, two ? z + Z : NULL, Z);
        vl_bf16_put_rows(k->before_by_twos, before, two ? before + P : NULL, i, P, k->T2);
    }
}

/* weight (4P,columns) = dz' times the rows, which are there as panels, too. */
static void multiply_rows(const vl_lstm_kept *k, const vl_lstm_shape *s, const float *rows,
                          const void *panels, int64_t columns)
{
    const int64_t Z = 4 * k->P;
    if (s->bf16)
        vl_bf16_product_run(
            k->weight, k->z_by_twos, panels,
            &(vl_bf16_product){
                .M = Z, .N = columns, .K = k->T2, .row = 1, .step = Z, .ldc = columns});
    else
        vl_gemm_run(k->weight, k->z, rows,
                    &(vl_gemm){.M = Z, .N = columns, .K = k->T, .transpose_a = true});
}

static void add_weights(const vl_lstm_kept *k, const vl_lstm_shape *s, const vl_lstm_gradients *g)
{
    if (s->bf16) pair_rows(k);
    multiply_rows(k, s, k->x, k->x_by_twos, s->in);
    add_rows(g->input, k->weight, s->in, s->H, s->in);
    multiply_rows(k, s, k->before, k->before_by_twos, k->P);
    add_rows(g->recurrent, k->weight, k->P, s->H, s->H);
    add_bias(g->bias, k, s->H);
}

/* ---- Gradient of the input ------------------------------------------------------------------- */

static void add_input(const vl_lstm_kept *k, const vl_lstm_shape *s, const vl_lstm_weights *w,
                      float *dx, int64_t stride)
{
    const int64_t Z = 4 * k->P, K = Z / 2;
    if (s->bf16)
        vl_bf16_product_run(
            k->x, k->half_z, w->input_back,
            &(vl_bf16_product){.M = k->T, .N = s->in, .K = K, .row = K, .step = 1, .ldc = s->in});
    else vl_gemm_run(k->x, k->z, w->input, &(vl_gemm){.M = k->T, .N = s->in, .K = Z});
    const float *from = k->x;
    for (int32_t t = 0; t < k->steps; t++)
        for (int32_t b = 0; b < vl_lstm_kept_running(k, t); b++, from += s->in)
            vl_row_add(dx + vl_lstm_order_row(&k->order, b, t) * stride, from, 1, s->in);
}

void vl_lstm_backward(const vl_lstm_shape *s, const void *packed, const vl_lstm_batch *batch,
                      const vl_lstm_gradients *g, float *dx, int64_t dx_stride, const float *dy,
                      int64_t dy_stride)
{
    const vl_lstm_kept k = vl_lstm_kept_in(s, batch);
    const vl_lstm_weights w = vl_lstm_weights_in(packed, s);
    go_back(&k, s, &w, dy, dy_stride);
    add_weights(&k, s, g);
    if (dx) add_input(&k, s, &w, dx, dx_stride);
}
