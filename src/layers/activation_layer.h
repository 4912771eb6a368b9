/* activation_layer.h: the way back through GELU, ReLU and tanh; forward is activation.h's. Any
 * thread. */
#ifndef VL_ACTIVATION_LAYER_H
#define VL_ACTIVATION_LAYER_H

#include "kernels/activation.h"

/* d[i] *= a'(x[i])     both (n); x: what went in. GELU (by erf), RELU, TANH. */
void vl_activate_back(float *d, const float *x, int64_t n, vl_activation a);

#endif
