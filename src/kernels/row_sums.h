/* row_sums.h: sums over rows of floats: what gradients are added up with. Any thread, any alignment,
 * nothing is allocated. Element by element the same bits everywhere; vl_row_square is one sum,
 * whose order differs between the scalar version and the others. */
#ifndef VL_ROW_SUMS_H
#define VL_ROW_SUMS_H

#include <stdint.h>

/* to[i] += a * from[i]     both (n), apart or the same */
void vl_row_add(float *to, const float *from, float a, int64_t n);

/* sum of x[i]^2     x: (n) */
double vl_row_square(const float *x, int64_t n);

typedef void vl_row_add_fn(float *to, const float *from, float a, int64_t n);
typedef double vl_row_square_fn(const float *x, int64_t n);
vl_row_add_fn vl_row_add_scalar, vl_row_add_avx2, vl_row_add_avx512;
vl_row_square_fn vl_row_square_scalar, vl_row_square_avx2, vl_row_square_avx512;

#endif
