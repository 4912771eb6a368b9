/* activation.c: chooses by instruction set. */
#include "kernels/activation.h"

#include <stddef.h>

#include "base/cpu.h"

static vl_bias_activate_fn *const bias_activate_of[VL_ISA_COUNT] = {
    vl_bias_activate_scalar, vl_bias_activate_avx2, vl_bias_activate_avx512};
static vl_gate_fn *const gate_of[VL_ISA_COUNT] = {vl_gate_scalar, vl_gate_avx2, vl_gate_avx512};

void vl_activate(float *x, int64_t n, vl_activation a)
{
    if (a != VL_ACT_NONE) bias_activate_of[vl_isa_active()](x, NULL, n, a);
}

void vl_gate(float *dst, const float *gate, const float *up, int64_t n, vl_activation a)
{
    gate_of[vl_isa_active()](dst, gate, up, n, a);
}

void vl_bias_activate(float *x, int64_t stride, const float *bias, int64_t R, int64_t N,
                      vl_activation a)
{
    if (!bias && a == VL_ACT_NONE) return;
    vl_bias_activate_fn *row = bias_activate_of[vl_isa_active()];
    for (int64_t r = 0; r < R; r++) row(x + r * stride, bias, N, a);
}
