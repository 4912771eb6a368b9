/* gather_sum.h: sums of chosen rows of a small-integer matrix: the arithmetic of a linear model over
 * feature ids. Bound by loads from cache; a vector gather is no faster on the machines measured, so
 * there is one kernel for all. */
#ifndef VL_GATHER_SUM_H
#define VL_GATHER_SUM_H

#include <stdint.h>

enum { VL_GATHER_COLUMNS = 8 };

/* sum[c] = sum_i w[ids[i] * stride + c]     sum: (width), w: (rows,stride), ids: (count),
 * width <= VL_GATHER_COLUMNS. Exact while count < 2^24. */
void vl_gather_sum_i8(int32_t *sum, const int8_t *w, int64_t stride, const int32_t *ids,
                      int32_t count, int32_t width);

#endif
