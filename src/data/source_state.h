/* source_state.h: the inside of a source, for the files that hand out chunks and read them. */
#ifndef VL_SOURCE_STATE_H
#define VL_SOURCE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "data/cutter.h"
#include "data/folder.h"
#include "data/input.h"
#include "data/layout.h"

struct vl_source {
    vl_layout layout; /* constant once open */
    size_t chunk_bytes;
    vl_folder *folder; /* or, for all other formats: */
    vl_input input;

    pthread_mutex_t lock; /* for what follows, and for input */
    uint64_t sequence, row, line;
    bool failed;
    valence_error failure;

    _Atomic uint64_t rows, bad_rows, repaired, bytes_read;
};

static inline vl_source_position vl_source_position_now(const vl_source *s)
{
    return (vl_source_position){s->sequence, s->input.position, s->row, s->line};
}

/* chunks.c: VALENCE_FORMAT: the shard that begins at that offset does not begin with a record. */
vl_status vl_bad_border(const vl_source *s, uint64_t at, valence_error *error);

/* chunks.c: the next chunk with the lock held. */
vl_status vl_chunk_cut(vl_source *s, vl_chunk *chunk, bool *more, valence_error *error);

#endif
