/* normal_text.h: text on its way through the normalisers, each byte with the bytes of the original
 * text that it comes from. All bytes of a code point have the same origin, and origins never go
 * backwards: what a normaliser inserts has the origin of what stands before it, as Hugging Face's
 * NormalizedString has it.
 * The caller holds the struct and releases it; its memory is kept from text to text. */
#ifndef VL_NORMAL_TEXT_H
#define VL_NORMAL_TEXT_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/utf8.h"

typedef struct vl_origin {
    uint32_t start, end;
} vl_origin;

typedef struct vl_normal_text {
    vl_buffer bytes;   /* UTF-8, with VL_NORMAL_PADDING readable bytes behind */
    vl_buffer origins; /* of vl_origin, one a byte; empty when nobody asks */
    bool keeps_origins;
} vl_normal_text;

enum { VL_NORMAL_PADDING = 64 };

void vl_normal_text_init(vl_normal_text *n);
void vl_normal_text_release(vl_normal_text *n);

/* Empties it. */
void vl_normal_text_reset(vl_normal_text *n, bool keeps_origins);

/* Makes room for more bytes. VALENCE_LIMIT past 4 GiB, VALENCE_NO_MEMORY. */
vl_status vl_normal_text_reserve(vl_normal_text *n, size_t more);

/* Appends valid UTF-8 as it stands at base in the original. */
vl_status vl_normal_text_load(vl_normal_text *n, vl_span text, size_t base);

/* Appends bytes [begin, end) of another text. */
vl_status vl_normal_text_copy(vl_normal_text *n, const vl_normal_text *from, size_t begin,
                              size_t end);

static inline size_t vl_normal_text_len(const vl_normal_text *n)
{
    return n->bytes.len;
}

static inline vl_origin vl_normal_origin(const vl_normal_text *n, size_t at)
{
    return n->keeps_origins ? ((const vl_origin *)(const void *)n->origins.data)[at]
                            : (vl_origin){0, 0};
}

/* Appends a code point. */
vl_status vl_normal_text_put(vl_normal_text *n, uint32_t code_point, vl_origin origin);

#endif
