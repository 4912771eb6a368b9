/* threshold.h: the confidence below which a model should abstain, so that the answers it does give
 * are right as often as asked. */
#ifndef VL_THRESHOLD_H
#define VL_THRESHOLD_H

#include "base/status.h"

typedef struct vl_threshold {
    double asked;     /* share of answers that must be right; 0: nothing was asked */
    float confidence; /* answer from this probability on; 0: always */
    double precision; /* share right of the texts answered, */
    double coverage;  /* and their share of all: measured where the threshold was chosen */
} vl_threshold;

/* The smallest threshold for which 95 % certainty (one-sided, Clopper-Pearson) says that at least
 * `asked` of the answers are right. logits (n,K) that were not trained on, label (n). An error
 * tells the best there is. */
vl_status vl_threshold_choose(vl_threshold *t, double asked, const float *logits,
                              const int32_t *label, int64_t n, int32_t K, float temperature,
                              valence_error *error);

/* The lower bound itself: the largest precision that `right` of n refute with 95 % certainty. */
double vl_threshold_bound(int64_t right, int64_t n);

#endif
