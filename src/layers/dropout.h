/* dropout.h: dropout whose random numbers follow from a place alone: the same mask on the way back,
 * on any thread, whatever the batch is cut into. */
#ifndef VL_DROPOUT_H
#define VL_DROPOUT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct vl_dropout {
    uint64_t seed; /* of the step and the layer: vl_dropout_seed */
    float
        p; /* share of numbers that become 0; the others are divided by 1 - p. 0: nothing happens */
} vl_dropout;

uint64_t vl_dropout_seed(uint64_t seed, uint64_t step, uint64_t layer);

/* x: (R,N); row r is row first + r of the whole batch. Forward and back are the same. */
void vl_dropout_run(float *x, const vl_dropout *d, int64_t first, int64_t R, int64_t N);

/* The same for whole rows. */
void vl_dropout_rows(float *x, const vl_dropout *d, int64_t first, int64_t R, int64_t N);

#endif
