/* row_sums.c: chooses by instruction set. */
#include "kernels/row_sums.h"

#include "base/cpu.h"

static vl_row_add_fn *const add_of[VL_ISA_COUNT] = {vl_row_add_scalar, vl_row_add_avx2,
                                                    vl_row_add_avx512};
static vl_row_square_fn *const square_of[VL_ISA_COUNT] = {vl_row_square_scalar, vl_row_square_avx2,
                                                          vl_row_square_avx512};

void vl_row_add(float *to, const float *from, float a, int64_t n)
{
    add_of[vl_isa_active()](to, from, a, n);
}

double vl_row_square(const float *x, int64_t n)
{
    return square_of[vl_isa_active()](x, n);
}
