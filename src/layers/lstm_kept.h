/* lstm_kept.h: what lies where in the memory of a batch in training (lstm_train.h). Rows are in the
 * order of lstm_order.h: T of them, step after step; P: H rounded up to whole groups. */
#ifndef VL_LSTM_KEPT_H
#define VL_LSTM_KEPT_H

#include "kernels/lstm_step.h"
#include "layers/lstm_order.h"
#include "layers/lstm_train.h"

typedef struct vl_lstm_kept {
    vl_lstm_order order;
    int32_t U, steps;
    int64_t T, P;
    int32_t *text;  /* (B) */
    int64_t *start; /* (steps+1) a step's first row */
    float *x;       /* (T,in), or half; backward: then dx */
    float *z;       /* (T,4P) gates; backward: then dz */
    float *c;       /* (T,P) */
    float *before;  /* (T+B,P) the state that a row's step began with; behind the last, the final
                       ones */
    float *dh, *dc; /* (B,P) */
    float *weight;  /* (4P, max(in,P)): a gradient, before it is put into its order */
    /* In bfloat16, as bf16_product.h has operands; T2: rows by twos. */
    int64_t T2;
    void *half_x;         /* (T, in rounded up to even); in x's place */
    void *x_by_twos;      /* panels of x (T,in) */
    void *before_by_twos; /* panels of before (T,P) */
    void *half_z;         /* (T,4P) rows of dz */
    void *z_by_twos;      /* (T2,4P) pairs of dz */
    void *scratch;        /* of steps */
} vl_lstm_kept;

/* Lays the parts out and sorts the texts. */
vl_lstm_kept vl_lstm_kept_in(const vl_lstm_shape *s, const vl_lstm_batch *batch);

/* How many texts have step t. */
static inline int32_t vl_lstm_kept_running(const vl_lstm_kept *k, int32_t t)
{
    return t < k->steps ? (int32_t)(k->start[t + 1] - k->start[t]) : 0;
}

/* The parts of packed weights. In float32: input (4P,in) with rows in the order of z; recurrent,
 * and back, for the steps forward and back; bias. In bfloat16 input and back are panels, and there
 * are panels for the way back to x. */
typedef struct vl_lstm_weights {
    void *input, *recurrent, *back, *input_back;
    float *bias;
    void *half; /* (4H,H) room for recurrent weights in bfloat16 */
} vl_lstm_weights;

vl_lstm_weights vl_lstm_weights_in(const void *packed, const vl_lstm_shape *s);

#endif
