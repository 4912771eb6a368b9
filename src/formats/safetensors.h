/* safetensors.h: the model file. Header u64 N, N bytes of JSON, then tensor data.
 * Format: github.com/huggingface/safetensors, README and tensor.rs, with all its checks. */
#ifndef VL_SAFETENSORS_H
#define VL_SAFETENSORS_H

#include "base/buffer.h"
#include "base/store.h"

/* Fills a new store with tensors that point into bytes (which must outlive it), in order of their
 * place in the file, and with the strings of __metadata__. name is used in messages. Checks
 * everything: header length, duplicate keys, ranges contiguous without holes or overlap, shape
 * against range, overflow, total length. Tensors whose address is not aligned to their element are
 * copied; no other tensor data is touched. VALENCE_FORMAT, or VALENCE_UNSUPPORTED for an element
 * type that store.h does not have. */
vl_status vl_safetensors_read(vl_store **out, vl_span bytes, const char *name,
                              valence_error *error);

/* Writes to `path`.part, syncs, renames. Same store, same bytes. Tensors are ordered by element
 * size, largest first, then by name (bytes). Data starts at a multiple of 64 bytes from the file's
 * start; the format allows no gaps, so a later tensor is only sure to be aligned to its element. */
vl_status vl_safetensors_write(const vl_store *s, const char *path, valence_error *error);

/* The same, appended to out. */
vl_status vl_safetensors_encode(const vl_store *s, vl_buffer *out, valence_error *error);

#endif
