/* packer.h: compresses bytes on the way to a file: gzip, Zstandard, or not at all. The mirror of
 * stream.h. Hands its output to a function; one thread at a time. */
#ifndef VL_PACKER_H
#define VL_PACKER_H

#include "base/span.h"
#include "base/status.h"

typedef struct vl_packer vl_packer;

typedef vl_status (*vl_packer_sink)(void *user, const char *bytes, size_t len,
                                    valence_error *error);

/* By the name's ending: .gz, .zst. Others, and NULL, pass through. */
vl_status vl_packer_open(vl_packer **out, const char *path, vl_packer_sink sink, void *user,
                         valence_error *error);
void vl_packer_close(vl_packer *p); /* NULL is fine */

vl_status vl_packer_add(vl_packer *p, vl_span bytes, valence_error *error);

/* Ends the member (gzip) or frame (Zstandard), even an empty one; what is added later begins another.
 * Members one behind the other are a valid file. Without packing: nothing. */
vl_status vl_packer_end(vl_packer *p, valence_error *error);

/* True if what comes out is what went in. */
bool vl_packer_plain(const vl_packer *p);

#endif
