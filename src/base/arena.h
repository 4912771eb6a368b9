/* arena.h: memory that is given back all at once. For blocks that share a lifetime: process (never
 * reset), model (released with it), batch and request (reset between two of them; the memory stays,
 * so that a steady state allocates nothing). Not for blocks that are freed one by one: that is
 * mem.h. The caller holds the struct; blocks are valid until _reset or _release. One thread at a
 * time. */
#ifndef VL_ARENA_H
#define VL_ARENA_H

#include <stddef.h>

#include "base/mem.h"

typedef struct vl_arena_block vl_arena_block;

typedef struct vl_arena {
    vl_mem_category category;
    size_t block_bytes, max; /* as given to _init */
    size_t total;            /* bytes of all memory held */
    vl_arena_block *first, *current;
} vl_arena;

/* Empty, nothing allocated yet. block_bytes: how much is fetched at a time (larger requests get
 * their own). max: the most memory it may ever hold. */
void vl_arena_init(vl_arena *a, vl_mem_category category, size_t block_bytes, size_t max);

/* Fetches a block with room for `bytes` now, so that the hot path need not. */
vl_status vl_arena_reserve(vl_arena *a, size_t bytes);

/* Uninitialised bytes (size 0 gives a valid pointer); align: a power of two. NULL: out of memory or
 * past max; nothing has changed then. */
void *vl_arena_alloc(vl_arena *a, size_t size, size_t align);

/* A copy with a NUL behind, or NULL. */
char *vl_arena_copy_string(vl_arena *a, const char *text, size_t len);

/* Forgets all blocks, keeps the memory (under AddressSanitizer it is poisoned until used again). */
void vl_arena_reset(vl_arena *a);

void vl_arena_release(vl_arena *a);

#endif
