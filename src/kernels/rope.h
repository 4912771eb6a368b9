/* rope.h: rotary position embedding, the two halves of a head turned against each other (GPT-NeoX's
 * and ModernBERT's convention, transformers' rotate_half). Any thread, any alignment. */
#ifndef VL_ROPE_H
#define VL_ROPE_H

#include <stdint.h>

/* For t < T, i < D/2:  angle = t * theta^(-2i/D),
 *   cos_sin[t][i] = cos(angle), cos_sin[t][D/2 + i] = sin(angle)     cos_sin: (T,D), D even
 * Power, its inverse and angle are rounded to float each, as transformers computes them: at
 * position 8,000 an exact angle would differ from the trained one by 5e-4. */
void vl_rope_table(float *cos_sin, int32_t T, int32_t D, double theta);

/* In place, for each head's x (D) at position t: with a = x[i], b = x[D/2 + i]
 *   x[i] = a cos - b sin,  x[D/2 + i] = b cos + a sin
 * x: (T,heads*D) rows `stride` floats apart, cos_sin: (T,D) of vl_rope_table. Each product and sum
 * is rounded: all instruction sets agree to the bit. */
void vl_rope(float *x, int64_t stride, int32_t T, int32_t heads, int32_t D, const float *cos_sin);

/* By instruction set, one head at one position; half = D/2. */
typedef void vl_rope_head_fn(float *x, const float *cos_sin, int32_t half);
vl_rope_head_fn vl_rope_head_scalar, vl_rope_head_avx2, vl_rope_head_avx512;

#endif
