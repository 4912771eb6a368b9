/* word_vectors.h: a vocabulary and its vectors, in a file of their own: what `valence train
 * embeddings` makes of unlabelled texts, and what neural models begin with. A safetensors file:
 * embeddings.word (V,E) F32, and in its metadata the tokenizer.json. */
#ifndef VL_WORD_VECTORS_H
#define VL_WORD_VECTORS_H

#include "base/store.h"
#include "train/skipgram.h"
#include "train/wordpieces.h"

#define VL_WORDS_FORMAT "valence.embeddings.1"

typedef struct vl_word_vectors_report {
    int64_t texts, tokens, unknown; /* unknown: tokens that are [UNK] */
    int32_t vocabulary;
    double vocabulary_seconds, vector_seconds;
} vl_word_vectors_report;

/* Fills an open store. progress as of the skip-grams'. */
vl_status vl_word_vectors_make(vl_store *store, vl_word_vectors_report *report,
                               const vl_corpus *corpus, const vl_wordpieces_options *pieces,
                               const vl_skipgram_options *skipgram, vl_workers *workers,
                               valence_error *error);

/* The two parts of such a file, checked: both belong to the store. */
vl_status vl_word_vectors_read(const vl_store *store, const char **tokenizer,
                               const vl_tensor **vectors, valence_error *error);

#endif
