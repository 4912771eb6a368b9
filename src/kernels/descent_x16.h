/* descent_x16.h: descent.h, sixteen floats at a time: the body of descent_avx2.c and
 * descent_avx512.c. */
#include "kernels/descent.h"

/* Of whole registers, which is known where these are inlined, without a mask. */
static inline __attribute__((always_inline)) vl_x16 take(const float *p, int64_t n)
{
    return n == 16 ? vl_x16_load(p) : vl_x16_load_some(p, n);
}

static inline __attribute__((always_inline)) void put(float *p, vl_x16 x, int64_t n)
{
    if (n == 16) vl_x16_store(p, x);
    else vl_x16_store_some(p, x, n);
}

static inline __attribute__((always_inline)) void
adamw_16(float *w, float *m, float *v, const float *gradient, int64_t n, const vl_adamw_step *s)
{
    vl_x16 beta1 = vl_x16_set(s->beta1), beta2 = vl_x16_set(s->beta2);
    vl_x16 g = vl_x16_mul(vl_x16_set(s->scale), take(gradient, n));
    vl_x16 mean = vl_x16_fma(beta1, take(m, n), vl_x16_mul(vl_x16_set(1 - s->beta1), g));
    vl_x16 square = vl_x16_mul(vl_x16_mul(vl_x16_set(1 - s->beta2), g), g);
    square = vl_x16_fma(beta2, take(v, n), square);
    vl_x16 below = vl_x16_fma(vl_x16_sqrt(square), vl_x16_set(s->unbias), vl_x16_set(s->epsilon));
    vl_x16 step = vl_x16_div(vl_x16_mul(vl_x16_set(s->rate), mean), below);
    vl_x16 kept = vl_x16_mul(vl_x16_set(s->keep), take(w, n));
    put(m, mean, n);
    put(v, square, n);
    put(w, vl_x16_sub(kept, step), n);
}

static void adamw(float *w, float *m, float *v, const float *gradient, int64_t n,
                  const vl_adamw_step *s)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) adamw_16(w + i, m + i, v + i, gradient + i, 16, s);
    if (i < n) adamw_16(w + i, m + i, v + i, gradient + i, n - i, s);
}

static inline __attribute__((always_inline)) void
momentum_16(float *w, float *m, const float *gradient, int64_t n, const vl_momentum_step *s)
{
    vl_x16 g = vl_x16_mul(vl_x16_set(s->scale), take(gradient, n));
    vl_x16 mean = vl_x16_fma(vl_x16_set(s->momentum), take(m, n), g);
    vl_x16 kept = vl_x16_mul(vl_x16_set(s->keep), take(w, n));
    put(m, mean, n);
    put(w, vl_x16_fnma(vl_x16_set(s->rate), mean, kept), n);
}

static void momentum(float *w, float *m, const float *gradient, int64_t n,
                     const vl_momentum_step *s)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) momentum_16(w + i, m + i, gradient + i, 16, s);
    if (i < n) momentum_16(w + i, m + i, gradient + i, n - i, s);
}
