/* activation_formulas_x16.h: the activation functions of sixteen floats. Included behind x16_avx2.h
 * or x16_avx512.h. The polynomials are minimax fits of tools/fit_polynomials.py. */
#ifndef VL_ACTIVATION_FORMULAS_X16_H
#define VL_ACTIVATION_FORMULAS_X16_H

#include "kernels/activation.h"
#include "kernels/exp2_x16.h"

/* With y = |x| and q(y) = erfc(y / sqrt 2) / 2, the normal tail: GELU = max(x, 0) - y q(y), for
 * either sign. log2 q is nearly a parabola: a polynomial of degree 8 that weighs its error as it
 * shows in y q: 3.3e-8 at most. At 14, where y stops, q is 0 for our purposes (2^-126). */
static inline vl_x16 gelu(vl_x16 x)
{
    vl_x16 y = vl_x16_min(vl_x16_set(14), vl_x16_abs(x));
    vl_x16 g = vl_x16_set(-0x1.2ca168p-21f);
    g = vl_x16_fma(g, y, vl_x16_set(0x1.8e9a28p-17f));
    g = vl_x16_fma(g, y, vl_x16_set(-0x1.c70e30p-15f));
    g = vl_x16_fma(g, y, vl_x16_set(-0x1.e12c58p-12f));
    g = vl_x16_fma(g, y, vl_x16_set(0x1.eabf16p-8f));
    g = vl_x16_fma(g, y, vl_x16_set(-0x1.b07996p-5f));
    g = vl_x16_fma(g, y, vl_x16_set(-0x1.d62122p-2f));
    g = vl_x16_fma(g, y, vl_x16_set(-0x1.26af8cp+0f));
    g = vl_x16_fma(g, y, vl_x16_set(-1.0f));
    return vl_x16_fnma(y, vl_x16_exp2(g), vl_x16_max(vl_x16_set(0), x));
}

/* x / (1 + 2^-z); where z is below -126 nothing is left of x, which must not be infinite there. */
static inline vl_x16 gated(vl_x16 x, vl_x16 z)
{
    vl_x16 e = vl_x16_exp2(vl_x16_min(vl_x16_set(126), vl_x16_sub(vl_x16_set(0), z)));
    x = vl_x16_max(vl_x16_set(-128), x);
    return vl_x16_div(x, vl_x16_add(vl_x16_set(1), e));
}

/* z = 2 sqrt(2/pi) log2(e) (x + 0.044715 x^3) */
static inline vl_x16 gelu_tanh(vl_x16 x)
{
    vl_x16 k = vl_x16_fma(vl_x16_mul(x, x), vl_x16_set(0.10294324f), vl_x16_set(2.3022082f));
    return gated(x, vl_x16_mul(x, k));
}

static inline vl_x16 silu(vl_x16 x)
{
    return gated(x, vl_x16_mul(x, vl_x16_set(VL_LOG2_E)));
}

/* (1 - t) / (1 + t), t = exp(-2|x|); below 1/2, where 1 - t loses digits, x + x^3 P(x^2). */
static inline vl_x16 hyperbolic_tangent(vl_x16 x)
{
    const vl_x16 one = vl_x16_set(1);
    vl_x16 y = vl_x16_abs(x), u = vl_x16_mul(x, x);
    vl_x16 t = vl_x16_exp2(vl_x16_mul(y, vl_x16_set(-2 * VL_LOG2_E)));
    vl_x16 large = vl_x16_div(vl_x16_sub(one, t), vl_x16_add(one, t));
    vl_x16 p = vl_x16_set(0x1.1abd16p-6f);
    p = vl_x16_fma(p, u, vl_x16_set(-0x1.b29c1ap-5f));
    p = vl_x16_fma(p, u, vl_x16_set(0x1.10ea8ep-3f));
    p = vl_x16_fma(p, u, vl_x16_set(-0x1.5554dap-2f));
    vl_x16 small = vl_x16_fma(vl_x16_mul(p, u), y, y);
    return vl_x16_copysign(vl_x16_less(y, vl_x16_set(0.5f), small, large), x);
}

static inline __attribute__((always_inline)) vl_x16 activated(vl_x16 x, vl_activation a)
{
    switch (a) {
    case VL_ACT_GELU:
        return gelu(x);
    case VL_ACT_GELU_TANH:
        return gelu_tanh(x);
    case VL_ACT_RELU:
        return vl_x16_max(vl_x16_set(0), x);
    case VL_ACT_SILU:
        return silu(x);
    case VL_ACT_TANH:
        return hyperbolic_tangent(x);
    default:
        return x;
    }
}

/* One loop for each function: the choice is made before it. */
#define EACH_ACTIVATION(CASE)                                                                      \
    CASE(VL_ACT_NONE)                                                                              \
    CASE(VL_ACT_GELU) CASE(VL_ACT_GELU_TANH) CASE(VL_ACT_RELU) CASE(VL_ACT_SILU) CASE(VL_ACT_TANH)

#endif
