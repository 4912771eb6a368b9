/* batches.h: the order in which an epoch shows its texts: shuffled, then grouped by length so that
 * a batch's texts are alike, then shuffled batch by batch. Of the seed and the epoch alone. The
 * caller holds the struct and releases it. */
#ifndef VL_BATCHES_H
#define VL_BATCHES_H

#include "train/token_corpus.h"

typedef struct vl_batches {
    int64_t *texts;  /* (n) indices into the corpus, batch after batch */
    int64_t *starts; /* (count+1) */
    int64_t n, count;
} vl_batches;

typedef struct vl_batch_limits {
    int64_t tokens; /* of a batch; a longer text makes one alone */
    int32_t texts;
} vl_batch_limits;

/* index: (n) the texts to be shown. Within a batch the longest come first. */
vl_status vl_batches_make(vl_batches *b, const vl_token_corpus *c, const int64_t *index, int64_t n,
                          const vl_batch_limits *limits, uint64_t seed, int64_t epoch);

/* The same without shuffling, longest first. */
vl_status vl_batches_make_sorted(vl_batches *b, const vl_token_corpus *c, const int64_t *index,
                                 int64_t n, const vl_batch_limits *limits);
void vl_batches_release(vl_batches *b); /* zeroed struct is fine */

#endif
