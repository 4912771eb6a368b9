/* quantize_store.h: a neural model's weights in a smaller type: what `valence quantize` writes. */
#ifndef VL_QUANTIZE_STORE_H
#define VL_QUANTIZE_STORE_H

#include "base/store.h"

/* *out: a new store with all of in's metadata but its checksum and `products`, and its tensors as
 * docs/format.md has them: matrices of layers and word embeddings as type (VL_I8 with a scale for
 * each row, VL_BF16 or VL_F32), position and type embeddings as BF16 unless type is F32, the last
 * layer's few weights, norms and biases as F32. in's weights may be of any float type (integers
 * would lose twice: VALENCE_ARGUMENT). The new store owns its data. */
vl_status vl_quantize_store(vl_store **out, const vl_store *in, vl_dtype type,
                            valence_error *error);

#endif
