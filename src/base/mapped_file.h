/* mapped_file.h: a file mapped read-only. If the file is truncated while mapped, reading past its
 * new end gives zero bytes and vl_mapped_file_truncated() turns true: an error, never SIGBUS.
 * The struct belongs to the caller; the bytes are valid until _release. */
#ifndef VL_MAPPED_FILE_H
#define VL_MAPPED_FILE_H

#include <stdbool.h>

#include "base/span.h"
#include "base/status.h"

typedef struct vl_mapped_file {
    const char *data; /* NULL for an empty file */
    size_t size;
    int slot; /* in the table of guarded mappings, -1: none */
    int fd;   /* kept to see the file's size later */
} vl_mapped_file;

/* Maps a regular file whole. VALENCE_UNSUPPORTED (no message) for pipes and devices, which are not
 * even opened (a FIFO's writer would see its reader go away): read those.
 * Physical memory is used only for pages touched and not yet given back. */
vl_status vl_mapped_file_open(vl_mapped_file *m, const char *path, valence_error *error);
void vl_mapped_file_release(vl_mapped_file *m); /* zeroed struct is fine */

/* The pages that lie wholly inside [from, to) will not be read soon: drops them from memory. */
void vl_mapped_file_give_back(const vl_mapped_file *m, size_t from, size_t to);

/* The bytes will be read in order: read ahead generously. */
void vl_mapped_file_sequential(const vl_mapped_file *m);

/* True once the file has become shorter than it was when mapped. Ask after the last read: a system
 * call. (A page that is cut in the middle reads as zero without any signal.) */
bool vl_mapped_file_truncated(const vl_mapped_file *m);

/* The same without the system call, for whoever asks often: true once a missing page was read. */
bool vl_mapped_file_lost(const vl_mapped_file *m);

#endif
