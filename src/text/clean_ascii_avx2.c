/* clean_ascii_avx2.c: the ASCII sweep over 64 bytes at a time, for AVX2.
 *
 * AVX2 looks up 16 bytes at once, so the table of 128 is eight look-ups; it cannot close gaps
 * between bytes either, so each group of eight bytes is shuffled by a control word for its keep
 * mask (2 kB of table). pext would do without the table, but is microcode on AMD before Zen 3,
 * exactly the machines this file is for. */
#include "text/clean_ascii.h"

#include <immintrin.h>
#include <string.h>

/* gather[m]: the indices of the set bits of m, lowest first, one per byte. From the highest bit
 * down, each bit either is not set or puts its index in front. */
#define BIT_0(v) (v), ((v) << 8 | 0)
#define BIT_1(v) BIT_0(v), BIT_0((v) << 8 | 1)
#define BIT_2(v) BIT_1(v), BIT_1((v) << 8 | 2)
#define BIT_3(v) BIT_2(v), BIT_2((v) << 8 | 3)
#define BIT_4(v) BIT_3(v), BIT_3((v) << 8 | 4)
#define BIT_5(v) BIT_4(v), BIT_4((v) << 8 | 5)
#define BIT_6(v) BIT_5(v), BIT_5((v) << 8 | 6)
static const uint64_t gather[256] = {BIT_6(0ull), BIT_6(7ull)};

/* rule->out of 32 bytes below 128. Row i serves the bytes 16 i + (0..15): xor with 16 i brings
 * these to 0..15 and all others above; adding 0x70 gives the others a high bit, for which the
 * shuffle says 0. */
static inline __m256i look_up(const vl_ascii_rule *rule, __m256i bytes)
{
    const __m128i *rows = (const __m128i *)(const void *)rule->out;
    __m256i out = _mm256_setzero_si256();
    for (int i = 0; i < 8; i++) {
        __m256i row = _mm256_broadcastsi128_si256(_mm_load_si128(rows + i));
        __m256i index = _mm256_xor_si256(bytes, _mm256_set1_epi8((char)(16 * i)));
        index = _mm256_adds_epu8(index, _mm256_set1_epi8(0x70));
        out = _mm256_or_si256(out, _mm256_shuffle_epi8(row, index));
    }
    return out;
}

static inline uint64_t mask_of(__m256i lo, __m256i hi)
{
    return (uint32_t)_mm256_movemask_epi8(lo) | (uint64_t)(uint32_t)_mm256_movemask_epi8(hi) << 32;
}

/* Writes the bytes of block whose bit in keep is set; n: no bit is set from there on. */
static inline char *compress(char *out, const unsigned char block[64], uint64_t keep, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        unsigned group = keep >> i & 0xFF;
        __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)(block + i));
        __m128i index = _mm_loadl_epi64((const __m128i *)(const void *)(gather + group));
        _mm_storel_epi64((__m128i *)(void *)out, _mm_shuffle_epi8(bytes, index));
        out += __builtin_popcount(group);
    }
    return out;
}

/* The first n of 64 readable bytes. Returns how many were read: fewer where another byte stands. */
static inline size_t clean_block(vl_ascii_writer *w, const vl_ascii_rule *rule, const char *in,
                                 size_t n)
{
    __m256i lo = _mm256_loadu_si256((const __m256i *)(const void *)in);
    __m256i hi = _mm256_loadu_si256((const __m256i *)(const void *)(in + 32));
    uint64_t other = mask_of(lo, hi);
    if (other && _tzcnt_u64(other) < n) n = _tzcnt_u64(other);
    uint64_t valid = _bzhi_u64(~0ull, (unsigned)n);
    lo = look_up(rule, lo);
    hi = look_up(rule, hi);
    __m256i folds = _mm256_set1_epi8((char)rule->space);
    uint64_t drop = mask_of(lo, hi) & valid;
    uint64_t space = mask_of(_mm256_cmpeq_epi8(lo, folds), _mm256_cmpeq_epi8(hi, folds)) & valid;
    uint64_t word = valid & ~drop & ~space;
    uint64_t keep = word | (space & vl_ascii_after_word(word, drop, w->word));
    w->word = vl_ascii_ends_in_word(word, space, w->word);
    _Alignas(32) unsigned char block[64];
    _mm256_store_si256((__m256i *)(void *)block, lo);
    _mm256_store_si256((__m256i *)(void *)(block + 32), hi);
    w->out = compress(w->out, block, keep, n);
    return n;
}

size_t vl_clean_ascii_avx2(vl_ascii_writer *w, const vl_ascii_rule *rule, const char *in,
                           size_t len)
{
    vl_ascii_writer now = *w;
    size_t done = 0, read = 64;
    for (; len - done >= 64 && read == 64; done += read)
        read = clean_block(&now, rule, in + done, 64);
    if (read == 64 && done < len) {
        char last[64] = {0};
        memcpy(last, in + done, len - done);
        done += clean_block(&now, rule, last, len - done);
    }
    *w = now;
    return done;
}
