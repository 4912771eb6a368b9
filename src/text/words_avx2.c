/* words_avx2.c: the kernels of words.h with 32-byte vectors. */
#include "text/words.h"

#include <immintrin.h>
#include <string.h>

/* 255 where lo <= c <= hi, for signed bytes with 0 < lo (so that bytes >= 0x80 never match). */
static inline __m256i between(__m256i c, char lo, char hi)
{
    return _mm256_and_si256(_mm256_cmpgt_epi8(c, _mm256_set1_epi8((char)(lo - 1))),
                            _mm256_cmpgt_epi8(_mm256_set1_epi8((char)(hi + 1)), c));
}

static inline uint64_t bits_of(__m256i v)
{
    return (uint32_t)_mm256_movemask_epi8(v);
}

typedef struct masks {
    uint64_t word, mark, apostrophe;
} masks;

static inline masks classify_32(char *lower, const char *text)
{
    __m256i c = _mm256_loadu_si256((const __m256i *)(const void *)text);
    __m256i upper = between(c, 'A', 'Z');
    __m256i small = _mm256_or_si256(c, _mm256_and_si256(upper, _mm256_set1_epi8(32)));
    _mm256_storeu_si256((__m256i *)(void *)lower, small);
    __m256i word = _mm256_or_si256(between(small, 'a', 'z'), between(c, '0', '9'));
    word = _mm256_or_si256(word, _mm256_cmpeq_epi8(c, _mm256_set1_epi8('_')));
    uint64_t w = bits_of(_mm256_or_si256(word, c)); /* movemask also takes bytes >= 0x80 */
    uint64_t a = bits_of(_mm256_cmpeq_epi8(c, _mm256_set1_epi8('\'')));
    uint64_t visible = bits_of(_mm256_cmpgt_epi8(c, _mm256_set1_epi8(' ')));
    return (masks){w, visible & ~w & ~a, a};
}

static inline void classify_64(vl_word_block *b, const char *text, int row)
{
    masks lo = classify_32(b->lower + 64 * row, text);
    masks hi = classify_32(b->lower + 64 * row + 32, text + 32);
    b->word[row] = lo.word | hi.word << 32;
    b->mark[row] = lo.mark | hi.mark << 32;
    b->apostrophe[row] = lo.apostrophe | hi.apostrophe << 32;
}

void vl_words_classify_avx2(vl_word_block *b, const char *text, int len)
{
    int row = 0;
    for (; 64 * (row + 1) <= len; row++) classify_64(b, text + 64 * row, row);
    int rest = len - 64 * row;
    if (rest == 0) return;
    char tail[64] = {0};
    memcpy(tail, text + 64 * row, (size_t)rest);
    classify_64(b, tail, row);
}

int vl_words_positions_avx2(uint16_t *out, const uint64_t *bits, int rows)
{
    int n = 0;
    for (int r = 0; r < rows; r++) {
        uint64_t left = bits[r];
        int count = (int)_mm_popcnt_u64(left);
        uint16_t *o = out + n;
        uint16_t base = (uint16_t)(64 * r);
        /* Four at a time without a test in between: what is written too much is overwritten. */
        for (int i = 0; i < count; i += 4)
            for (int k = 0; k < 4; k++, left = _blsr_u64(left))
                o[i + k] = (uint16_t)(base + _tzcnt_u64(left));
        n += count;
    }
    return n;
}
