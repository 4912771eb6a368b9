/* rows.h: a corpus as sparse rows over feature slots, and the same by columns. Made by the very pass
 * that prediction uses (text/features.h). */
#ifndef VL_ROWS_H
#define VL_ROWS_H

#include "base/workers.h"
#include "text/features.h"
#include "train/corpus.h"

typedef struct vl_rows {
    int64_t n, slots, nonzeros;
    int64_t *offsets; /* (n+1) */
    int32_t *ids;     /* (nonzeros) each once per row */
    float *x;         /* (nonzeros) occurrences, or NULL: all 1 */
    int32_t *label;   /* (n) */
    float *weight;    /* (n) of each example */
    int64_t *column_begin; /* (slots+1) after vl_rows_transpose */
    int32_t *column_row;   /* (nonzeros) rows of each slot, ascending */
    float *column_x;       /* (nonzeros) or NULL */
} vl_rows;

/* Rows for the corpus' examples at the given indices (NULL: all of them, count is ignored). */
vl_status vl_rows_build(vl_rows *r, const vl_corpus *corpus, const int64_t *indices, int64_t count,
                        const vl_features *f, vl_workers *workers, valence_error *error);
vl_status vl_rows_transpose(vl_rows *r, vl_workers *workers, valence_error *error);
void vl_rows_release(vl_rows *r);

/* A batch of row i, and its place in memory, for the models' own forward pass. */
vl_batch vl_rows_batch(const vl_rows *r, int64_t i, int32_t offsets[2]);

#endif
