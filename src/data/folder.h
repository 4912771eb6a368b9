/* folder.h: documents in a folder as in aclImdb: LABEL/FILE, one document per file. Lists them
 * once, in a fixed order: labels by name, files by name with numbers by value. Constant afterwards.
 */
#ifndef VL_FOLDER_H
#define VL_FOLDER_H

#include <stdint.h>

#include "base/buffer.h"

typedef struct vl_folder vl_folder;

typedef struct vl_folder_file {
    const char *path;  /* folder/label/file, from vl_folder_path */
    vl_span label, id; /* label.ptr NULL: none */
} vl_folder_file;

bool vl_is_folder(const char *path);

/* Files right in the folder count, without a label, only if there are no sub-folders. Hidden files
 * are passed over. VALENCE_NOT_FOUND if there is no file. */
vl_status vl_folder_open(vl_folder **out, const char *path, valence_error *error);
void vl_folder_close(vl_folder *f); /* NULL is fine */

uint64_t vl_folder_count(const vl_folder *f);
uint64_t vl_folder_hash(const vl_folder *f); /* of all labels and names, in order */

/* The i-th file, from 0. Its path is written to `path`; spans live as long as the folder. */
vl_status vl_folder_at(const vl_folder *f, uint64_t i, vl_buffer *path, vl_folder_file *out);

#endif
