/* activation_x16.h: the loops over activation_formulas_x16.h: the body of activation_avx2.c and
 * activation_avx512.c. */
#include "kernels/activation_formulas_x16.h"

static inline __attribute__((always_inline)) void bias_activate(float *x, const float *bias,
                                                                int64_t n, vl_activation a)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        vl_x16 v = vl_x16_load(x + i);
        if (bias) v = vl_x16_add(v, vl_x16_load(bias + i));
        vl_x16_store(x + i, activated(v, a));
    }
    if (i == n) return;
    vl_x16 v = vl_x16_load_some(x + i, n - i);
    if (bias) v = vl_x16_add(v, vl_x16_load_some(bias + i, n - i));
    vl_x16_store_some(x + i, activated(v, a), n - i);
}

static inline __attribute__((always_inline)) void
gate_by(float *dst, const float *gate, const float *up, int64_t n, vl_activation a)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        vl_x16_store(dst + i, vl_x16_mul(activated(vl_x16_load(gate + i), a), vl_x16_load(up + i)));
    if (i == n) return;
    vl_x16 g = activated(vl_x16_load_some(gate + i, n - i), a);
    vl_x16_store_some(dst + i, vl_x16_mul(g, vl_x16_load_some(up + i, n - i)), n - i);
}

static void bias_activate_all(float *x, const float *bias, int64_t n, vl_activation a)
{
#define CASE(name)                                                                                 \
    if (a == name) bias ? bias_activate(x, bias, n, name) : bias_activate(x, NULL, n, name);
    EACH_ACTIVATION(CASE)
#undef CASE
}

static void gate_all(float *dst, const float *gate, const float *up, int64_t n, vl_activation a)
{
#define CASE(name)                                                                                 \
    if (a == name) gate_by(dst, gate, up, n, name);
    EACH_ACTIVATION(CASE)
#undef CASE
}
