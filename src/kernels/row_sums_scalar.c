/* row_sums_scalar.c: the plain version. */
#include <math.h>

#include "kernels/row_sums.h"

void vl_row_add_scalar(float *to, const float *from, float a, int64_t n)
{
    for (int64_t i = 0; i < n; i++) to[i] = fmaf(a, from[i], to[i]);
}

double vl_row_square_scalar(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
    return sum;
}
