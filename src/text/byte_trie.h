/* byte_trie.h: a set of byte strings with a number each, walked byte by byte: the longest member
 * that begins somewhere costs one probe a byte. Edges lie in one hash table.
 * The caller holds the struct and releases it. Putting from one thread, walking from any. */
#ifndef VL_BYTE_TRIE_H
#define VL_BYTE_TRIE_H

#include <stdint.h>

#include "base/mem.h"
#include "base/span.h"

enum { VL_TRIE_ROOT = 0, VL_TRIE_NODES_MAX = 1 << 24 };

typedef struct vl_trie_edge {
    uint32_t key;   /* parent << 8 | byte */
    uint32_t child; /* 0: an empty slot; the root is nobody's child */
} vl_trie_edge;

typedef struct vl_byte_trie {
    vl_trie_edge *edges;
    int32_t *values; /* (nodes) -1: no member ends here */
    uint32_t nodes, node_room;
    int shift;           /* 64 - log2(slots) */
    uint64_t multiplier; /* random and odd, so that a hostile vocabulary cannot aim at collisions */
    vl_mem_category category;
} vl_byte_trie;

/* Just a root. */
vl_status vl_byte_trie_init(vl_byte_trie *t, vl_mem_category category);
void vl_byte_trie_release(vl_byte_trie *t); /* zeroed struct is fine */

/* Sets the value (>= 0) of key. VALENCE_LIMIT past VL_TRIE_NODES_MAX, VALENCE_NO_MEMORY. */
vl_status vl_byte_trie_put(vl_byte_trie *t, vl_span key, int32_t value);

/* The value of key, or -1. */
int32_t vl_byte_trie_get(const vl_byte_trie *t, vl_span key);

/* The node reached from node by byte, or 0. */
static inline uint32_t vl_byte_trie_step(const vl_byte_trie *t, uint32_t node, unsigned char byte)
{
    uint32_t key = node << 8 | byte, mask = (uint32_t)((uint64_t)1 << (64 - t->shift)) - 1;
    for (uint32_t i = (uint32_t)(key * t->multiplier >> t->shift);; i = (i + 1) & mask) {
        if (t->edges[i].child == 0) return 0;
        if (t->edges[i].key == key) return t->edges[i].child;
    }
}

/* The node reached from node by all of key, or 0. An empty key: node itself. */
uint32_t vl_byte_trie_walk(const vl_byte_trie *t, uint32_t node, vl_span key);

/* The longest member that is a beginning of text, its length in *len (>= 1); -1: none. Starts at
 * node. */
int32_t vl_byte_trie_longest(const vl_byte_trie *t, uint32_t node, vl_span text, size_t *len);

#endif
