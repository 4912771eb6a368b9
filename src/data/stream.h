/* stream.h: bytes read in order from a descriptor, decompressed on the way: gzip (RFC 1952, any
 * number of members) and Zstandard (RFC 8878, any number of frames), recognised by their first
 * bytes; anything else passes through. One thread at a time. */
#ifndef VL_STREAM_H
#define VL_STREAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/status.h"

typedef struct vl_stream vl_stream;

/* path "-": stdin, which stays open afterwards. path is used in messages and must outlive it. */
vl_status vl_stream_open(vl_stream **out, const char *path, valence_error *error);
void vl_stream_close(vl_stream *s); /* NULL is fine */

/* Once *stop is not zero, reading from a pipe or a terminal that has nothing fails with
 * VALENCE_CANCELLED. A signal handler may set it. NULL: waits for ever. */
void vl_stream_set_stop(vl_stream *s, const atomic_int *stop);

/* Up to `want` bytes into out; *got 0 only at the end. Less than `want` from a pipe means that no
 * more is there now. Compressed data that ends early or is damaged is an error. */
vl_status vl_stream_read(vl_stream *s, char *out, size_t want, size_t *got, valence_error *error);

/* Bytes taken from the descriptor so far. */
uint64_t vl_stream_consumed(const vl_stream *s);

/* True if these first bytes of a file are those of a compressed one. */
bool vl_bytes_compressed(vl_span bytes);

#endif
