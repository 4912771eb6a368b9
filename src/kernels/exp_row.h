/* exp_row.h: a row of logits to exponentials: what a softmax over many candidates is made of in
 * training. Any thread, any alignment, nothing is allocated. Relative error 4e-7, and 2e-7 more for
 * each unit that x is below the top; AVX2 and AVX-512 agree to the bit. */
#ifndef VL_EXP_ROW_H
#define VL_EXP_ROW_H

#include <stdint.h>

/* The largest of least and x[i]; NaN is passed over.     x: (n) */
float vl_row_top(const float *x, float least, int64_t n);

/* x[i] = exp(x[i] - top) for x[i] <= top, 0 where that is below 2^-126; returns their sum.
 * x: (n), in place */
double vl_exp_row(float *x, float top, int64_t n);

typedef float vl_row_top_fn(const float *x, float least, int64_t n);
typedef double vl_exp_row_fn(float *x, float top, int64_t n);
vl_row_top_fn vl_row_top_scalar, vl_row_top_avx2, vl_row_top_avx512;
vl_exp_row_fn vl_exp_row_scalar, vl_exp_row_avx2, vl_exp_row_avx512;

#endif
