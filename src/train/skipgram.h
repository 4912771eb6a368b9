/* skipgram.h: word vectors from unlabelled texts: skip-grams with negative sampling (Mikolov et al.
 * 2013) where a token's vector is the mean of its own and those of its character n-grams
 * (Bojanowski et al. 2017), so that rare words and parts of words lean on what they look like. The
 * same seed gives the same vectors to the bit, for any number of threads. */
#ifndef VL_SKIPGRAM_H
#define VL_SKIPGRAM_H

#include "train/token_corpus.h"

typedef struct vl_skipgram_options {
    int32_t E;        /* numbers of a vector */
    int32_t window;   /* neighbours to each side, at most; drawn anew for each token */
    double negatives; /* their weight against one true neighbour */
    int32_t buckets;  /* rows that character n-grams are hashed into; 0: no n-grams */
    int epochs;
    double rate;   /* falls to zero over the epochs */
    double sample; /* tokens more frequent than this are thinned out */
    double scale;  /* root mean square of the finished vectors' numbers */
    uint64_t seed;
    const char *checkpoint; /* path, or NULL: none */
    double checkpoint_seconds;
    bool resume; /* go on from it where there is one */
    int (*progress)(void *user, double share, double loss,
                    int64_t tokens); /* or NULL; not 0: stop */
    void *user;
} vl_skipgram_options;

vl_skipgram_options vl_skipgram_defaults(void);

/* out: (V,E), V the tokenizer's size. VALENCE_CANCELLED when progress says so; the checkpoint is
 * written before. */
vl_status vl_skipgram_train(float *out, const vl_token_corpus *texts, const vl_tokenizer *t,
                            const vl_skipgram_options *options, vl_workers *workers,
                            valence_error *error);

#endif
