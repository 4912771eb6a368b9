/* clean_ascii_avx512.c: the ASCII sweep over 64 bytes at a time, for AVX-512 with VBMI2.
 *
 * One instruction looks up all 128 entries, one closes the gaps. The latter is used from register
 * to register with a plain store behind it: its form that stores is microcode on Zen 4. */
#include "text/clean_ascii.h"

#include <immintrin.h>

size_t vl_clean_ascii_avx512(vl_ascii_writer *w, const vl_ascii_rule *rule, const char *in,
                             size_t len)
{
    const __m512i lo = _mm512_load_si512(rule->out), hi = _mm512_load_si512(rule->out + 64);
    const __m512i folds = _mm512_set1_epi8((char)rule->space);
    vl_ascii_writer now = *w;
    size_t done = 0, read = 64;
    for (; done < len && read == 64; done += read) {
        uint64_t valid = _bzhi_u64(~0ull, len - done < 64 ? (unsigned)(len - done) : 64);
        __m512i bytes = _mm512_maskz_loadu_epi8(valid, in + done);
        uint64_t other = _mm512_movepi8_mask(bytes);
        valid &= (other & -other) - 1; /* below its lowest bit; all where it has none */
        __m512i out = _mm512_permutex2var_epi8(lo, bytes, hi);
        uint64_t drop = _mm512_movepi8_mask(out) & valid;
        uint64_t space = _mm512_mask_cmpeq_epi8_mask(valid, out, folds);
        uint64_t word = valid & ~drop & ~space;
        uint64_t keep = word | (space & vl_ascii_after_word(word, drop, now.word));
        now.word = vl_ascii_ends_in_word(word, space, now.word);
        _mm512_storeu_si512(now.out, _mm512_maskz_compress_epi8(keep, out));
        now.out += _mm_popcnt_u64(keep);
        read = (size_t)_mm_popcnt_u64(valid);
    }
    *w = now;
    return done;
}
