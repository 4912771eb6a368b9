/* ngrams_avx512.c: the numbers of eight n-grams at a time. */
#include <immintrin.h>

#include "text/ngrams.h"

/* The sum of the n words that end at p, before the factor. */
static inline __m512i chain_8(const uint64_t *p, int n, __mmask8 valid)
{
    __m512i s = _mm512_maskz_loadu_epi64(valid, p + 1 - n);
    for (int k = n - 2; k >= 0; k--)
        s = _mm512_add_epi64(_mm512_rol_epi64(s, 23), _mm512_maskz_loadu_epi64(valid, p - k));
    return s;
}

static inline void chain_all(uint64_t *out, const uint64_t *words, int count, int n)
{
    const __m512i factor = _mm512_set1_epi64((long long)vl_ngram_factors[n - 1]);
    for (int i = 0; i < count; i += 8) {
        __mmask8 valid = (__mmask8)(count - i >= 8 ? 0xFFu : (1u << (count - i)) - 1);
        __m512i s = chain_8(words + i, n, valid);
        _mm512_mask_storeu_epi64(out + i, valid, _mm512_mullo_epi64(s, factor));
    }
}

/* One instance per n, so that the inner loop is unrolled. */
void vl_ngrams_chain_avx512(uint64_t *out, const uint64_t *words, int count, int n)
{
    if (n == 1) chain_all(out, words, count, 1);
    else if (n == 2) chain_all(out, words, count, 2);
    else chain_all(out, words, count, 3);
}
