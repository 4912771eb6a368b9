/* norm.h: layer normalisation with its learnt scale and shift. */
#ifndef VL_NORM_H
#define VL_NORM_H

#include "base/store.h"

typedef struct vl_norm {
    float *gamma, *beta; /* (N); beta NULL: no shift. gamma NULL: this norm is not there */
    int64_t N;
    float eps;
} vl_norm;

/* Takes NAME.weight (N) and, if there is one, NAME.bias (N). needed false: where the store has no
 * such tensor the norm lets everything through. */
vl_status vl_norm_open(vl_norm *n, const vl_store *store, const char *name, int64_t N, float eps,
                       bool needed, valence_error *error);
void vl_norm_release(vl_norm *n); /* zeroed struct is fine */

/* dst = norm(src + residual), rows of N without gaps; residual NULL: 0. Any two may be the same. */
void vl_norm_run(const vl_norm *n, float *dst, const float *src, const float *residual, int64_t R);

#endif
