/* lstm_back.h: the way back through a time step of an LSTM (lstm_step.h): from what the loss gains
 * by the new state (dh) and cell (dc) to what it gains by the gates' sums (dz). What follows from
 * those, the gradients of weights and input, are products over all steps at once, and the caller's.
 * Shapes and padding as there; 64-byte aligned. A row's result does not depend on the others; AVX2
 * and AVX-512 agree to the bit. Any thread, nothing is allocated. */
#ifndef VL_LSTM_BACK_H
#define VL_LSTM_BACK_H

#include "kernels/lstm_step.h"

/* R for the way back: (ceil(P/64), 4P, 64), rows in the order of z, 64 columns of R at a time, 0
 * behind. */
size_t vl_lstm_back_floats(int32_t U);
void vl_lstm_pack_back(float *packed, const float *w, int32_t H); /* w: (4H,H) */

/* dh += dz R     dh: (n,P), dz: (n,U,4,16), R packed for the way back. What the step behind says of
 * the state it came from. */
void vl_lstm_carry_back(float *dh, const float *dz, const float *packed, int32_t U, int32_t n);

/* With t = tanh(c):   do = dh t         dc += dh o (1 - t^2)
 *     di = dc g       df = dc c_before  dg = dc i              and by z: times i(1-i), f(1-f),
 * 1-g^2, o(1-o) z: (n,U,4,16) of i, f, g, o, becomes dz; dc, dh, c, c_before: (n,P); dc becomes the
 * gain by c_before. */
void vl_lstm_cell_back(float *z, float *dc, const float *dh, const float *c, const float *c_before,
                       int32_t U, int32_t n);

/* By instruction set. */
typedef void vl_lstm_carry_back_fn(float *dh, const float *dz, const float *packed, int32_t U,
                                   int32_t n);
typedef void vl_lstm_cell_back_fn(float *z, float *dc, const float *dh, const float *c,
                                  const float *c_before, int32_t U, int32_t n);
vl_lstm_carry_back_fn vl_lstm_carry_back_scalar, vl_lstm_carry_back_avx2, vl_lstm_carry_back_avx512;
vl_lstm_cell_back_fn vl_lstm_cell_back_scalar, vl_lstm_cell_back_avx2, vl_lstm_cell_back_avx512;

#endif
