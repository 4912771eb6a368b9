/* argmax.h: the class that is said: the first of the largest. Any thread. */
#ifndef VL_ARGMAX_H
#define VL_ARGMAX_H

#include <stdint.h>

/* p: (K), K >= 1. A NaN is never larger. */
static inline int32_t vl_argmax(const float *p, int32_t K)
{
    int32_t best = 0;
    for (int32_t k = 1; k < K; k++)
        if (p[k] > p[best]) best = k;
    return best;
}

#endif
