/* hf_names.h: tensors of a Hugging Face checkpoint under the names of docs/format.md,
 * "Transformers", each checked against the sizes of config.json. Nothing is copied: a fused
 * projection becomes views of its parts. */
#ifndef VL_HF_NAMES_H
#define VL_HF_NAMES_H

#include "base/store.h"
#include "formats/hf_config.h"

/* Adds every tensor the model needs to out, and sets `transformer.head` if there is one. Their data
 * stays the shards' (shard_count, at least 1), in which a name occurs once. VALENCE_NOT_FOUND for a
 * missing tensor, VALENCE_FORMAT for a shape, VALENCE_UNSUPPORTED for an element type that is not a
 * float's and for tensors that mean something else than a plain checkpoint; each names the tensor.
 */
vl_status vl_hf_names_map(vl_store *out, const vl_hf_config *c, vl_store *const *shards,
                          int shard_count, valence_error *error);

#endif
