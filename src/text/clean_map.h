/* clean_map.h: where the bytes of a cleaned text come from, so that explanations can point into the
 * original. Only explanations pay for it: clean.h alone keeps no account. */
#ifndef VL_CLEAN_MAP_H
#define VL_CLEAN_MAP_H

#include "text/clean.h"

typedef struct vl_clean_map vl_clean_map;

/* A map belongs to one thread and is used for one text after the other. */
vl_status vl_clean_map_open(vl_clean_map **out, valence_error *error);
void vl_clean_map_close(vl_clean_map *m); /* NULL is fine */

/* vl_clean, byte for byte, and fills the map. text is at most 1 GiB. */
vl_status vl_clean_mapped(uint32_t passes, vl_span text, vl_clean_scratch *scratch,
                          vl_clean_map *map, vl_span *out);

/* Turns the range [*start, *end), start < end, of the cleaned text into the shortest range of the
 * original that its bytes come from. What a pass put in the place of something (" urltoken ") comes
 * from all of it; what it only added ("not_") from nothing, and a range of such bytes alone from the
 * place where they were put. O(log edits), and O(1) for ranges in rising order. */
void vl_clean_map_range(vl_clean_map *map, size_t *start, size_t *end);

#endif
