/* ngram_lookup_avx512.c: look-up of ngram_table.h; buckets and fingerprints are computed for eight
 * n-grams at a time. The compare avoids mask registers: GCC 12 spills an 8-bit one as a byte and reads
 * 32 bits back. */
#include <immintrin.h>

#include "text/ngram_table.h"

enum { GROUP = 8 };

static inline int find_one(int32_t *slots, int n, const uint16_t *fingerprints, uint32_t bucket,
                           uint16_t fingerprint)
{
    __m128i there =
        _mm_loadu_si128((const __m128i *)(const void *)(fingerprints + (size_t)bucket * VL_BUCKET));
    __m128i equal = _mm_cmpeq_epi16(there, _mm_set1_epi16((short)fingerprint));
    unsigned match = (unsigned)_mm_movemask_epi8(equal); /* two bits for each place */
    slots[n] = (int32_t)(bucket * VL_BUCKET + _tzcnt_u32(match) / 2);
    return n + (match != 0);
}

/* where NULL: not asked for; one loop compiled twice. */
static inline __attribute__((always_inline)) int look_up(int32_t *slots, int32_t *where,
                                                         const vl_ngram_table *t,
                                                         const uint64_t *ngrams, int count)
{
    const __m512i buckets = _mm512_set1_epi64((long long)t->buckets);
    const __m128i one = _mm_set1_epi16(1);
    int n = 0, i = 0;
    for (; i + GROUP <= count; i += GROUP) {
        _Alignas(32) uint32_t bucket[GROUP];
        _Alignas(16) uint16_t fingerprint[GROUP];
        __m512i g = _mm512_loadu_si512(ngrams + i);
        __m512i b = _mm512_srli_epi64(_mm512_mul_epu32(_mm512_srli_epi64(g, 32), buckets), 32);
        __m128i f = _mm512_cvtepi64_epi16(_mm512_srli_epi64(g, 24));
        f = _mm_mask_blend_epi16(_mm_testn_epi16_mask(f, f), f, one);
        _mm256_store_si256((__m256i *)(void *)bucket, _mm512_cvtepi64_epi32(b));
        _mm_store_si128((__m128i *)(void *)fingerprint, f);
        for (int k = 0; k < GROUP; k++) {
            if (where) where[n] = i + k;
            n = find_one(slots, n, t->fingerprints, bucket[k], fingerprint[k]);
        }
    }
    for (; i < count; i++) {
        if (where) where[n] = i;
        n = find_one(slots, n, t->fingerprints, vl_ngram_bucket(ngrams[i], t->buckets),
                     vl_ngram_fingerprint(ngrams[i]));
    }
    return n;
}

int vl_ngram_lookup_avx512(int32_t *slots, const vl_ngram_table *t, const uint64_t *ngrams,
                           int count)
{
    return look_up(slots, NULL, t, ngrams, count);
}

int vl_ngram_locate_avx512(int32_t *slots, int32_t *where, const vl_ngram_table *t,
                           const uint64_t *ngrams, int count)
{
    return look_up(slots, where, t, ngrams, count);
}
