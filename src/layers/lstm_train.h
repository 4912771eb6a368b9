/* lstm_train.h: an LSTM layer in training: one direction, forward and backward over a ragged batch.
 * A bidirectional layer is two of these, whose y are the two halves of a row.
 *
 *     x (T,in)  ->  y (T,H), the states of lstm_step.h's formulas, from zeros for each text
 *
 * In float32; or with all products in bfloat16, added up in float32, and everything else as before:
 * in two thirds of the time, with gradients within about a hundredth.
 *
 * All memory is the caller's, nothing is allocated and nothing can fail; call vl_gemm_open before.
 * Any number of threads may work on batches of their own with the same packed weights. The same
 * batch gives the same bits, so what a step learns depends on how texts are put into batches, not
 * on who takes which. */
#ifndef VL_LSTM_TRAIN_H
#define VL_LSTM_TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct vl_lstm_shape {
    int32_t in, H; /* 1 <= H <= VL_LSTM_UNITS_MAX */
    bool bf16;     /* only where vl_cpu_has_bf16 */
} vl_lstm_shape;

/* Gates i, f, g, o one behind the other, as PyTorch has them (its two biases are one here). */
typedef struct vl_lstm_parameters {
    const float *input;     /* (4H,in) */
    const float *recurrent; /* (4H,H) */
    const float *bias;      /* (4H) */
} vl_lstm_parameters;

typedef struct vl_lstm_gradients {
    float *input, *recurrent, *bias; /* likewise */
} vl_lstm_gradients;

/* A batch; the memory is forward's and backward's. */
typedef struct vl_lstm_batch {
    const int32_t *offsets; /* (B+1) texts have rows [offsets[b], offsets[b+1]), none is empty;
                               offsets[0] = 0 */
    int32_t B;
    bool reverse; /* each text from its end */
    void *memory; /* vl_lstm_batch_bytes, 64-byte aligned: what forward keeps for backward */
} vl_lstm_batch;

size_t vl_lstm_batch_bytes(const vl_lstm_shape *s, int32_t B, int64_t T);

/* The weights as the steps take them, 64-byte aligned: once after each change. */
size_t vl_lstm_weights_bytes(const vl_lstm_shape *s);
void vl_lstm_weights_pack(void *packed, const vl_lstm_shape *s, const vl_lstm_parameters *p);

/* x: rows x_stride floats apart, y: rows y_stride apart (H of each are written). */
void vl_lstm_forward(const vl_lstm_shape *s, const void *packed, const vl_lstm_batch *batch,
                     float *y, int64_t y_stride, const float *x, int64_t x_stride);

/* Behind forward with the same arguments, once. dy: the gradient of y; gradients of the weights are
 * added to g's, that of x to dx (NULL: not wanted). */
void vl_lstm_backward(const vl_lstm_shape *s, const void *packed, const vl_lstm_batch *batch,
                      const vl_lstm_gradients *g, float *dx, int64_t dx_stride, const float *dy,
                      int64_t dy_stride);

#endif
