/* word_cache.h: the tokens of words seen before, for one thread: most words of a text are among a
 * few thousand. An entry holds a word of up to 15 bytes and its up to 3 tokens; each word has one
 * place, where the last one stays. Exact: bytes are compared, nothing is guessed.
 * The caller holds the struct and releases it. */
#ifndef VL_WORD_CACHE_H
#define VL_WORD_CACHE_H

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

enum { VL_CACHED_BYTES = 15, VL_CACHED_TOKENS = 3, VL_CACHE_BITS = 14 };

typedef struct vl_word_key {
    uint64_t low, high; /* the bytes, then zeros; the last byte is the length */
} vl_word_key;

typedef struct vl_cached_word {
    vl_word_key key; /* zero: nothing */
    int32_t ids[VL_CACHED_TOKENS];
    uint8_t count;
    uint8_t ends[VL_CACHED_TOKENS]; /* where each token ends in the word */
} vl_cached_word;

typedef struct vl_word_cache {
    vl_cached_word *words; /* (1 << VL_CACHE_BITS) */
} vl_word_cache;

vl_status vl_word_cache_init(vl_word_cache *c);
void vl_word_cache_release(vl_word_cache *c); /* zeroed struct is fine */

/* The key of a word of len <= VL_CACHED_BYTES, behind whose beginning 16 bytes can be read. */
static inline vl_word_key vl_word_key_padded(const char *word, size_t len)
{
    vl_word_key k;
    memcpy(&k, word, sizeof k);
    uint64_t keep = ~(uint64_t)0 >> (63 & (64 - 8 * len)); /* of 1..8 bytes */
    k.high = len > 8 ? k.high & keep : 0;
    if (len < 8) k.low &= keep;
    k.high |= (uint64_t)len << 56;
    return k;
}

/* The same without padding. */
static inline vl_word_key vl_word_key_of(const char *word, size_t len)
{
    char copy[16] = {0};
    memcpy(copy, word, len);
    return vl_word_key_padded(copy, len);
}

static inline bool vl_word_key_equal(vl_word_key a, vl_word_key b)
{
    return ((a.low ^ b.low) | (a.high ^ b.high)) == 0;
}

/* The entry that a word has if it is there. */
static inline vl_cached_word *vl_word_cache_place(const vl_word_cache *c, vl_word_key k)
{
    uint64_t h = (k.low ^ k.high * 0xC2B2AE3D27D4EB4Fu) * 0x9E3779B97F4A7C15u;
    return &c->words[(h ^ h >> 29) * 0x9E3779B97F4A7C15u >> (64 - VL_CACHE_BITS)];
}

/* NULL: it is not there. */
static inline const vl_cached_word *vl_word_cache_find(const vl_word_cache *c, vl_word_key k)
{
    const vl_cached_word *entry = vl_word_cache_place(c, k);
    return vl_word_key_equal(entry->key, k) ? entry : NULL;
}

#endif
