/* byte_trie.c: open addressing with linear probing, at most half full. */
#include "text/byte_trie.h"

#include <sys/random.h>

enum { FIRST_BITS = 9, FIRST_NODES = 64 };

static vl_trie_edge *edges_of(vl_mem_category category, int shift)
{
    return vl_alloc_zero(category, ((size_t)1 << (64 - shift)) * sizeof(vl_trie_edge));
}

vl_status vl_byte_trie_init(vl_byte_trie *t, vl_mem_category category)
{
    *t = (vl_byte_trie){.category = category, .shift = 64 - FIRST_BITS, .nodes = 1};
    if (getrandom(&t->multiplier, sizeof t->multiplier, GRND_NONBLOCK) !=
        (ssize_t)sizeof t->multiplier)
        t->multiplier = 0x9E3779B97F4A7C15u;
    t->multiplier |= 1;
    t->node_room = FIRST_NODES;
    t->edges = edges_of(category, t->shift);
    t->values = vl_alloc_array(category, t->node_room, sizeof *t->values);
    if (!t->edges || !t->values) return VALENCE_NO_MEMORY;
    t->values[VL_TRIE_ROOT] = -1;
    return VALENCE_OK;
}

void vl_byte_trie_release(vl_byte_trie *t)
{
    vl_free(t->edges);
    vl_free(t->values);
    *t = (vl_byte_trie){.category = t->category};
}

static void place(vl_byte_trie *t, vl_trie_edge edge)
{
    uint32_t mask = (uint32_t)((uint64_t)1 << (64 - t->shift)) - 1;
    uint32_t i = (uint32_t)(edge.key * t->multiplier >> t->shift);
    while (t->edges[i].child) i = (i + 1) & mask;
    t->edges[i] = edge;
}

static vl_status grow_edges(vl_byte_trie *t)
{
    vl_byte_trie larger = *t;
    larger.shift--;
    larger.edges = edges_of(t->category, larger.shift);
    if (!larger.edges) return VALENCE_NO_MEMORY;
    size_t slots = (size_t)1 << (64 - t->shift);
    for (size_t i = 0; i < slots; i++)
        if (t->edges[i].child) place(&larger, t->edges[i]);
    vl_free(t->edges);
    *t = larger;
    return VALENCE_OK;
}

static vl_status grow_nodes(vl_byte_trie *t)
{
    int32_t *values = vl_realloc(t->category, t->values, 2u * t->node_room * sizeof *values);
    if (!values) return VALENCE_NO_MEMORY;
    t->values = values;
    t->node_room *= 2;
    return VALENCE_OK;
}

static vl_status add_child(vl_byte_trie *t, uint32_t parent, unsigned char byte, uint32_t *child)
{
    if (t->nodes >= VL_TRIE_NODES_MAX) return VALENCE_LIMIT;
    if (t->nodes == t->node_room) VL_TRY(grow_nodes(t));
    if (2 * (uint64_t)t->nodes >= (uint64_t)1 << (64 - t->shift)) VL_TRY(grow_edges(t));
    *child = t->nodes++;
    t->values[*child] = -1;
    place(t, (vl_trie_edge){parent << 8 | byte, *child});
    return VALENCE_OK;
}

vl_status vl_byte_trie_put(vl_byte_trie *t, vl_span key, int32_t value)
{
    uint32_t node = VL_TRIE_ROOT;
    for (size_t i = 0; i < key.len; i++) {
        uint32_t next = vl_byte_trie_step(t, node, (unsigned char)key.ptr[i]);
        if (!next) VL_TRY(add_child(t, node, (unsigned char)key.ptr[i], &next));
        node = next;
    }
    t->values[node] = value;
    return VALENCE_OK;
}

uint32_t vl_byte_trie_walk(const vl_byte_trie *t, uint32_t node, vl_span key)
{
    for (size_t i = 0; i < key.len; i++) {
        node = vl_byte_trie_step(t, node, (unsigned char)key.ptr[i]);
        if (!node) return 0;
    }
    return node;
}

int32_t vl_byte_trie_get(const vl_byte_trie *t, vl_span key)
{
    uint32_t node = vl_byte_trie_walk(t, VL_TRIE_ROOT, key);
    return node || key.len == 0 ? t->values[node] : -1;
}

int32_t vl_byte_trie_longest(const vl_byte_trie *t, uint32_t node, vl_span text, size_t *len)
{
    int32_t best = -1;
    for (size_t i = 0; i < text.len; i++) {
        node = vl_byte_trie_step(t, node, (unsigned char)text.ptr[i]);
        if (!node) break;
        if (t->values[node] < 0) continue;
        best = t->values[node];
        *len = i + 1;
    }
    return best;
}
