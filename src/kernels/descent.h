/* descent.h: one step of an optimiser over an array of parameters: AdamW (Loshchilov and Hutter
 * 2019) and SGD with momentum. What a step multiplies with is computed by the caller, once a step.
 * Any thread, any alignment, nothing is allocated; all arrays are (n) and apart. */
#ifndef VL_DESCENT_H
#define VL_DESCENT_H

#include <stdint.h>

typedef struct vl_adamw_step {
    float beta1, beta2; /* how much of the means stays */
    float rate;         /* learning rate / (1 - beta1^t) */
    float unbias;       /* 1 / sqrt(1 - beta2^t) */
    float epsilon;
    float keep;  /* 1 - learning rate * weight decay: 1 where there is none */
    float scale; /* of the gradient: the clipping's */
} vl_adamw_step;

/* g = scale * gradient;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
 * w = keep * w - rate * m / (sqrt(v) * unbias + epsilon) */
void vl_adamw(float *w, float *m, float *v, const float *gradient, int64_t n,
              const vl_adamw_step *step);

typedef struct vl_momentum_step {
    float momentum, rate, keep, scale; /* as above */
} vl_momentum_step;

/* m = momentum * m + scale * gradient;  w = keep * w - rate * m */
void vl_momentum(float *w, float *m, const float *gradient, int64_t n,
                 const vl_momentum_step *step);

typedef void vl_adamw_fn(float *w, float *m, float *v, const float *gradient, int64_t n,
                         const vl_adamw_step *step);
typedef void vl_momentum_fn(float *w, float *m, const float *gradient, int64_t n,
                            const vl_momentum_step *step);
vl_adamw_fn vl_adamw_scalar, vl_adamw_avx2, vl_adamw_avx512;
vl_momentum_fn vl_momentum_scalar, vl_momentum_avx2, vl_momentum_avx512;

#endif
