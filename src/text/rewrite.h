/* rewrite.h: the loop of the passes that replace something rare: look for a place, ask what stands
 * there, copy what lies between. A text without a match is not copied. Any thread. */
#ifndef VL_REWRITE_H
#define VL_REWRITE_H

#include <stdint.h>

#include "text/edits.h"

enum { VL_REPLACEMENT_MAX = 16 };

typedef struct vl_replacement {
    char bytes[VL_REPLACEMENT_MAX];
    size_t len;
} vl_replacement;

/* The first place at or after from where a match may start, or text.len. */
typedef size_t (*vl_find_fn)(vl_span text, size_t from);

/* How many bytes from at on are replaced, and by what; 0: none, the search goes on at at + 1. */
typedef size_t (*vl_match_fn)(vl_span text, size_t at, vl_replacement *by);

/* *changed: something was replaced, and out (empty at the call) holds the new text; else out stays
 * empty. edits: NULL, or the list to which each replacement is added. Statuses are the buffer's. */
vl_status vl_rewrite(vl_span text, vl_find_fn find, vl_match_fn match, vl_buffer *out,
                     vl_edits *edits, bool *changed);

/* by = word (at most VL_REPLACEMENT_MAX bytes) */
void vl_replace_with(vl_replacement *by, const char *word);

#endif
