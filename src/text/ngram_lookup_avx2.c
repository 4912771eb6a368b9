/* ngram_lookup_avx2.c: look-up of ngram_table.h, one compare per bucket and no branch on whether
 * the n-gram is known (about every second is: a branch would be mispredicted as often). */
#include <immintrin.h>

#include "text/ngram_table.h"

/* where NULL: not asked for; one loop compiled twice. */
static inline __attribute__((always_inline)) int look_up(int32_t *slots, int32_t *where,
                                                         const vl_ngram_table *t,
                                                         const uint64_t *ngrams, int count)
{
    int n = 0;
    for (int i = 0; i < count; i++) {
        uint32_t bucket = vl_ngram_bucket(ngrams[i], t->buckets);
        const uint16_t *f = t->fingerprints + (size_t)bucket * VL_BUCKET;
        __m128i wanted = _mm_set1_epi16((short)vl_ngram_fingerprint(ngrams[i]));
        __m128i there = _mm_loadu_si128((const __m128i *)(const void *)f);
        unsigned match = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi16(there, wanted));
        slots[n] = (int32_t)(bucket * VL_BUCKET + _tzcnt_u32(match) / 2);
        if (where) where[n] = i;
        n += match != 0;
    }
    return n;
}

int vl_ngram_lookup_avx2(int32_t *slots, const vl_ngram_table *t, const uint64_t *ngrams, int count)
{
    return look_up(slots, NULL, t, ngrams, count);
}

int vl_ngram_locate_avx2(int32_t *slots, int32_t *where, const vl_ngram_table *t,
                         const uint64_t *ngrams, int count)
{
    return look_up(slots, where, t, ngrams, count);
}
