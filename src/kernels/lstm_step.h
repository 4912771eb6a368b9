/* lstm_step.h: one time step of an LSTM for several texts at once: the recurrent product and the
 * cell. With the gates' products of the input at hand (z), i = s(z_i + b_i + R_i h)   f = s(z_f +
 * b_f + R_f h)   g = tanh(z_g + b_g + R_g h) o = s(z_o + b_o + R_o h)   c' = f c + i g h' = o
 * tanh(c')       s(x) = 1 / (1 + exp(-x)) Hochreiter and Schmidhuber 1997 with the forget gate of
 * Gers et al. 2000; gates in PyTorch's order.
 *
 * H units are taken in U groups of 16, P = 16 U of them with zeros behind the last. What belongs to
 * a unit's four gates lies together, as the arithmetic takes it: z, biases and scales are (U,4,16):
 * groups, gates, units. Rows of several texts follow each other without gaps. All arrays are
 * 64-byte aligned.
 *
 * A row's result does not depend on the other rows. Gates and tanh(c') are within 3e-7 of the
 * formula for the same arguments; AVX2 and AVX-512 agree to the bit. Any thread, nothing is
 * allocated. */
#ifndef VL_LSTM_STEP_H
#define VL_LSTM_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/store.h"

/* What the recurrent product is made of:
 *     F32   floats; with a scale, integers in [-127,127] as floats
 *     BF16  pairs of bfloat16, sums in float32; h is rounded
 *     I8    groups of four bytes, sums exact; each row of h is quantised to [-127,127] by its
 * largest F32 with a scale does what I8 does, to the bit, where the processor has no such
 * instruction. */
typedef enum vl_lstm_kind { VL_LSTM_F32, VL_LSTM_BF16, VL_LSTM_I8, VL_LSTM_KINDS } vl_lstm_kind;

enum {
    VL_LSTM_GROUP = 16,
    VL_LSTM_UNITS_MAX = 1024
}; /* 1024 * 127 * 127 < 2^24: exact as floats */

/* R, packed; constant. k counts the units of h. */
typedef struct vl_lstm_recurrent {
    vl_lstm_kind kind;
    int32_t U;
    const void *weight; /* F32: (U,P,4,16) with k second; BF16: (U,P/2,4,16,2) and I8:
                           (U,P/4,4,16,4) with k second and last. I8: as bytes 128 + w */
    const float *scale; /* (U,4,16): R = scale * integer; NULL: R = weight */
    const float *bias;  /* (U,4,16) */
} vl_lstm_recurrent;

/* n rows. */
typedef struct vl_lstm_rows {
    float *z;              /* (n,U,4,16); kept: becomes i, f, g, o. Else left as it is */
    const float *h_before; /* (n,P) */
    const float *c_before; /* (n,P) */
    float *h;              /* (n,P), not h_before */
    float *c;              /* (n,P), may be c_before */
    void *scratch;         /* vl_lstm_scratch bytes */
    bool keep;
} vl_lstm_rows;

/* The kind for weights of a type that is fast on this machine: BF16 and I8 where it has the
 * instructions, else F32. */
vl_lstm_kind vl_lstm_kind_for(vl_dtype weights);

/* Bytes of a packed R, and of scratch for n rows. */
size_t vl_lstm_packed_bytes(vl_lstm_kind kind, int32_t U);
size_t vl_lstm_scratch(int32_t U, int32_t n);

/* Packs w (4H,H), row-major, gate after gate, of floats, bfloat16 or signed bytes by the kind. */
void vl_lstm_pack(void *packed, vl_lstm_kind kind, const void *w, int32_t H);

/* dst (U,4,16) of src (4H), as biases and scales are; 0 behind. */
void vl_lstm_pack_row(float *dst, const float *src, int32_t H);

void vl_lstm_step(const vl_lstm_recurrent *r, const vl_lstm_rows *s, int32_t n);

/* By kind and instruction set. The plain one does all kinds; the others the kind of their name. */
typedef void vl_lstm_step_fn(const vl_lstm_recurrent *r, const vl_lstm_rows *s, int32_t n);
vl_lstm_step_fn vl_lstm_step_scalar, vl_lstm_step_avx2, vl_lstm_step_avx512;
vl_lstm_step_fn vl_lstm_step_bf16, vl_lstm_step_vnni;

#endif
