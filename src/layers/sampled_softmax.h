/* sampled_softmax.h: the loss of a language model over a few candidates in place of the whole
 * vocabulary, there and back.
 *
 *     s(r,w) = h_r . e_w
 *     loss   = sum over r of log( exp s(r,wanted) + sum over c of exp s(r,c) ) - s(r,wanted)
 *
 * over candidates c that are not the wanted token. With candidates drawn as often as tokens occur,
 * q(w), this is sampled softmax (Jean et al. 2015) of logits log q(w) + s(r,w): taking log of the
 * expected count off each logit leaves s and a constant. So s says how much likelier than usual a
 * token is, and no bias has to be learnt.
 *
 * Nothing is allocated; one thread; call vl_gemm_open before. */
#ifndef VL_SAMPLED_SOFTMAX_H
#define VL_SAMPLED_SOFTMAX_H

#include <stdint.h>

typedef struct vl_sampled_softmax {
    int64_t R, S, E;             /* places, candidates, numbers of a vector */
    const float *h;              /* (R,E) */
    const float *wanted;         /* (R,E) vectors of the tokens that come */
    const float *candidates;     /* (S,E) */
    const int32_t *wanted_id;    /* (R); below 0: nothing comes there, the row does not count */
    const int32_t *candidate_id; /* (S) may hold one more than once */
} vl_sampled_softmax;

typedef struct vl_sampled_score {
    double loss;
    int64_t places, right; /* rows that count; those whose token beat all candidates */
} vl_sampled_score;

/* The gradients of loss times scale: dh and dwanted are set, to dcandidates is added. */
typedef struct vl_sampled_gradients {
    float *dh, *dwanted; /* (R,E) */
    float *dcandidates;  /* (S,E) */
    float scale;
} vl_sampled_gradients;

/* to: NULL: only the score. logits: (R,S) of scratch. */
vl_sampled_score vl_sampled_softmax_run(const vl_sampled_softmax *s, const vl_sampled_gradients *to,
                                        float *logits);

#endif
