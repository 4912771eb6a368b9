/* lstm_back_scalar.c: the plain versions. */
#include <math.h>

#include "kernels/lstm_back.h"

enum { G = VL_LSTM_GROUP, COLUMNS = 64 };

void vl_lstm_carry_back_scalar(float *dh, const float *dz, const float *packed, int32_t U,
                               int32_t n)
{
    const int64_t P = (int64_t)U * G, Z = 4 * P;
    for (int64_t b = 0; b < n; b++)
        for (int64_t k = 0; k < P; k++) {
            const float *column = packed + k / COLUMNS * Z * COLUMNS + k % COLUMNS;
            float sum = 0;
            for (int64_t z = 0; z < Z; z++) sum += dz[b * Z + z] * column[z * COLUMNS];
            dh[b * P + k] += sum;
        }
}

void vl_lstm_cell_back_scalar(float *z, float *dc, const float *dh, const float *c,
                              const float *c_before, int32_t U, int32_t n)
{
    for (int64_t at = 0; at < (int64_t)n * U * G; at++) {
        float *gate = z + at / G * 4 * G + at % G;
        float i = gate[0], f = gate[G], g = gate[2 * G], o = gate[3 * G], t = tanhf(c[at]);
        float d = dc[at] + dh[at] * o * (1 - t * t);
        gate[0] = d * g * i * (1 - i);
        gate[G] = d * c_before[at] * f * (1 - f);
        gate[2 * G] = d * i * (1 - g * g);
        gate[3 * G] = dh[at] * t * o * (1 - o);
        dc[at] = d * f;
    }
}
