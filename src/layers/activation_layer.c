/* activation_layer.c: plain loops. */
#include "layers/activation_layer.h"

#include <assert.h>
#include <math.h>

/* Phi(x) + x phi(x) */
static float gelu_slope(float x)
{
    return 0.5f * (1 + erff(x * 0.70710678f)) + x * 0.39894228f * expf(-0.5f * x * x);
}

void vl_activate_back(float *d, const float *x, int64_t n, vl_activation a)
{
    assert(a == VL_ACT_GELU || a == VL_ACT_RELU || a == VL_ACT_TANH);
    for (int64_t i = 0; i < n; i++) {
        float t;
        switch (a) {
        case VL_ACT_GELU:
            d[i] *= gelu_slope(x[i]);
            break;
        case VL_ACT_RELU:
            d[i] = x[i] > 0 ? d[i] : 0;
            break;
        default:
            t = tanhf(x[i]);
            d[i] *= 1 - t * t;
        }
    }
}
