/* activation_scalar.c: the definitions, by the C library's functions. */
#include <math.h>

#include "kernels/activation.h"

/* For x <= 0 the sum 1 + erf would lose all digits where erfc has them; past 14 nothing is left. */
static float gelu(float x)
{
    float y = fabsf(x) < 14.0f ? fabsf(x) : 14.0f;
    return x > 0 ? x - y * 0.5f * erfcf(y * 0.70710678f) : -y * 0.5f * erfcf(y * 0.70710678f);
}

/* x * sigmoid(z) where z has the sign of x and grows faster than log |x|. */
static float gated(float x, float z)
{
    return z < -88.0f ? 0.0f : x / (1.0f + expf(-z));
}

static float activate(float x, vl_activation a)
{
    if (isnan(x)) return x;
    switch (a) {
    case VL_ACT_GELU:
        return gelu(x);
    case VL_ACT_GELU_TANH: /* (1 + tanh(u)) / 2 = sigmoid(2u) */
        return gated(x, 1.59576912f * (x + 0.044715f * x * x * x));
    case VL_ACT_RELU:
        return x < 0 ? 0.0f : x;
    case VL_ACT_SILU:
        return gated(x, x);
    case VL_ACT_TANH:
        return tanhf(x);
    default:
        return x;
    }
}

void vl_bias_activate_scalar(float *x, const float *bias, int64_t n, vl_activation a)
{
    for (int64_t i = 0; i < n; i++) x[i] = activate(bias ? x[i] + bias[i] : x[i], a);
}

void vl_gate_scalar(float *dst, const float *gate, const float *up, int64_t n, vl_activation a)
{
    for (int64_t i = 0; i < n; i++) dst[i] = activate(gate[i], a) * up[i];
}
