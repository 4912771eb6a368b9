/* bert_words_avx2.c: the kernel of bert_words.h, 64 bytes as two vectors, by comparing ranges. */
#include "text/bert_words.h"

#include <immintrin.h>
#include <string.h>

typedef struct masks {
    uint64_t word, mark, foreign;
} masks;

/* Bytes in first .. first + count - 1. */
static inline __m256i in_range(__m256i c, char first, char count)
{
    __m256i place = _mm256_sub_epi8(c, _mm256_set1_epi8(first));
    return _mm256_cmpeq_epi8(_mm256_min_epu8(place, _mm256_set1_epi8((char)(count - 1))), place);
}

static inline masks classify_half(char *lower, const char *text, __m256i fold)
{
    __m256i c = _mm256_loadu_si256((const __m256i *)(const void *)text);
    const __m256i bit = _mm256_set1_epi8(0x20);
    __m256i letter = in_range(_mm256_or_si256(c, bit), 'a', 26);
    __m256i word = _mm256_or_si256(letter, in_range(c, '0', 10));
    __m256i visible = in_range(c, 0x21, 94);
    __m256i blank = _mm256_or_si256(
        _mm256_or_si256(_mm256_cmpeq_epi8(c, bit), _mm256_cmpeq_epi8(c, _mm256_set1_epi8('\r'))),
        in_range(c, '\t', 2));
    __m256i folded = _mm256_or_si256(c, _mm256_and_si256(letter, fold));
    _mm256_storeu_si256((__m256i *)(void *)lower, folded);
    return (masks){(uint32_t)_mm256_movemask_epi8(word),
                   (uint32_t)_mm256_movemask_epi8(_mm256_andnot_si256(word, visible)),
                   (uint32_t)~_mm256_movemask_epi8(_mm256_or_si256(visible, blank))};
}

int vl_bert_classify_avx2(vl_bert_block *b, const char *text, int len, bool fold)
{
    const __m256i add = _mm256_set1_epi8(fold ? 0x20 : 0);
    char tail[64];
    for (int row = 0; 64 * row < len; row++) {
        int rest = len - 64 * row;
        const char *from = text + 64 * row;
        if (rest < 64) {
            memset(tail, ' ', sizeof tail);
            memcpy(tail, from, (size_t)rest);
            from = tail;
        }
        masks lo = classify_half(b->lower + 64 * row, from, add),
              hi = classify_half(b->lower + 64 * row + 32, from + 32, add);
        uint64_t foreign = lo.foreign | hi.foreign << 32,
                 keep = foreign ? foreign ^ (foreign - 1) : 0;
        keep = foreign ? keep >> 1 : ~(uint64_t)0;
        b->word[row] = (lo.word | hi.word << 32) & keep;
        b->mark[row] = (lo.mark | hi.mark << 32) & keep;
        if (foreign) return 64 * row + __builtin_ctzll(foreign);
    }
    return len;
}
