/* hf_files.h: the small files of a Hugging Face folder, read whole. */
#ifndef VL_HF_FILES_H
#define VL_HF_FILES_H

#include "base/buffer.h"

enum { VL_HF_PATH_MAX = 4096 };

/* "folder/name"; VALENCE_LIMIT when that is too long. */
vl_status vl_hf_path(char out[VL_HF_PATH_MAX], const char *folder, const char *name,
                     valence_error *error);

/* True when something of that name is there. */
bool vl_hf_has(const char *folder, const char *name);

/* Appends the file's bytes to out; VALENCE_LIMIT when they are more than out may hold. */
vl_status vl_hf_read(vl_buffer *out, const char *folder, const char *name, valence_error *error);

#endif
