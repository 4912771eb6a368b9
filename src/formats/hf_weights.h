/* hf_weights.h: the safetensors files of a Hugging Face folder, one or several, mapped. What the
 * tensors mean is hf_names.h's.
 * Ownership: the caller holds the struct; stores and their tensors are valid until _release. */
#ifndef VL_HF_WEIGHTS_H
#define VL_HF_WEIGHTS_H

#include "base/mapped_file.h"
#include "base/store.h"

enum { VL_HF_SHARDS_MAX = 256 };

typedef struct vl_hf_weights {
    vl_mapped_file *files; /* (count) */
    vl_store **shards;     /* (count) their tensors; no name is in two of them */
    int count;
    uint64_t bytes; /* of all files */
} vl_hf_weights;

/* model.safetensors of the folder, or else the shards that model.safetensors.index.json lists:
 * plain file names only, each tensor in the shard it is said to be in. VALENCE_UNSUPPORTED for a
 * folder that has its weights in another format. */
vl_status vl_hf_weights_open(vl_hf_weights *w, const char *folder, valence_error *error);
void vl_hf_weights_release(vl_hf_weights *w); /* zeroed struct is fine */

#endif
