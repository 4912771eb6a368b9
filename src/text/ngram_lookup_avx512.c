/* ngram_lookup_avx512.c: look-up of ngram_table.h in tiles: places and fingerprints of a tile are
 * computed eight at a time and their buckets fetched ahead, then each bucket is compared. The compare
 * avoids mask registers: GCC 12 spills an 8-bit one as a byte and reads 32 bits back. */
#include <immintrin.h>

#include "text/ngram_table.h"

enum { GROUP = 8, TILE = 64 };

typedef struct tile {
    _Alignas(64) uint32_t bucket[TILE];
    _Alignas(64) uint16_t fingerprint[TILE];
} tile;

static inline void place_group(tile *t, int at, const uint64_t *ngrams, __m512i buckets,
                               const uint16_t *fingerprints)
{
    const __m128i one = _mm_set1_epi16(1);
    __m512i g = _mm512_loadu_si512(ngrams);
    __m512i b = _mm512_srli_epi64(_mm512_mul_epu32(_mm512_srli_epi64(g, 32), buckets), 32);
    __m128i f = _mm512_cvtepi64_epi16(_mm512_srli_epi64(g, 24));
    f = _mm_max_epu16(f, one); /* 0 counts as 1 */
    _mm256_store_si256((__m256i *)(void *)(t->bucket + at), _mm512_cvtepi64_epi32(b));
    _mm_store_si128((__m128i *)(void *)(t->fingerprint + at), f);
    for (int k = 0; k < GROUP; k++)
        _mm_prefetch((const char *)(fingerprints + (size_t)t->bucket[at + k] * VL_BUCKET),
                     _MM_HINT_T0);
}

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

int vl_ngram_lookup_avx512(int32_t *slots, const vl_ngram_table *t, const uint64_t *ngrams,
                           int count)
{
    const __m512i buckets = _mm512_set1_epi64((long long)t->buckets);
    int n = 0, i = 0;
    while (count - i >= GROUP) {
        tile now;
        int size = count - i >= TILE ? TILE : (count - i) / GROUP * GROUP;
        for (int at = 0; at < size; at += GROUP)
            place_group(&now, at, ngrams + i + at, buckets, t->fingerprints);
        for (int k = 0; k < size; k++)
            n = find_one(slots, n, t->fingerprints, now.bucket[k], now.fingerprint[k]);
        i += size;
    }
    for (; i < count; i++)
        n = find_one(slots, n, t->fingerprints, vl_ngram_bucket(ngrams[i], t->buckets),
                     vl_ngram_fingerprint(ngrams[i]));
    return n;
}
