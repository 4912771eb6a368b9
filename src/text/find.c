/* find.c: the searches behind the rewriting passes. Where a block of 16 would read past the text
 * the same test is made byte by byte. */
#include "text/find.h"

#include <emmintrin.h>
#include <stdint.h>

static __m128i load(vl_span text, size_t at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)(text.ptr + at));
}

/* at + the lowest set bit of mask; mask is not 0. */
static size_t first_of(size_t at, int mask)
{
    return at + (size_t)__builtin_ctz((unsigned)mask);
}

size_t vl_find_either(vl_span text, size_t from, char a, char b)
{
    const __m128i as = _mm_set1_epi8(a), bs = _mm_set1_epi8(b);
    size_t i = from;
    for (; i + 16 <= text.len; i += 16) {
        __m128i x = load(text, i);
        int hits = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(x, as), _mm_cmpeq_epi8(x, bs)));
        if (hits) return first_of(i, hits);
    }
    while (i < text.len && text.ptr[i] != a && text.ptr[i] != b) i++;
    return i;
}

static __m128i pair_hits(__m128i first, __m128i second, char a, char b)
{
    return _mm_and_si128(_mm_cmpeq_epi8(first, _mm_set1_epi8(a)),
                         _mm_cmpeq_epi8(second, _mm_set1_epi8(b)));
}

size_t vl_find_pair(vl_span text, size_t from, const char pairs[4])
{
    const __m128i fold = _mm_set1_epi8(0x20);
    size_t i = from;
    for (; i + 17 <= text.len; i += 16) {
        __m128i x = _mm_or_si128(load(text, i), fold), y = _mm_or_si128(load(text, i + 1), fold);
        int hits = _mm_movemask_epi8(
            _mm_or_si128(pair_hits(x, y, pairs[0], pairs[1]), pair_hits(x, y, pairs[2], pairs[3])));
        if (hits) return first_of(i, hits);
    }
    for (; i + 2 <= text.len; i++) {
        char x = text.ptr[i] | 0x20, y = text.ptr[i + 1] | 0x20;
        if ((x == pairs[0] && y == pairs[1]) || (x == pairs[2] && y == pairs[3])) return i;
    }
    return text.len;
}

size_t vl_find_triple(vl_span text, size_t from)
{
    size_t i = from;
    for (; i + 18 <= text.len; i += 16) {
        __m128i x = load(text, i), y = load(text, i + 1), z = load(text, i + 2);
        __m128i same = _mm_and_si128(_mm_cmpeq_epi8(x, y), _mm_cmpeq_epi8(y, z));
        int hits = _mm_movemask_epi8(_mm_or_si128(same, x));
        if (hits) return first_of(i, hits);
    }
    for (; i < text.len; i++) {
        const char *p = text.ptr + i;
        if (*p & 0x80 || (i + 3 <= text.len && p[0] == p[1] && p[1] == p[2])) return i;
    }
    return i;
}

size_t vl_find_marked(vl_span text, size_t from, const bool marked[256])
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    size_t i = from;
    for (; i < text.len && text.len - i >= 8; i += 8) { /* marks are rare: eight bytes, one branch */
        const unsigned char *q = p + i;
        if (marked[q[0]] | marked[q[1]] | marked[q[2]] | marked[q[3]] | marked[q[4]] |
            marked[q[5]] | marked[q[6]] | marked[q[7]])
            break;
    }
    while (i < text.len && !marked[p[i]]) i++;
    return i;
}
