/* word_cache.c: its memory. */
#include "text/word_cache.h"

vl_status vl_word_cache_init(vl_word_cache *c)
{
    c->words = vl_alloc_zero(VL_MEM_REQUEST, sizeof *c->words << VL_CACHE_BITS);
    return c->words ? VALENCE_OK : VALENCE_NO_MEMORY;
}

void vl_word_cache_release(vl_word_cache *c)
{
    vl_free(c->words);
    c->words = NULL;
}
