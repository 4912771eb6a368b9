/* optimizer.h: one step of all parameters of a network: gradients of several chunks of a batch are
 * added up in the chunks' order, clipped by their common norm, and applied. Work is cut into blocks
 * of a fixed size, so the result does not depend on threads. Of the token table only rows that the
 * batch has met are touched: their means and squares stand still meanwhile, as in PyTorch's
 * SparseAdam. */
#ifndef VL_OPTIMIZER_H
#define VL_OPTIMIZER_H

#include "base/workers.h"
#include "train/net.h"
#include "train/row_groups.h"

typedef enum vl_optimizer_kind { VL_ADAMW, VL_SGD } vl_optimizer_kind;

typedef struct vl_optimizer_options {
    vl_optimizer_kind kind;
    float beta1, beta2, epsilon; /* AdamW */
    float momentum;              /* SGD */
    float decay;                 /* of matrices; not of norms, biases and token vectors */
    float clip;                  /* largest norm of the gradient; 0: any */
} vl_optimizer_options;

vl_optimizer_options vl_optimizer_defaults(void);

typedef struct vl_optimizer {
    vl_optimizer_options o;
    vl_net *net;
    float *mean, *square;             /* (size) */
    float *table_mean, *table_square; /* (V,E); squares NULL for SGD */
    int64_t step;                     /* steps taken */
    float *sum;                       /* (size) gradient of the whole batch */
    float *rows;                      /* (tokens,E) likewise of the table's rows */
    int64_t row_room;
    double *norms; /* one for each block */
    int64_t norm_room;
    vl_row_groups groups;
} vl_optimizer;

vl_status vl_optimizer_open(vl_optimizer *p, vl_net *net, const vl_optimizer_options *o,
                            valence_error *error);
void vl_optimizer_close(vl_optimizer *p); /* zeroed struct is fine */

/* gradients: (chunks) vectors of the network's size; ids: (T) and rows: (T,E) of all chunks in
 * order. *norm gets the gradient's norm before clipping; where that is not finite nothing is
 * changed. */
vl_status vl_optimizer_step(vl_optimizer *p, float *const *gradients, int chunks,
                            const int32_t *ids, const float *rows, int64_t T, float rate,
                            vl_workers *workers, double *norm);

#endif
