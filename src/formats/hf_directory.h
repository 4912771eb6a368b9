/* hf_directory.h: a sequence classifier's folder as Hugging Face's transformers writes it, read
 * into a store under valence's own names (docs/format.md, "Transformers"), so that models never see
 * whose checkpoint it was. Tensor data points into the mapped files; nothing is converted here.
 * Ownership: the caller holds the struct; store and bytes are valid until _release. */
#ifndef VL_HF_DIRECTORY_H
#define VL_HF_DIRECTORY_H

#include "base/mapped_file.h"
#include "base/store.h"

typedef struct vl_hf_directory {
    vl_store *store;
    vl_mapped_file *files; /* (file_count) the weights */
    int file_count;
    vl_store **shards; /* (file_count) the files' own tensors: hold those that had to be moved */
    uint64_t bytes;    /* of the weights' files */
} vl_hf_directory;

/* True for a folder with a config.json. */
bool vl_hf_directory_is(const char *path);

/* Reads config.json, tokenizer.json (or the older vocabulary files), tokenizer_config.json and
 * model.safetensors (or its shards by model.safetensors.index.json). VALENCE_UNSUPPORTED names an
 * architecture or setting it does not know; VALENCE_FORMAT names the file, tensor or key at fault;
 * VALENCE_NOT_FOUND a missing file or tensor. */
vl_status vl_hf_directory_open(vl_hf_directory *d, const char *path, valence_error *error);
void vl_hf_directory_release(vl_hf_directory *d); /* zeroed struct is fine */

/* True once a page of a weights' file was gone when it was read. */
bool vl_hf_directory_lost(const vl_hf_directory *d);

#endif
