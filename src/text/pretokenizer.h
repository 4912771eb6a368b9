/* pretokenizer.h: cuts normalised text into the pieces that a model sees one by one. The steps of a
 * tokenizer.json's pre_tokenizer, in order, each cutting the pieces of the one before.
 * Constant once built; any thread, with pieces of its own. */
#ifndef VL_PRETOKENIZER_H
#define VL_PRETOKENIZER_H

#include <stdint.h>

#include "base/buffer.h"
#include "text/token_pattern.h"

typedef enum vl_split_behavior {
    VL_SPLIT_REMOVED,
    VL_SPLIT_ISOLATED,
    VL_SPLIT_MERGED_PREVIOUS,
    VL_SPLIT_MERGED_NEXT,
    VL_SPLIT_CONTIGUOUS
} vl_split_behavior;

typedef struct vl_split_step {
    vl_pattern pattern;
    vl_split_behavior behavior;
    bool invert;       /* what the pattern does not match is the delimiter */
    bool space_before; /* no cutting: each piece that does not begin with ' ' gets one */
} vl_split_step;

enum { VL_SPLIT_STEPS_MAX = 32 };

typedef struct vl_pretokenizer {
    vl_split_step steps[VL_SPLIT_STEPS_MAX];
    int count;
    bool bytes; /* ends with ByteLevel: the model sees bytes by the letters of byte_letters.h */
} vl_pretokenizer;

/* Bytes [begin, end) of a text. token: the id of an added token, which is not cut, or -1. */
typedef struct vl_piece {
    uint32_t begin, end;
    int32_t token;
} vl_piece;

static inline size_t vl_piece_count(const vl_buffer *pieces)
{
    return pieces->len / sizeof(vl_piece);
}

static inline vl_piece *vl_piece_at(const vl_buffer *pieces, size_t i)
{
    return (vl_piece *)(void *)pieces->data + i;
}

static inline vl_status vl_piece_add(vl_buffer *pieces, size_t begin, size_t end, int32_t token)
{
    vl_piece piece = {(uint32_t)begin, (uint32_t)end, token};
    return vl_buffer_append(pieces, &piece, sizeof piece);
}

/* Appends to out what one step (without space_before) makes of a piece of text. work: emptied and
 * used. */
vl_status vl_split(vl_buffer *out, const vl_split_step *step, vl_span text, vl_piece piece,
                   vl_buffer *work);

#endif
