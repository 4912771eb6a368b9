/* descent_scalar.c: the plain version. */
#include <math.h>

#include "kernels/descent.h"

void vl_adamw_scalar(float *w, float *m, float *v, const float *gradient, int64_t n,
                     const vl_adamw_step *s)
{
    for (int64_t i = 0; i < n; i++) {
        float g = s->scale * gradient[i];
        m[i] = fmaf(s->beta1, m[i], (1 - s->beta1) * g);
        v[i] = fmaf(s->beta2, v[i], (1 - s->beta2) * g * g);
        w[i] = s->keep * w[i] - s->rate * m[i] / fmaf(sqrtf(v[i]), s->unbias, s->epsilon);
    }
}

void vl_momentum_scalar(float *w, float *m, const float *gradient, int64_t n,
                        const vl_momentum_step *s)
{
    for (int64_t i = 0; i < n; i++) {
        m[i] = fmaf(s->momentum, m[i], s->scale * gradient[i]);
        w[i] = fmaf(-s->rate, m[i], s->keep * w[i]);
    }
}
