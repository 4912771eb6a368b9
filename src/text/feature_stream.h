/* feature_stream.h: the inside of features.c, shared with feature_places.c: a text as blocks of words
 * and their n-grams. */
#ifndef VL_FEATURE_STREAM_H
#define VL_FEATURE_STREAM_H

#include "text/clean_map.h"
#include "text/features.h"

enum { VL_BLOCK_NGRAMS = VL_NGRAM_MAX * VL_WORDS_BLOCK + 16 };

struct vl_feature_scratch {
    vl_word_block block;
    uint64_t ngrams[VL_BLOCK_NGRAMS];
    int32_t hits[VL_BLOCK_NGRAMS]; /* slots of one block's known n-grams, repeats included */
    vl_clean_scratch clean;
    uint64_t *seen;    /* (slots / 64) bit: slot is in ids already; all 0 between texts */
    int32_t *ids;      /* (slots) */
    int32_t *place;    /* (slots) with counts: where in ids a seen slot stands */
    float *weights;    /* (slots) with counts */
    int32_t offsets[2];
};

/* One block of a text. Of the n-grams of length n the last one ends in the block's last word, the
 * one before in the word before, and so on. */
typedef struct vl_ngram_block {
    const vl_word_block *words;
    const uint64_t *ngrams; /* (count) all of length 1, then 2, then 3 */
    int count;
    int count_of[VL_NGRAM_MAX]; /* by length */
    vl_span text;               /* the cleaned text that made this block */
    size_t cleaned;             /* its offset in the cleaned piece */
    size_t piece;               /* the piece's offset in the original text */
} vl_ngram_block;

typedef vl_status vl_ngram_block_sink(void *user, const vl_ngram_block *block);

/* The one way from text to n-grams. map: NULL, or to be told where cleaned bytes come from; it speaks
 * of the present block's piece (texts without cleaning passes have one piece and need no map). */
vl_status vl_feature_blocks(const vl_features *f, vl_feature_scratch *s, vl_clean_map *map,
                            vl_span text, vl_ngram_block_sink *sink, void *user, uint64_t *words);

#endif
