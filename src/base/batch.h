/* batch.h: the one batch for all models: texts of different lengths behind each other, no padding.
 * n-gram features and token ids look the same. Holds pointers only; the maker owns the arrays. */
#ifndef VL_BATCH_H
#define VL_BATCH_H

#include <stdint.h>

/* B texts, T = offsets[B] entries; text b has entries [offsets[b], offsets[b+1]). */
typedef struct vl_batch {
    const int32_t *ids;     /* (T) feature or token ids */
    const float *weights;   /* (T) how often or how much; NULL: all 1 */
    const int32_t *offsets; /* (B+1) */
    int32_t B;
} vl_batch;

#endif
