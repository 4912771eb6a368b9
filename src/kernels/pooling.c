/* pooling.c: chooses by instruction set. */
#include "kernels/pooling.h"

#include "base/cpu.h"

static vl_mean_rows_fn *const mean_rows_of[VL_ISA_COUNT] = {vl_mean_rows_scalar, vl_mean_rows_avx2,
                                                            vl_mean_rows_avx512};

static vl_max_sum_fn *const max_sum_of[VL_ISA_COUNT] = {vl_max_sum_scalar, vl_max_sum_avx2,
                                                        vl_max_sum_avx512};

void vl_mean_rows(float *dst, const float *src, int64_t stride, int64_t R, int64_t N)
{
    mean_rows_of[vl_isa_active()](dst, src, stride, R, N);
}

void vl_max_sum(float *max, float *sum, const float *x, int64_t N)
{
    max_sum_of[vl_isa_active()](max, sum, x, N);
}
