/* exp_row.c: chooses by instruction set. */
#include "kernels/exp_row.h"

#include "base/cpu.h"

static vl_row_top_fn *const top_of[VL_ISA_COUNT] = {vl_row_top_scalar, vl_row_top_avx2,
                                                    vl_row_top_avx512};
static vl_exp_row_fn *const exp_of[VL_ISA_COUNT] = {vl_exp_row_scalar, vl_exp_row_avx2,
                                                    vl_exp_row_avx512};

float vl_row_top(const float *x, float least, int64_t n)
{
    return top_of[vl_isa_active()](x, least, n);
}

double vl_exp_row(float *x, float top, int64_t n)
{
    return exp_of[vl_isa_active()](x, top, n);
}
