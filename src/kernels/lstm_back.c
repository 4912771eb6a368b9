/* lstm_back.c: packing, and the choice by instruction set. */
#include "kernels/lstm_back.h"

#include <string.h>

#include "base/cpu.h"

enum { G = VL_LSTM_GROUP, COLUMNS = 64 };

static vl_lstm_carry_back_fn *const carry_back_of[VL_ISA_COUNT] = {
    vl_lstm_carry_back_scalar, vl_lstm_carry_back_avx2, vl_lstm_carry_back_avx512};
static vl_lstm_cell_back_fn *const cell_back_of[VL_ISA_COUNT] = {
    vl_lstm_cell_back_scalar, vl_lstm_cell_back_avx2, vl_lstm_cell_back_avx512};

void vl_lstm_carry_back(float *dh, const float *dz, const float *packed, int32_t U, int32_t n)
{
    carry_back_of[vl_isa_active()](dh, dz, packed, U, n);
}

void vl_lstm_cell_back(float *z, float *dc, const float *dh, const float *c, const float *c_before,
                       int32_t U, int32_t n)
{
    cell_back_of[vl_isa_active()](z, dc, dh, c, c_before, U, n);
}

static size_t panels(int32_t U)
{
    return ((size_t)U * G + COLUMNS - 1) / COLUMNS;
}

size_t vl_lstm_back_floats(int32_t U)
{
    return panels(U) * (size_t)U * 4 * G * COLUMNS;
}

void vl_lstm_pack_back(float *packed, const float *w, int32_t H)
{
    const int32_t U = (H + G - 1) / G;
    const size_t panel = (size_t)U * 4 * G * COLUMNS;
    memset(packed, 0, vl_lstm_back_floats(U) * sizeof *packed);
    for (int32_t row = 0; row < 4 * H; row++, w += H) {
        int32_t g = row / H, n = row % H, z = (n / G * 4 + g) * G + n % G;
        for (int32_t k = 0; k < H; k += COLUMNS)
            memcpy(packed + (size_t)(k / COLUMNS) * panel + (size_t)z * COLUMNS, w + k,
                   (size_t)(H - k < COLUMNS ? H - k : COLUMNS) * sizeof *w);
    }
}
