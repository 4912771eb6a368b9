/* row_sums_avx512.c: row_sums_x16.h in AVX-512's registers. */
#include "kernels/x16_avx512.h"

#include "kernels/row_sums_x16.h"

void vl_row_add_avx512(float *to, const float *from, float a, int64_t n)
{
    row_add(to, from, a, n);
}

double vl_row_square_avx512(const float *x, int64_t n)
{
    return row_square(x, n);
}
