/* ngrams.c: a polynomial over word hashes, by rotation and addition, finished by one odd factor per
 * length: each step is invertible, so nothing is lost beyond the words' own hashes. The numbers are
 * part of the model format. */
#include "text/ngrams.h"

#include <assert.h>
#include <string.h>

#include "base/cpu.h"

const uint64_t vl_ngram_factors[VL_NGRAM_MAX] = {0x9FB21C651E98DF25u, 0xA0761D6478BD642Fu,
                                                 0xE7037ED1A0B428DBu};

static inline uint64_t chain(uint64_t older, uint64_t newer)
{
    return (older << 23 | older >> 41) + newer;
}

uint64_t vl_ngram_number(const uint64_t *hash, int n)
{
    uint64_t s = hash[0];
    for (int i = 1; i < n; i++) s = chain(s, hash[i]);
    return s * vl_ngram_factors[n - 1];
}

void vl_ngrams_chain_scalar(uint64_t *out, const uint64_t *words, int count, int n)
{
    for (int i = 0; i < count; i++) out[i] = vl_ngram_number(words + i + 1 - n, n);
}

/* Below AVX-512 there is no 64-bit product of vectors. */
static vl_ngrams_chain_fn *const chain_of[VL_ISA_COUNT] = {
    vl_ngrams_chain_scalar, vl_ngrams_chain_scalar, vl_ngrams_chain_avx512};

/* N-grams of n among words[0..count). */
static int append_n(uint64_t *out, const uint64_t *words, int count, int n)
{
    if (count < n) return 0;
    chain_of[vl_isa_active()](out, words + n - 1, count - n + 1, n);
    return count - n + 1;
}

static void move_window(vl_ngram_window *w, const vl_word_block *b)
{
    if (b->count >= 2) {
        memcpy(w->hash, b->hash + b->count - 2, sizeof w->hash);
    } else if (b->count == 1) {
        w->hash[0] = w->hash[1];
        w->hash[1] = b->hash[0];
    }
    w->count = w->count + b->count < 2 ? w->count + b->count : 2;
}

/* n-grams that begin in the window: at most one pair and two triples. */
static int append_crossing(uint64_t *out, const vl_word_block *b, const vl_ngram_window *w, int n)
{
    uint64_t words[2 * VL_NGRAM_MAX];
    int before = n - 1 < w->count ? n - 1 : w->count;
    int after = n - 1 < b->count ? n - 1 : b->count;
    memcpy(words, w->hash + 2 - before, (size_t)before * sizeof *words);
    memcpy(words + before, b->hash, (size_t)after * sizeof *words);
    return append_n(out, words, before + after, n);
}

int vl_ngrams_of_block(uint64_t *out, const vl_word_block *b, int max_n, vl_ngram_window *window)
{
    assert(max_n >= 1 && max_n <= VL_NGRAM_MAX);
    int k = append_n(out, b->hash, b->count, 1);
    for (int n = 2; n <= max_n; n++) {
        k += append_crossing(out + k, b, window, n);
        k += append_n(out + k, b->hash, b->count, n);
    }
    move_window(window, b);
    return k;
}
