/* ranking.h: scores in [0, 1], each with a yes or no, in order: what precision-recall, coverage and
 * confidence thresholds are made from. A score and its answer are one key of 32 bits, since floats
 * of one sign sort like their bits. Equal scores stay together: no threshold can part them. */
#ifndef VL_RANKING_H
#define VL_RANKING_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/status.h"

/* A score outside [0, 1] becomes the nearest one within, what is no number 0. */
static inline uint32_t vl_rank_key(float score, bool yes)
{
    uint32_t bits;
    score = score > 0 ? score < 1 ? score : 1 : 0;
    memcpy(&bits, &score, sizeof bits);
    return bits << 1 | yes; /* 1.0f is 0x3F800000: nothing is lost */
}

static inline float vl_rank_score(uint32_t key)
{
    float score;
    key >>= 1;
    memcpy(&score, &key, sizeof score);
    return score;
}

/* Sorts keys (n), the highest score first. VALENCE_NO_MEMORY leaves them as they were. */
vl_status vl_rank_sort(uint32_t *keys, int64_t n);

/* A threshold: the `kept` first of the sorted keys have at least this score, `yes` of them are yes.
 */
typedef struct vl_rank_cut {
    int64_t kept, yes;
    float score;
} vl_rank_cut;

/* The next lower threshold; start with a zeroed cut. False behind the last. */
bool vl_rank_next(vl_rank_cut *cut, const uint32_t *keys, int64_t n);

/* Average precision of sorted keys: the sum over thresholds of precision times what recall grew
 * (no interpolation, as scikit-learn has it). 0 if none is yes. */
double vl_rank_average_precision(const uint32_t *keys, int64_t n);

/* Mean error (1 - share of yes) over all n ways to keep the best-scored 1..n (AURC of Geifman and
 * El-Yaniv 2017), ties kept together. */
double vl_rank_mean_risk(const uint32_t *keys, int64_t n);

#endif
