/* edits.h: what one pass changed, and the way from its output back to its input. Between edits byte
 * follows byte on both sides, so a text that hardly changes has a short list. One pass only:
 * clean_map.h goes back through all of them.
 * Whoever holds the struct initialises and releases it; asking moves its cursor: one thread. */
#ifndef VL_EDITS_H
#define VL_EDITS_H

#include <stdint.h>

#include "base/buffer.h"

/* out_len bytes stand in the place of in_len; 0: nothing stands there, or nothing stood there. */
typedef struct vl_edit {
    uint32_t out_at, out_len, in_at, in_len;
} vl_edit;

typedef struct vl_edits {
    vl_buffer list; /* of vl_edit, in the order of the texts */
    size_t cursor;  /* the last answer of a search, where the next one begins */
} vl_edits;

/* max_bytes: the most the list may take. */
void vl_edits_init(vl_edits *e, size_t max_bytes);
void vl_edits_release(vl_edits *e);
void vl_edits_reset(vl_edits *e);

/* Appends an edit, which lies behind those there are. VALENCE_LIMIT past 4 GiB of text or the
 * list's maximum. */
vl_status vl_edits_add(vl_edits *e, size_t out_at, size_t out_len, size_t in_at, size_t in_len);

/* The same where nobody may be interested: e may be NULL. */
static inline vl_status vl_edits_note(vl_edits *e, size_t out_at, size_t out_len, size_t in_at,
                                      size_t in_len)
{
    return e ? vl_edits_add(e, out_at, out_len, in_at, in_len) : VALENCE_OK;
}

/* Turns [*start, *end) of the output into what it comes from in the input. An empty range stays
 * empty, unless it cuts something replaced in two: then it becomes all of what was replaced. For
 * ranges a and b with a.start <= b.start and a.end <= b.end the results are in that order, too.
 * O(log(edits between this range and the last one asked for)). */
void vl_edits_source(vl_edits *e, size_t *start, size_t *end);

/* How many bytes from at on stand as they stood in the input, whose place is then *source; 0 where
 * the byte at at was changed. */
size_t vl_edits_untouched(vl_edits *e, size_t at, size_t *source);

#endif
