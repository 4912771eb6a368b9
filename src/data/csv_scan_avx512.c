/* csv_scan_avx512.c: the scan with one 64-byte compare per block and character. */
#include "data/csv_block.h"

static inline csv_bits bits_of(__m512i block, __mmask64 valid, vl_csv_rules rules)
{
    __m512i quote = _mm512_set1_epi8('"'), delimiter = _mm512_set1_epi8(rules.delimiter);
    return (csv_bits){
        .quotes = rules.quoting ? _mm512_mask_cmpeq_epi8_mask(valid, block, quote) : 0,
        .delimiters = _mm512_mask_cmpeq_epi8_mask(valid, block, delimiter),
        .newlines = _mm512_mask_cmpeq_epi8_mask(valid, block, _mm512_set1_epi8('\n'))};
}

/* Inlined twice, so that the choice of quoting is made outside the loop. */
static inline __attribute__((always_inline)) vl_csv_state
scan(vl_csv_masks *out, const char *bytes, size_t len, vl_csv_rules rules, vl_csv_state state)
{
    size_t i = 0;
    for (; len - i >= 64; i += 64) {
        __m512i block = _mm512_loadu_si512(bytes + i);
        csv_bits b = bits_of(block, ~(__mmask64)0, rules);
        state = csv_block(out++, b, bytes + i, 64, rules, state);
    }
    if (i == len) return state;
    __mmask64 valid = ((__mmask64)1 << (len - i)) - 1;
    csv_bits tail = bits_of(_mm512_maskz_loadu_epi8(valid, bytes + i), valid, rules);
    return csv_block(out, tail, bytes + i, len - i, rules, state);
}

vl_csv_state vl_csv_scan_avx512(vl_csv_masks *out, const char *bytes, size_t len,
                                vl_csv_rules rules, vl_csv_state state)
{
    if (rules.quoting) return scan(out, bytes, len, (vl_csv_rules){rules.delimiter, true}, state);
    return scan(out, bytes, len, (vl_csv_rules){rules.delimiter, false}, state);
}
