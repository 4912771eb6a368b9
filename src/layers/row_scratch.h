/* row_scratch.h: a thread's working memory for one block of rows on its way through a layer. The
 * rows of a text are independent of each other everywhere but in attention, so a thread takes a
 * block of VL_ROW_BLOCK of them from projection to projection while they are in its cache. */
#ifndef VL_ROW_SCRATCH_H
#define VL_ROW_SCRATCH_H

#include <stddef.h>

#include "kernels/matmul.h"

enum { VL_ROW_BLOCK = VL_MATMUL_BLOCK };

typedef struct vl_row_scratch {
    void *input;      /* (VL_ROW_BLOCK, widest K): the block as u8 or bf16 */
    float *row_scale; /* (VL_ROW_BLOCK) of the u8 rows */
    void *product;    /* (VL_ROW_BLOCK, widest N) of s32 or f32 */
} vl_row_scratch;

/* Bytes for projections of at most N columns and K entries a row. */
size_t vl_row_scratch_bytes(int64_t N, int64_t K);
/* Lays the parts out in memory of that size, 64-byte aligned as they are then. */
vl_row_scratch vl_row_scratch_in(void *memory, int64_t K);

#endif
