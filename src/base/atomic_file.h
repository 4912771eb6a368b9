/* atomic_file.h: a regular file that appears whole or not at all: written as PATH.part, synced,
 * renamed to PATH, its folder synced. Readers and mappings of an old PATH keep the old bytes.
 * The caller holds the struct; after _open exactly one of _commit and _abandon ends it. */
#ifndef VL_ATOMIC_FILE_H
#define VL_ATOMIC_FILE_H

#include <stdbool.h>

#include "base/span.h"
#include "base/status.h"

typedef struct vl_atomic_file {
    int fd;
    char *path, *part; /* owned; the final and the present name */
    bool keep;         /* whoever gives it up leaves PATH.part as it is: it can be continued */
} vl_atomic_file;

/* Creates PATH.part, replacing what an interrupted run left. VALENCE_IO when another process is
 * writing it now. */
vl_status vl_atomic_file_open(vl_atomic_file *f, const char *path, valence_error *error);

/* The same, but leaves in PATH.part what an interrupted run has written: size says how much, 0 also
 * for a new one. Nothing may be written before vl_atomic_file_cut. */
vl_status vl_atomic_file_continue(vl_atomic_file *f, const char *path, uint64_t *size,
                                  valence_error *error);
/* Leaves the first size bytes, to be continued behind them. Does not abandon f on failure. */
vl_status vl_atomic_file_cut(vl_atomic_file *f, uint64_t size, valence_error *error);

/* What was written so far is on the disk when this returns. Any thread; does not abandon f. */
vl_status vl_atomic_file_sync(const vl_atomic_file *f, valence_error *error);

/* Writes len bytes behind what is there. On failure the file is abandoned already. */
vl_status vl_atomic_file_append(vl_atomic_file *f, const void *bytes, size_t len,
                                valence_error *error);

/* Puts the file in place. On failure PATH is what it was, and PATH.part is gone (unless f->keep);
 * only when the very last step, syncing the folder, fails is the new file in place already. */
vl_status vl_atomic_file_commit(vl_atomic_file *f, valence_error *error);

/* Removes PATH.part, unless f->keep. Fine after a failure and on a zeroed or committed struct. */
void vl_atomic_file_abandon(vl_atomic_file *f);

/* All of it at once. */
vl_status vl_atomic_file_write(const char *path, vl_span bytes, valence_error *error);

#endif
