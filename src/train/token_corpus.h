/* token_corpus.h: a corpus as token ids: what neural models learn from. Owns its arrays. */
#ifndef VL_TOKEN_CORPUS_H
#define VL_TOKEN_CORPUS_H

#include "text/tokenizer.h"
#include "train/corpus.h"

typedef struct vl_token_corpus {
    int32_t *ids;     /* (offsets[count]) */
    int64_t *offsets; /* (count+1) */
    int64_t count;    /* texts, in the corpus' order */
    int64_t unknown;  /* tokens with the id `unknown_id` */
} vl_token_corpus;

/* longest: of a longer text the first quarter and the last three of that many tokens stay, the
 * template's around it included, for a review's verdict is mostly at its end; 0: all stay. An empty
 * text has its template's tokens, or none. */
vl_status vl_token_corpus_make(vl_token_corpus *out, const vl_corpus *corpus, const vl_tokenizer *t,
                               int32_t longest, int32_t unknown_id, vl_workers *workers,
                               valence_error *error);
void vl_token_corpus_release(vl_token_corpus *t); /* zeroed struct is fine */

static inline int64_t vl_token_corpus_length(const vl_token_corpus *t, int64_t i)
{
    return t->offsets[i + 1] - t->offsets[i];
}

#endif
