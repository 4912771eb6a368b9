/* wordpieces.h: makes the vocabulary of a neural model from texts: a WordPiece tokenizer.json of
 * the most frequent words, of all characters that are not rare, and of frequent parts of the other
 * words, so that hardly any word is unknown. Lower-case, accents dropped, cut as BERT cuts.
 * Deterministic: the same texts in the same order give the same bytes. */
#ifndef VL_WORDPIECES_H
#define VL_WORDPIECES_H

#include "base/buffer.h"
#include "train/corpus.h"

/* The first ids of every vocabulary made here. */
enum {
    VL_PIECE_PAD,
    VL_PIECE_UNKNOWN,
    VL_PIECE_FIRST,
    VL_PIECE_LAST,
    VL_PIECE_MASK,
    VL_PIECE_SPECIALS
};

enum { VL_WORDPIECES_LEAST = 256, VL_WORDPIECES_MOST = 1 << 20 };

typedef struct vl_wordpieces_options {
    int32_t size;      /* tokens at most, VL_WORDPIECES_LEAST.._MOST */
    int32_t min_count; /* words and characters that occur less often are left to pieces */
    double pieces;     /* share of the vocabulary for parts of words */
    bool framed;       /* texts get [CLS] .. [SEP] around them (transformers) */
} vl_wordpieces_options;

vl_wordpieces_options vl_wordpieces_defaults(void);

/* Appends the tokenizer.json. Holds each distinct word once, at most a few million of them: words
 * that first come after that are not counted. */
vl_status vl_wordpieces_build(vl_buffer *json, const vl_corpus *corpus,
                              const vl_wordpieces_options *options, valence_error *error);

#endif
