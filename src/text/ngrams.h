/* ngrams.h: n-grams of words as 64-bit numbers, n = 1..3, without building strings. An n-gram of a
 * text is any n words in a row, across sentences. Two n-grams are the same if their numbers are. */
#ifndef VL_NGRAMS_H
#define VL_NGRAMS_H

#include "text/words.h"

enum { VL_NGRAM_MAX = 3 };

/* The last words before the present block, so that n-grams reach across blocks. Zero it at the start
 * of a text. */
typedef struct vl_ngram_window {
    uint64_t hash[VL_NGRAM_MAX - 1]; /* [0] is the older one */
    int count;
} vl_ngram_window;

/* Appends the n-grams (n <= max_n) that end in the block's words: all single words, then all pairs,
 * then all triples. out has room for max_n * b->count. Returns their number and moves the window. */
int vl_ngrams_of_block(uint64_t *out, const vl_word_block *b, int max_n, vl_ngram_window *window);

/* Kernel: out[i] = number of the n-gram that ends in words[i], i in [0, count); reads from
 * words[1 - n] on. */
typedef void vl_ngrams_chain_fn(uint64_t *out, const uint64_t *words, int count, int n);
vl_ngrams_chain_fn vl_ngrams_chain_scalar, vl_ngrams_chain_avx512;

/* What each n-gram length's sum is multiplied by; part of the model format. */
extern const uint64_t vl_ngram_factors[VL_NGRAM_MAX];

/* The number of one n-gram, from its words' hashes. */
uint64_t vl_ngram_number(const uint64_t *hash, int n);

#endif
