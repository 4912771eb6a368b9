/* strmap.h: a map from byte strings to int32, up to a number of entries given at init. For names
 * and vocabularies; not the n-gram table, which stores fingerprints instead of keys (text/).
 * Keys are copied. The caller holds the struct. Reading from any thread, putting from one. */
#ifndef VL_STRMAP_H
#define VL_STRMAP_H

#include <stdint.h>

#include "base/buffer.h"

typedef struct vl_strmap_slot vl_strmap_slot;

typedef struct vl_strmap {
    vl_strmap_slot *slots; /* a power of two of them */
    size_t slot_count, count, max;
    uint64_t seed; /* random, so that a hostile vocabulary cannot aim at collisions */
    vl_buffer keys;
} vl_strmap;

/* Empty, nothing allocated yet. Keys may have 4 GiB together. */
void vl_strmap_init(vl_strmap *m, vl_mem_category category, size_t max_entries);
void vl_strmap_release(vl_strmap *m);

/* Sets key's value, replacing an old one. VALENCE_LIMIT past max_entries, VALENCE_NO_MEMORY; then
 * nothing has changed. */
vl_status vl_strmap_put(vl_strmap *m, vl_span key, int32_t value);

/* False when there is no such key; *value is untouched then. */
bool vl_strmap_get(const vl_strmap *m, vl_span key, int32_t *value);

#endif
