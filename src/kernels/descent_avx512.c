/* descent_avx512.c: descent_x16.h in AVX-512's registers. */
#include "kernels/x16_avx512.h"

#include "kernels/descent_x16.h"

void vl_adamw_avx512(float *w, float *m, float *v, const float *gradient, int64_t n,
                     const vl_adamw_step *step)
{
    adamw(w, m, v, gradient, n, step);
}

void vl_momentum_avx512(float *w, float *m, const float *gradient, int64_t n,
                        const vl_momentum_step *step)
{
    momentum(w, m, gradient, n, step);
}
