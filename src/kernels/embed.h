/* embed.h: rows of embedding tables: a text's matrix is begun with its word's row, then position
 * and type rows are added. Any thread, nothing is allocated, the same bits everywhere. */
#ifndef VL_EMBED_H
#define VL_EMBED_H

#include <stdint.h>

#include "base/store.h"

/* dst[n] = row[n], or dst[n] += row[n]     dst: (N) floats; row: (N) of type F32, BF16, F16, or of
 * I8 and then times scale. */
void vl_embed_row(float *dst, const void *row, vl_dtype type, float scale, int64_t N);
void vl_embed_add_row(float *dst, const void *row, vl_dtype type, float scale, int64_t N);

#endif
