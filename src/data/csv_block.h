/* csv_block.h: from the positions of quotes, delimiters and newlines in one block to its structure:
 * what the AVX2 and AVX-512 scans share. Included by those two files only (it needs CLMUL).
 *
 * A running xor over the quote bits says for each byte whether it is inside quotes (Langdale and
 * Lemire, "Parsing Gigabytes of JSON per Second", 2019); one carry-less multiplication by all ones
 * computes it. That toggles at every quote, which is what a byte-by-byte reader does too, as long
 * as each quote that opens stands at the start of a field or right behind another quote. We check
 * just that, and give a block that fails the check to the plain scan. */
#ifndef VL_CSV_BLOCK_H
#define VL_CSV_BLOCK_H

#include <immintrin.h>

#include "data/csv_scan.h"

typedef struct csv_bits {
    uint64_t quotes, delimiters, newlines;
} csv_bits;

static inline uint64_t prefix_xor(uint64_t bits)
{
    __m128i product =
        _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)bits), _mm_set1_epi8((char)0xFF), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

/* The state behind byte n-1 of the block. */
static inline vl_csv_state state_behind(uint64_t inside, uint64_t quotes, uint64_t separators,
                                        size_t n)
{
    uint64_t last = (uint64_t)1 << (n - 1);
    if (inside & last) return VL_CSV_QUOTED;
    if (quotes & last) return VL_CSV_QUOTE;
    return separators & last ? VL_CSV_START : VL_CSV_UNQUOTED;
}

/* One block of n bytes (1..64); bits at and above n are zero. */
static inline vl_csv_state csv_block(vl_csv_masks *out, csv_bits b, const char *bytes, size_t n,
                                     vl_csv_rules rules, vl_csv_state state)
{
    uint64_t both = b.delimiters | b.newlines;
    uint64_t carried = state == VL_CSV_QUOTED ? ~(uint64_t)0 : 0;
    uint64_t inside = b.quotes ? prefix_xor(b.quotes) ^ carried : carried;
    uint64_t separators = both & ~inside;
    uint64_t may_open =
        (separators | b.quotes) << 1 | (uint64_t)(state == VL_CSV_START || state == VL_CSV_QUOTE);
    if (b.quotes & inside & ~may_open) return vl_csv_scan_scalar(out, bytes, n, rules, state);
    *out = (vl_csv_masks){separators, b.newlines};
    return state_behind(inside, b.quotes, separators, n);
}

#endif
