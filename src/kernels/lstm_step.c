/* lstm_step.c: packing of recurrent weights, and the choice by kind and instruction set. */
#include "kernels/lstm_step.h"

#include <string.h>

#include "base/cpu.h"

enum { G = VL_LSTM_GROUP };

static vl_lstm_step_fn *const float_step_of[VL_ISA_COUNT] = {vl_lstm_step_scalar, vl_lstm_step_avx2,
                                                             vl_lstm_step_avx512};

vl_lstm_kind vl_lstm_kind_for(vl_dtype weights)
{
    if (weights == VL_I8 && (vl_cpu_has_vnni() || vl_isa_active() == VL_ISA_SCALAR))
        return VL_LSTM_I8;
    return weights == VL_BF16 && vl_cpu_has_bf16() ? VL_LSTM_BF16 : VL_LSTM_F32;
}

void vl_lstm_step(const vl_lstm_recurrent *r, const vl_lstm_rows *s, int32_t n)
{
    vl_lstm_step_fn *step = float_step_of[vl_isa_active()];
    if (r->kind == VL_LSTM_BF16) step = vl_cpu_has_bf16() ? vl_lstm_step_bf16 : vl_lstm_step_scalar;
    if (r->kind == VL_LSTM_I8) step = vl_cpu_has_vnni() ? vl_lstm_step_vnni : vl_lstm_step_scalar;
    step(r, s, n);
}

/* ---- Packing --------------------------------------------------------------------------------- */

static size_t element_bytes(vl_lstm_kind kind)
{
    return kind == VL_LSTM_F32 ? 4 : kind == VL_LSTM_BF16 ? 2 : 1;
}

size_t vl_lstm_packed_bytes(vl_lstm_kind kind, int32_t U)
{
    return (size_t)U * (size_t)U * 4 * G * G * element_bytes(kind);
}

size_t vl_lstm_scratch(int32_t U, int32_t n)
{
    return ((size_t)n * 8 + 63) / 64 * 64 + (size_t)n * (size_t)U * G * sizeof(float);
}

void vl_lstm_pack_row(float *dst, const float *src, int32_t H)
{
    const int32_t U = (H + G - 1) / G;
    for (int32_t u = 0; u < U; u++)
        for (int32_t g = 0; g < 4; g++)
            for (int32_t j = 0; j < G; j++)
                dst[(u * 4 + g) * G + j] = u * G + j < H ? src[g * H + u * G + j] : 0;
}

/* Where R[gate g, unit n][unit 0] goes; its neighbours in k are `together` side by side. */
static size_t place(int32_t U, int32_t g, int32_t n, int32_t together)
{
    size_t P = (size_t)U * G, t = (size_t)together;
    return (((size_t)(n / G) * (P / t) * 4 + (size_t)g) * G + (size_t)(n % G)) * t;
}

static void pack_floats(float *packed, const float *w, int32_t H, int32_t U)
{
    for (int32_t row = 0; row < 4 * H; row++, w += H) {
        float *to = packed + place(U, row / H, row % H, 1);
        for (int32_t k = 0; k < H; k++) to[(size_t)(k * 4 * G)] = w[k];
    }
}

static void pack_pairs(uint16_t *packed, const uint16_t *w, int32_t H, int32_t U)
{
    for (int32_t row = 0; row < 4 * H; row++, w += H) {
        uint16_t *to = packed + place(U, row / H, row % H, 2);
        for (int32_t k = 0; k < H; k++) to[(size_t)(k / 2 * 8 * G + k % 2)] = w[k];
    }
}

static void pack_bytes(uint8_t *packed, const int8_t *w, int32_t H, int32_t U)
{
    for (int32_t row = 0; row < 4 * H; row++, w += H) {
        uint8_t *to = packed + place(U, row / H, row % H, 4);
        for (int32_t k = 0; k < H; k++)
            to[(size_t)(k / 4 * 16 * G + k % 4)] = (uint8_t)(128 + w[k]);
    }
}

void vl_lstm_pack(void *packed, vl_lstm_kind kind, const void *w, int32_t H)
{
    const int32_t U = (H + G - 1) / G;
    memset(packed, kind == VL_LSTM_I8 ? 128 : 0, vl_lstm_packed_bytes(kind, U));
    if (kind == VL_LSTM_F32) pack_floats(packed, w, H, U);
    else if (kind == VL_LSTM_BF16) pack_pairs(packed, w, H, U);
    else pack_bytes(packed, w, H, U);
}
