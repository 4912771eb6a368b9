/* features.h: a text becomes the ids of the n-grams a model knows: cleaning passes, words, n-grams,
 * look-up, each id once. A vl_features is constant and shared; a scratch belongs to one thread. */
#ifndef VL_FEATURES_H
#define VL_FEATURES_H

#include "base/batch.h"
#include "text/clean.h"
#include "text/ngram_table.h"
#include "text/ngrams.h"

typedef struct vl_features {
    uint32_t passes;     /* of clean.h, before anything else */
    unsigned word_flags; /* of words.h */
    int max_n;           /* 1..VL_NGRAM_MAX */
    bool counts;         /* give how often each n-gram occurs as weights; else weights is NULL */
    vl_ngram_table table;
    const char *rows; /* what the model reads of slot i stands at rows + i * row_bytes: asked for as
                       * soon as the slot is known. NULL: not worth it */
    size_t row_bytes;
} vl_features;

typedef struct vl_feature_scratch vl_feature_scratch;

vl_status vl_feature_scratch_open(vl_feature_scratch **out, const vl_features *f,
                                  valence_error *error);
void vl_feature_scratch_close(vl_feature_scratch *s); /* NULL is fine */

/* The features of one text: batch->B = 1; the arrays belong to the scratch and live until its next
 * text. *words: how many words the text has (0: nothing to go by); may be NULL. Allocates only when
 * cleaning passes meet a text longer than any before; that can fail with VALENCE_NO_MEMORY. */
vl_status vl_features_of_text(const vl_features *f, vl_feature_scratch *s, vl_span text,
                              vl_batch *batch, uint64_t *words);

/* ---- The stream below, for counting n-grams in training -------------------------------------- */

/* Called with the n-grams of one block after the other. */
typedef vl_status vl_ngram_sink(void *user, const uint64_t *ngrams, int count);

/* Runs passes, words and n-grams over a text; f->table is not used. */
vl_status vl_features_stream(const vl_features *f, vl_feature_scratch *s, vl_span text,
                             vl_ngram_sink *sink, void *user, uint64_t *words);

#endif
