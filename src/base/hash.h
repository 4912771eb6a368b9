/* hash.h: XXH3 for checksums and caches. The n-gram hash is text/'s own: it is part of the model
 * format. */
#ifndef VL_HASH_H
#define VL_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t vl_hash64(const void *bytes, size_t len, uint64_t seed);

/* A running hash over pieces; same value as vl_hash64(whole, seed 0). */
typedef struct vl_hasher vl_hasher;
vl_hasher *vl_hasher_open(void); /* NULL: out of memory */
void vl_hasher_add(vl_hasher *h, const void *bytes, size_t len);
uint64_t vl_hasher_value(const vl_hasher *h);
void vl_hasher_close(vl_hasher *h);

/* The n-th random 64-bit number of a seed (splitmix64): counter-based, so any thread may ask. */
static inline uint64_t vl_random_at(uint64_t seed, uint64_t n)
{
    uint64_t z = seed + (n + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

#endif
