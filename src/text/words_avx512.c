/* words_avx512.c: the kernels of words.h with 64-byte vectors: a table look-up classifies a byte,
 * a compress turns bits into positions. */
#include "text/words.h"

#include <immintrin.h>

enum { WORD = 1, MARK = 2, APOSTROPHE = 4 };

#define M MARK
#define W WORD
/* Class of each ASCII byte. */
static const uint8_t classes[128] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,          0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, M, M, M, M, M, M, APOSTROPHE, M, M, M, M, M, M, M, M, W, W, W, W,
    W, W, W, W, W, W, M, M, M, M, M, M, M, W,          W, W, W, W, W, W, W, W, W, W, W, W,
    W, W, W, W, W, W, W, W, W, W, W, W, W, M,          M, M, M, W, M, W, W, W, W, W, W, W,
    W, W, W, W, W, W, W, W, W, W, W, W, W, W,          W, W, W, W, W, M, M, M, M, M};
#undef M
#undef W

void vl_words_classify_avx512(vl_word_block *b, const char *text, int len)
{
    const __m512i low = _mm512_loadu_si512(classes), high = _mm512_loadu_si512(classes + 64);
    for (int row = 0; 64 * row < len; row++) {
        int rest = len - 64 * row;
        __mmask64 valid = rest >= 64 ? ~(__mmask64)0 : _bzhi_u64(~(uint64_t)0, (unsigned)rest);
        __m512i c = _mm512_maskz_loadu_epi8(valid, text + 64 * row);
        __mmask64 upper =
            _mm512_cmplt_epu8_mask(_mm512_sub_epi8(c, _mm512_set1_epi8('A')), _mm512_set1_epi8(26));
        __m512i lower = _mm512_mask_add_epi8(c, upper, c, _mm512_set1_epi8(32));
        _mm512_storeu_si512(b->lower + 64 * row, lower);
        __mmask64 foreign = _mm512_movepi8_mask(c); /* bytes >= 0x80 */
        __m512i class = _mm512_mask_blend_epi8(foreign, _mm512_permutex2var_epi8(low, c, high),
                                               _mm512_set1_epi8(WORD));
        b->word[row] = _mm512_test_epi8_mask(class, _mm512_set1_epi8(WORD));
        b->mark[row] = _mm512_test_epi8_mask(class, _mm512_set1_epi8(MARK));
        b->apostrophe[row] = _mm512_test_epi8_mask(class, _mm512_set1_epi8(APOSTROPHE));
    }
}

int vl_words_positions_avx512(uint16_t *out, const uint64_t *bits, int rows)
{
    static const uint8_t counting[64] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
        44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    const __m512i index = _mm512_loadu_si512(counting);
    int n = 0;
    for (int r = 0; r < rows; r++) {
        __m512i packed = _mm512_maskz_compress_epi8(bits[r], index);
        __m512i base = _mm512_set1_epi16((short)(64 * r));
        __m512i lo = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(packed));
        _mm512_storeu_si512(out + n, _mm512_add_epi16(lo, base));
        int count = (int)_mm_popcnt_u64(bits[r]);
        if (count > 32) {
            __m512i hi = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(packed, 1));
            _mm512_storeu_si512(out + n + 32, _mm512_add_epi16(hi, base));
        }
        n += count;
    }
    return n;
}
