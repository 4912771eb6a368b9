/* activation_avx512.c: activation_x16.h in AVX-512's registers. */
#include <stddef.h>

#include "kernels/x16_avx512.h"

#include "kernels/activation_x16.h"

void vl_bias_activate_avx512(float *x, const float *bias, int64_t n, vl_activation a)
{
    bias_activate_all(x, bias, n, a);
}

void vl_gate_avx512(float *dst, const float *gate, const float *up, int64_t n, vl_activation a)
{
    gate_all(dst, gate, up, n, a);
}
