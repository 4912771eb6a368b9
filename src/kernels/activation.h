/* activation.h: activation functions over arrays, with and without bias or gate. Any thread, any
 * alignment, nothing is allocated.
 *
 *   GELU       x * Phi(x), Phi the normal distribution's: x/2 * (1 + erf(x / sqrt 2))
 *   GELU_TANH  x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))
 *   RELU       max(x, 0)
 *   SILU       x / (1 + exp(-x))
 *   TANH       tanh(x)
 *
 * |error| <= 2e-7 * max(1, |x|) against the formula in double precision, for every float x. NaN
 * stays NaN; the infinities give the functions' limits. AVX2 and AVX-512 agree to the bit. */
#ifndef VL_ACTIVATION_H
#define VL_ACTIVATION_H

#include <stdint.h>

typedef enum vl_activation {
    VL_ACT_NONE,
    VL_ACT_GELU,
    VL_ACT_GELU_TANH,
    VL_ACT_RELU,
    VL_ACT_SILU,
    VL_ACT_TANH,
    VL_ACTIVATIONS
} vl_activation;

/* x[i] = a(x[i])     x: (n) */
void vl_activate(float *x, int64_t n, vl_activation a);

/* dst[i] = a(gate[i]) * up[i]     all (n); dst may be gate or up */
void vl_gate(float *dst, const float *gate, const float *up, int64_t n, vl_activation a);

/* x[r][i] = a(x[r][i] + bias[i])     x: (R,N) rows `stride` floats apart; bias: (N) or NULL */
void vl_bias_activate(float *x, int64_t stride, const float *bias, int64_t R, int64_t N,
                      vl_activation a);

/* By instruction set: x[i] = a(x[i] + bias[i]), bias may be NULL; and the gate. */
typedef void vl_bias_activate_fn(float *x, const float *bias, int64_t n, vl_activation a);
typedef void vl_gate_fn(float *dst, const float *gate, const float *up, int64_t n, vl_activation a);
vl_bias_activate_fn vl_bias_activate_scalar, vl_bias_activate_avx2, vl_bias_activate_avx512;
vl_gate_fn vl_gate_scalar, vl_gate_avx2, vl_gate_avx512;

#endif
