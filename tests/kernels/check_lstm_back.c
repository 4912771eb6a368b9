/* check_lstm_back.c: the way back of every instruction set against the formulas in double
 * precision, AVX2 and AVX-512 against each other to the bit; guard bytes; then speed. That the
 * formulas are the derivative is shown by numbers in tests/unit/test_lstm_train.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/lstm_back.h"
#include "numeric.h"

int check_lstm_back(void);

enum {
    G = VL_LSTM_GROUP,
    H_MOST = 90,
    P_MOST = 96,
    N_MOST = 13,
    ROUNDS = 300,
    H_TIMED = 128,
    N_TIMED = 32
};

static vl_lstm_carry_back_fn *const carry_back_of[VL_ISA_COUNT] = {
    vl_lstm_carry_back_scalar, vl_lstm_carry_back_avx2, vl_lstm_carry_back_avx512};
static vl_lstm_cell_back_fn *const cell_back_of[VL_ISA_COUNT] = {
    vl_lstm_cell_back_scalar, vl_lstm_cell_back_avx2, vl_lstm_cell_back_avx512};

static float w[4 * H_MOST * H_MOST], packed[2 * 4 * P_MOST * 64];

/* dz of unit n's gate g lies here. */
static int64_t place(int32_t U, int64_t b, int g, int32_t n)
{
    return ((b * U + n / G) * 4 + g) * G + n % G;
}

static bool carries(vl_isa isa, int32_t H, int32_t n, uint64_t round, float *out)
{
    const int32_t U = (H + G - 1) / G, P = U * G;
    static float before[P_MOST * N_MOST];
    size_t bytes = (size_t)(n * P) * 4;
    float *dh = guarded(0, bytes, 0), *dz = guarded(1, bytes * 4, 0);
    fill_floats(dh, n * P, 1, round, 1);
    fill_floats(dz, 4 * n * P, 1, round, 2);
    memcpy(before, dh, bytes);
    carry_back_of[isa](dh, dz, packed, U, n);
    memcpy(out, dh, bytes);
    for (int32_t b = 0; b < n; b++)
        for (int32_t k = 0; k < P; k++) {
            double sum = before[b * P + k];
            for (int32_t row = 0; row < 4 * H && k < H; row++)
                sum += (double)dz[place(U, b, row / H, row % H)] * w[row * H + k];
            if (!near(dh[b * P + k], sum, 1e-4)) return false;
        }
    return intact(0, dh, bytes) && intact(1, dz, bytes * 4);
}

static bool cell_is_right(const float *got, float dc_got, const float *z, float dc, float dh,
                          float c, float before)
{
    double i = z[0], f = z[G], g = z[2 * G], o = z[3 * G], t = tanh(c),
           d = dc + dh * o * (1 - t * t);
    return near(got[0], d * g * i * (1 - i), 1e-6) &&
           near(got[G], d * before * f * (1 - f), 1e-6) &&
           near(got[2 * G], d * i * (1 - g * g), 1e-6) &&
           near(got[3 * G], dh * t * o * (1 - o), 1e-6) && near(dc_got, d * f, 1e-6);
}

static bool cells(vl_isa isa, int32_t U, int32_t n, uint64_t round, float *out)
{
    static float z0[4 * P_MOST * N_MOST], dc0[P_MOST * N_MOST];
    size_t bytes = (size_t)(n * U * G) * 4;
    float *z = guarded(0, bytes * 4, 0), *dc = guarded(1, bytes, 0), *dh = guarded(2, bytes, 0);
    float *c = guarded(3, bytes, 0), *before = guarded(4, bytes, 0);
    bool good = true;
    fill_floats(z, 4 * n * U * G, 1, round, 1);
    for (int64_t k = 0; k < 4 * n * U * G; k++)
        if (k / G % 4 != 2) z[k] = fabsf(z[k]); /* sigmoids */
    fill_floats(dc, n * U * G, 1, round, 2);
    fill_floats(dh, n * U * G, 1, round, 3);
    fill_floats(c, n * U * G, 3, round, 4);
    fill_floats(before, n * U * G, 3, round, 5);
    memcpy(z0, z, bytes * 4);
    memcpy(dc0, dc, bytes);
    cell_back_of[isa](z, dc, dh, c, before, U, n);
    for (int64_t k = 0; k < n * U * G; k++) {
        int64_t at = k / G * 4 * G + k % G;
        good = good && cell_is_right(z + at, dc[k], z0 + at, dc0[k], dh[k], c[k], before[k]);
    }
    memcpy(out, z, bytes * 4);
    return good && intact(0, z, bytes * 4) && intact(1, dc, bytes);
}

static bool agrees(vl_isa isa, uint64_t round)
{
    static float out[4 * P_MOST * N_MOST], other[4 * P_MOST * N_MOST];
    int32_t H = 1 + (int32_t)random_below(round, 10, H_MOST),
            n = 1 + (int32_t)random_below(round, 11, N_MOST);
    int32_t U = (H + G - 1) / G;
    size_t bytes = (size_t)(n * U * G) * 4;
    fill_floats(w, 4 * H * H, 1, round, 7);
    if (vl_lstm_back_floats(U) > sizeof packed / 4) return false;
    vl_lstm_pack_back(packed, w, H);
    bool good = carries(isa, H, n, round, out);
    if (isa == VL_ISA_AVX512)
        good = good && carries(VL_ISA_AVX2, H, n, round, other) && memcmp(out, other, bytes) == 0;
    good = good && cells(isa, U, n, round, out);
    if (isa == VL_ISA_AVX512)
        good = good && cells(VL_ISA_AVX2, U, n, round, other) && memcmp(out, other, 4 * bytes) == 0;
    return good;
}

static void tell_speed(vl_isa isa)
{
    enum { P = H_TIMED, U = P / G, n = N_TIMED };
    static _Alignas(64) float big[4 * P * P], z[4 * P * n], dh[P * n], dc[P * n], c[P * n],
        before[P * n];
    double carry, cell, work = 8.0 * P * P * n;
    fill_floats(big, 4 * P * P, 0.01f, 1, 1);
    fill_floats(z, 4 * P * n, 1e-3f, 1, 2);
    BEST_SECONDS(carry, 100, vl_lstm_carry_back(dh, z, big, U, n));
    BEST_SECONDS(cell, 100, vl_lstm_cell_back(z, dc, dh, c, before, U, n));
    printf("# lstm step back %s: product %.2f us, %.1f GFLOP/s (%.0f %% of peak), cells %.2f us "
           "for %d rows\n",
           vl_isa_name(isa), carry * 1e6, work / carry * 1e-9,
           work / carry * 1e-7 / peak_gflops(isa), cell * 1e6, n);
}

int check_lstm_back(void)
{
    int failed = 0;
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_detected(); isa++) {
        bool good = true;
        for (uint64_t round = 0; good && round < ROUNDS; round++) {
            good = agrees(isa, round);
            if (!good) printf("# differs in round %d\n", (int)round);
        }
        failed += said(good, "lstm step back", isa);
        vl_isa_limit(isa);
        if (good) tell_speed(isa);
        vl_isa_limit(VL_ISA_AVX512);
    }
    return failed;
}
