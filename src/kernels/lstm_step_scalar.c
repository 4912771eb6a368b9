/* lstm_step_scalar.c: the plain version of all kinds, to be read. */
#include <math.h>
#include <string.h>

#include "kernels/lstm_step.h"
#include "kernels/quantize.h"

enum { G = VL_LSTM_GROUP };

static float bf16_to_float(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static float rounded_to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return isnan(x) ? x : bf16_to_float((uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16));
}

/* R of group u, gate g, unit j from unit k. */
static float weight_at(const vl_lstm_recurrent *r, int64_t u, int g, int j, int64_t k)
{
    const int64_t P = (int64_t)r->U * G, group = u * P * 4 * G;
    switch (r->kind) {
    case VL_LSTM_F32:
        return ((const float *)r->weight)[group + (k * 4 + g) * G + j];
    case VL_LSTM_BF16:
        return bf16_to_float(
            ((const uint16_t *)r->weight)[group + ((k / 2 * 4 + g) * G + j) * 2 + k % 2]);
    default:
        return (float)(((const uint8_t *)r->weight)[group + ((k / 4 * 4 + g) * G + j) * 4 + k % 4] -
                       128);
    }
}

/* The state as the product takes it; gives what its integers are worth, or 1. */
static float prepare(float *x, const vl_lstm_recurrent *r, const float *h)
{
    const int32_t P = r->U * G;
    int8_t q[VL_LSTM_UNITS_MAX];
    int32_t sum;
    float unit = r->scale ? vl_quantize_row_scalar(q, &sum, h, P, 127, 0) : 1;
    for (int32_t k = 0; k < P; k++)
        x[k] = r->scale ? (float)q[k] : r->kind == VL_LSTM_BF16 ? rounded_to_bf16(h[k]) : h[k];
    return unit;
}

static float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

static void step_row(const vl_lstm_recurrent *r, const vl_lstm_rows *s, int64_t b)
{
    const int64_t P = (int64_t)r->U * G;
    float x[VL_LSTM_UNITS_MAX], unit = prepare(x, r, s->h_before + b * P);
    for (int64_t u = 0; u < r->U; u++)
        for (int j = 0; j < G; j++) {
            float a[4], *z = s->z + (b * r->U + u) * 4 * G + j;
            for (int g = 0; g < 4; g++) {
                float sum = 0;
                for (int64_t k = 0; k < P; k++) sum += weight_at(r, u, g, j, k) * x[k];
                if (r->scale) sum *= unit * r->scale[(u * 4 + g) * G + j];
                a[g] = z[g * G] + r->bias[(u * 4 + g) * G + j] + sum;
                a[g] = g == 2 ? tanhf(a[g]) : sigmoid(a[g]);
                if (s->keep) z[g * G] = a[g];
            }
            const int64_t at = b * P + u * G + j;
            s->c[at] = a[1] * s->c_before[at] + a[0] * a[2];
            s->h[at] = a[3] * tanhf(s->c[at]);
        }
}

void vl_lstm_step_scalar(const vl_lstm_recurrent *r, const vl_lstm_rows *s, int32_t n)
{
    for (int64_t b = 0; b < n; b++) step_row(r, s, b);
}
