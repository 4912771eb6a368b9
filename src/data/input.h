/* input.h: the bytes behind a source: a mapped file, or a stream with what was read from it and not
 * yet handed out. One thread at a time (the source locks). */
#ifndef VL_INPUT_H
#define VL_INPUT_H

#include "base/buffer.h"
#include "base/mapped_file.h"
#include "data/stream.h"

typedef struct vl_input {
    const char *path;
    const atomic_int *stop;
    bool mapped;
    vl_mapped_file map;
    vl_stream *stream;
    vl_buffer pending;  /* stream: read, not yet taken */
    bool ended;         /* stream: nothing comes behind pending */
    uint64_t position;  /* offset of the next byte to take, in the decompressed input */
    uint64_t disk_size; /* 0: unknown */
} vl_input;

/* path "-": stdin. A compressed file or a pipe becomes a stream, other files are mapped. path must
 * outlive it. max_pending bounds the bytes waiting. stop: of vl_stream_set_stop. */
vl_status vl_input_open(vl_input *in, const char *path, size_t max_pending, const atomic_int *stop,
                        valence_error *error);
void vl_input_release(vl_input *in); /* zeroed struct is fine */

/* The next bytes: all of a mapped file, what is pending of a stream. */
vl_span vl_input_view(const vl_input *in);
bool vl_input_ended(const vl_input *in); /* nothing comes behind the view */

/* Makes the view longer, by up to `more` bytes; unchanged only at the end. Mapped: nothing to do.
 */
vl_status vl_input_grow(vl_input *in, size_t more, valence_error *error);

/* Drops the first n bytes of the view. */
void vl_input_skip(vl_input *in, size_t n);

/* Stream: moves the first n bytes of the view into out, without copying them. */
vl_status vl_input_take(vl_input *in, size_t n, vl_buffer *out, valence_error *error);

/* VALENCE_IO if the mapped file has been cut short. */
vl_status vl_input_check(const vl_input *in, valence_error *error);

/* Bytes of the file on disk read so far. */
uint64_t vl_input_consumed(const vl_input *in);

#endif
