/* descent.c: chooses by instruction set. */
#include "kernels/descent.h"

#include "base/cpu.h"

static vl_adamw_fn *const adamw_of[VL_ISA_COUNT] = {vl_adamw_scalar, vl_adamw_avx2,
                                                    vl_adamw_avx512};
static vl_momentum_fn *const momentum_of[VL_ISA_COUNT] = {vl_momentum_scalar, vl_momentum_avx2,
                                                          vl_momentum_avx512};

void vl_adamw(float *w, float *m, float *v, const float *gradient, int64_t n,
              const vl_adamw_step *step)
{
    adamw_of[vl_isa_active()](w, m, v, gradient, n, step);
}

void vl_momentum(float *w, float *m, const float *gradient, int64_t n, const vl_momentum_step *step)
{
    momentum_of[vl_isa_active()](w, m, gradient, n, step);
}
