/* hash.c: the one file that knows xxHash. */
#include "base/hash.h"

#include <xxhash.h>

uint64_t vl_hash64(const void *bytes, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, len, seed);
}

vl_hasher *vl_hasher_open(void)
{
    XXH3_state_t *state = XXH3_createState();
    if (state) XXH3_64bits_reset(state);
    return (vl_hasher *)state;
}

void vl_hasher_add(vl_hasher *h, const void *bytes, size_t len)
{
    XXH3_64bits_update((XXH3_state_t *)h, bytes, len);
}

uint64_t vl_hasher_value(const vl_hasher *h)
{
    return XXH3_64bits_digest((const XXH3_state_t *)h);
}

void vl_hasher_close(vl_hasher *h)
{
    XXH3_freeState((XXH3_state_t *)h);
}
