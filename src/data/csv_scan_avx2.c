/* csv_scan_avx2.c: the scan with two 32-byte compares per block and character. */
#include "data/csv_block.h"

#include <string.h>

static inline uint64_t equal(__m256i lo, __m256i hi, __m256i byte)
{
    uint32_t a = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(lo, byte));
    uint32_t b = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(hi, byte));
    return (uint64_t)b << 32 | a;
}

static inline csv_bits bits_of(const char *bytes, vl_csv_rules rules)
{
    __m256i lo = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
    __m256i hi = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + 32));
    return (csv_bits){.quotes = rules.quoting ? equal(lo, hi, _mm256_set1_epi8('"')) : 0,
                      .delimiters = equal(lo, hi, _mm256_set1_epi8(rules.delimiter)),
                      .newlines = equal(lo, hi, _mm256_set1_epi8('\n'))};
}

static inline csv_bits bits_of_tail(const char *bytes, size_t n, vl_csv_rules rules)
{
    char padded[64] = {0};
    memcpy(padded, bytes, n);
    csv_bits b = bits_of(padded, rules);
    uint64_t valid = ((uint64_t)1 << n) - 1;
    return (csv_bits){b.quotes & valid, b.delimiters & valid, b.newlines & valid};
}

/* Inlined twice, so that the choice of quoting is made outside the loop. */
static inline __attribute__((always_inline)) vl_csv_state
scan(vl_csv_masks *out, const char *bytes, size_t len, vl_csv_rules rules, vl_csv_state state)
{
    size_t i = 0;
    for (; len - i >= 64; i += 64)
        state = csv_block(out++, bits_of(bytes + i, rules), bytes + i, 64, rules, state);
    if (i == len) return state;
    csv_bits tail = bits_of_tail(bytes + i, len - i, rules);
    return csv_block(out, tail, bytes + i, len - i, rules, state);
}

vl_csv_state vl_csv_scan_avx2(vl_csv_masks *out, const char *bytes, size_t len, vl_csv_rules rules,
                              vl_csv_state state)
{
    if (rules.quoting) return scan(out, bytes, len, (vl_csv_rules){rules.delimiter, true}, state);
    return scan(out, bytes, len, (vl_csv_rules){rules.delimiter, false}, state);
}
