/* quantize_avx2.c: quantize_x16.h in AVX2's registers. */
#include "kernels/x16_avx2.h"

#include "kernels/quantize_x16.h"

float vl_quantize_row_avx2(void *q, int32_t *sum, const float *src, int64_t N, int32_t steps,
                           int32_t offset)
{
    return quantize_by(largest(src, N), q, sum, src, N, steps, offset);
}
