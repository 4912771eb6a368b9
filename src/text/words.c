/* words.c: cuts a text into blocks, runs the kernels and hashes the words they found. */
#include "text/words.h"

#include <assert.h>
#include <string.h>

#include "base/cpu.h"

static vl_words_classify_fn *const classify_of[VL_ISA_COUNT] = {
    vl_words_classify_scalar, vl_words_classify_avx2, vl_words_classify_avx512};
static vl_words_positions_fn *const positions_of[VL_ISA_COUNT] = {
    vl_words_positions_scalar, vl_words_positions_avx2, vl_words_positions_avx512};

static bool is_ascii(const char *text, size_t len)
{
    uint64_t any = 0, block;
    size_t i = 0;
    for (; i + 32 <= len; i += 32) {
        uint64_t four[4];
        memcpy(four, text + i, 32);
        any |= four[0] | four[1] | four[2] | four[3];
    }
    for (; i + 8 <= len; i += 8) {
        memcpy(&block, text + i, 8);
        any |= block;
    }
    for (; i < len; i++) any |= (unsigned char)text[i];
    return (any & 0x8080808080808080u) == 0;
}

/* How much of text makes one block of at most max bytes. */
static size_t block_length(vl_span text, size_t max)
{
    if (text.len <= max) return text.len;
    size_t n = max;
    while (n > 0 && (unsigned char)text.ptr[n - 1] > ' ') n--;
    if (n > 0) return n;
    n = max; /* no blank at all: cut between two code points */
    while (n > max - 4 && ((unsigned char)text.ptr[n] & 0xC0) == 0x80) n--;
    return n;
}

/* An apostrophe between two word bytes belongs to the word, any other is a mark. */
static void resolve_apostrophes(vl_word_block *b, int rows)
{
    uint64_t before = 0; /* bit 0: the last byte of the previous row is a word's */
    for (int r = 0; r < rows; r++) {
        uint64_t w = b->word[r];
        uint64_t after = r + 1 < rows ? b->word[r + 1] << 63 : 0;
        uint64_t inner = b->apostrophe[r] & (w << 1 | before) & (w >> 1 | after);
        before = w >> 63;
        b->word[r] = w | inner;
        b->mark[r] |= b->apostrophe[r] & ~inner;
    }
}

/* Turns word and mark bits into bits of first bytes (word) and of last bytes (mark), in place. */
static void mark_edges(vl_word_block *b, int rows, unsigned flags)
{
    uint64_t before = 0;
    for (int r = 0; r < rows; r++) {
        uint64_t w = b->word[r], marks = flags & VL_WORDS_MARKS ? b->mark[r] : 0;
        uint64_t after = r + 1 < rows ? b->word[r + 1] << 63 : 0;
        b->word[r] = (w & ~(w << 1 | before)) | marks;
        b->mark[r] = (w & ~(w >> 1 | after)) | marks;
        before = w >> 63;
    }
}

/* Multiplies to 128 bits and folds: the mixing step of wyhash. */
static inline uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 p = (unsigned __int128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

#define SEED_0 0x9E3779B97F4A7C15u
#define SEED_1 0xD6E8FEB86659FD93u

/* mask[n]: the first n of 16 bytes. */
static const uint8_t ones[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                 255, 255, 255, 255, 255, 255, 255, 255};

/* One step takes 16 bytes, zero-filled; bytes past len may be read (the block is padded). */
static inline uint64_t hash_16(uint64_t h, const char *p, int len)
{
    uint64_t lo, hi, mask_lo, mask_hi;
    memcpy(&lo, p, 8);
    memcpy(&hi, p + 8, 8);
    memcpy(&mask_lo, ones + 16 - len, 8);
    memcpy(&mask_hi, ones + 24 - len, 8);
    return mix((lo & mask_lo) ^ h, (hi & mask_hi) ^ SEED_1);
}

static uint64_t hash_long(const char *p, int len)
{
    uint64_t h = SEED_0;
    for (; len > 16; p += 16, len -= 16) h = hash_16(h, p, 16);
    return hash_16(h, p, len);
}

static void hash_words(vl_word_block *b)
{
    for (int i = 0; i < b->count; i++) {
        const char *p = b->lower + b->begin[i];
        int len = b->end[i] - b->begin[i];
        b->hash[i] = __builtin_expect(len <= 16, 1) ? hash_16(SEED_0, p, len) : hash_long(p, len);
    }
}

size_t vl_words_next(vl_word_block *b, vl_span text, unsigned flags)
{
    vl_isa isa = vl_isa_active();
    size_t used = block_length(text, VL_WORDS_BLOCK);
    const char *source = text.ptr;
    int len = (int)used;
    b->rewritten = !is_ascii(text.ptr, used);
    if (b->rewritten) {
        used = block_length(text, VL_WORDS_BLOCK / 2);
        len = vl_words_plain(b->plain, text.ptr, (int)used);
        source = b->plain;
    }
    assert(len <= VL_WORDS_BLOCK);
    int rows = (len + 63) / 64;
    classify_of[isa](b, source, len);
    resolve_apostrophes(b, rows);
    mark_edges(b, rows, flags);
    b->count = positions_of[isa](b->begin, b->word, rows);
    int ends = positions_of[isa](b->end, b->mark, rows);
    assert(ends == b->count); /* every word that begins ends in its block */
    (void)ends;
    for (int i = 0; i < b->count; i++) b->end[i]++;
    hash_words(b);
    return used;
}
