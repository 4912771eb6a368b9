/* lstm.h: a bidirectional LSTM layer at prediction time, with weights in float32, bfloat16 or int8.
 *
 * A run takes some texts of a ragged batch through one direction, on one thread; runs do not know
 * of each other. Texts are sorted by length (lstm_order.h) so that each step works on the first so
 * many of them. The input's products are made for a block of steps at once, small enough that they
 * are still in the cache when their steps come; the recurrent weights stay there all along. Nothing
 * is padded. A text's states do not depend on the texts beside it. Constant once open, any thread.
 */
#ifndef VL_LSTM_H
#define VL_LSTM_H

#include "kernels/lstm_step.h"
#include "kernels/matmul.h"
#include "layers/embedding.h"
#include "layers/lstm_order.h"

enum {
    VL_LSTM_TEXTS = 32, /* of one run, at most: more do not make the products faster */
    VL_LSTM_ROWS = 128, /* of a block of steps */
    VL_LSTM_ROOM =
        (VL_LSTM_ROWS + VL_MATMUL_BLOCK - 1) / VL_MATMUL_BLOCK * VL_MATMUL_BLOCK /* they need */
};

typedef struct vl_lstm_direction {
    vl_matmul *input;   /* (4P,in), rows in the order of lstm_step.h */
    float *input_scale; /* (4P) int8 only */
    int32_t *input_sum; /* (4P) int8 only */
    vl_lstm_recurrent recurrent;
    void *weight;        /* recurrent's */
    float *scale, *bias; /* likewise */
} vl_lstm_direction;

typedef struct vl_lstm {
    int32_t in, H, U;
    vl_lstm_direction direction[2]; /* forward, backward */
} vl_lstm;

/* Takes NAME.forward and NAME.backward of a store: .input.weight (4H,in), .recurrent.weight (4H,H),
 * .bias (4H); weights F32, F16, BF16, or I8 with .weight.scale (4H). The store's are not needed any
 * more. */
vl_status vl_lstm_open(vl_lstm *l, const vl_store *store, const char *name, int32_t in, int32_t H,
                       valence_error *error);
void vl_lstm_release(vl_lstm *l); /* zeroed struct is fine */

/* Where the input's products come from: one of three. */
typedef struct vl_lstm_source {
    const vl_embedding *embedding; /* of the batch's ids (T) */
    const int32_t *ids;
    const float *rows;     /* (T,in) */
    const float *products; /* made before; row `place` of the batch's row: (T) */
    const int32_t *place;
} vl_lstm_source;

/* Where states go; each may be NULL. */
typedef struct vl_lstm_sink {
    float *states; /* (T,2H): this direction's half of each row */
    float *max;    /* (n,P) of the order's texts: the largest of each unit */
    float *sum;    /* (n,P): and their sum, in the direction's order */
} vl_lstm_sink;

/* Working memory of a run, for any number of texts, or of products. 64-byte aligned. */
size_t vl_lstm_run_bytes(const vl_lstm *l);

/* 1 <= order->n <= VL_LSTM_TEXTS, no text is empty; order->reverse: the backward direction. memory:
 * 64-byte aligned. seconds: adds what rows, products and steps took; NULL: not wanted. */
vl_status vl_lstm_run(const vl_lstm *l, const vl_lstm_order *order, const vl_lstm_source *source,
                      const vl_lstm_sink *sink, void *memory, double seconds[3]);

/* Products with the embeddings of n <= VL_LSTM_ROWS ids, for a direction: words that occur often in
 * a batch need them once. dst: (VL_LSTM_ROOM,4P), of which the first n rows count; 64-byte aligned.
 */
vl_status vl_lstm_products(const vl_lstm *l, bool reverse, float *dst,
                           const vl_embedding *embedding, const int32_t *ids, int64_t n,
                           void *memory, double seconds[3]);

#endif
