/* exp_row_scalar.c: the plain version. */
#include <math.h>

#include "kernels/exp_row.h"

float vl_row_top_scalar(const float *x, float least, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (x[i] > least) least = x[i];
    return least;
}

double vl_exp_row_scalar(float *x, float top, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        float y = expf(x[i] - top);
        x[i] = y < 0x1p-126f ? 0 : y;
        sum += (double)x[i];
    }
    return sum;
}
