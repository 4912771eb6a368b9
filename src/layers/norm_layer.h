/* norm_layer.h: layer normalisation in training, there and back (Ba et al. 2016). Nothing is
 * allocated; any thread. */
#ifndef VL_NORM_LAYER_H
#define VL_NORM_LAYER_H

#include <stdint.h>

/* y = n * gamma + beta with n = (x - mean) / sqrt(variance + eps) by row. x, y, n: (R,N), y may be
 * x; scale: (R) gets 1 / sqrt(variance + eps). n and scale are for the way back. */
typedef struct vl_norm_kept {
    float *n, *scale;
} vl_norm_kept;
void vl_norm_forward(float *y, const vl_norm_kept *kept, const float *x, const float *gamma,
                     const float *beta, int64_t R, int64_t N, float eps);

/* dx: (R,N), set; may be dy. Adds to dgamma and dbeta: (N). */
void vl_norm_back(float *dx, float *dgamma, float *dbeta, const float *dy, const vl_norm_kept *kept,
                  const float *gamma, int64_t R, int64_t N);

#endif
