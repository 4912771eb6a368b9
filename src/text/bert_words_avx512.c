/* bert_words_avx512.c: the kernel of bert_words.h with 64-byte vectors. */
#include "text/bert_words.h"

#include <immintrin.h>

static inline __mmask64 in_range(__m512i c, char first, char count)
{
    return _mm512_cmplt_epu8_mask(_mm512_sub_epi8(c, _mm512_set1_epi8(first)),
                                  _mm512_set1_epi8(count));
}

int vl_bert_classify_avx512(vl_bert_block *b, const char *text, int len, bool fold)
{
    const __m512i bit = _mm512_set1_epi8(0x20);
    for (int row = 0; 64 * row < len; row++) {
        int rest = len - 64 * row;
        __mmask64 valid = rest >= 64 ? ~(__mmask64)0 : _bzhi_u64(~(uint64_t)0, (unsigned)rest);
        __m512i c = _mm512_mask_loadu_epi8(bit, valid, text + 64 * row);
        __mmask64 letter = in_range(_mm512_or_si512(c, bit), 'a', 26);
        __mmask64 word = letter | in_range(c, '0', 10), visible = in_range(c, 0x21, 94);
        __mmask64 blank = _mm512_cmpeq_epi8_mask(c, bit) | in_range(c, '\t', 2) |
                          _mm512_cmpeq_epi8_mask(c, _mm512_set1_epi8('\r'));
        _mm512_storeu_si512(
            b->lower + 64 * row,
            _mm512_mask_or_epi64(c, fold ? 0xFF : 0, c, _mm512_maskz_mov_epi8(letter, bit)));
        uint64_t foreign = ~(visible | blank), keep = _blsmsk_u64(foreign) >> 1;
        keep = foreign ? keep : ~(uint64_t)0;
        b->word[row] = word & keep;
        b->mark[row] = visible & ~word & keep;
        if (foreign) return 64 * row + (int)_tzcnt_u64(foreign);
    }
    return len;
}
