/* clean_map.h: where the bytes of a cleaned text come from, so that explanations can point into the
 * original. Only explanations pay for it: clean.h alone keeps no account. */
#ifndef VL_CLEAN_MAP_H
#define VL_CLEAN_MAP_H

#include "text/clean.h"

typedef struct vl_clean_map vl_clean_map;

/* A map belongs to one thread and is used for one text after the other. */
vl_status vl_clean_map_open(vl_clean_map **out, valence_error *error);
void vl_clean_map_close(vl_clean_map *m); /* NULL is fine */

/* vl_clean, byte for byte, and fills the map, for this text. VALENCE_LIMIT for one of more than
 * 1 GiB, or when its list of changes would take more than 4 GiB. After a failure there is nothing
 * to ask the map. */
vl_status vl_clean_mapped(uint32_t passes, vl_span text, vl_clean_scratch *scratch,
                          vl_clean_map *map, vl_span *out);

/* Turns the range [*start, *end), start < end, of the cleaned text into the shortest range of the
 * original that its bytes come from. What a pass put in the place of something (" urltoken ") comes
 * from all of it, but a character in the place of one as long (A -> a) byte by byte. What a pass
 * only added ("not_") comes from nothing, unless it lies within something replaced; a range of such
 * bytes alone becomes the empty range where they were put.
 * Ranges in the order of the cleaned text give ranges in the order of the original. O(log edits),
 * and O(1) for ranges close behind the one before. */
void vl_clean_map_range(vl_clean_map *map, size_t *start, size_t *end);

#endif
