/* lstm_cell_x16.h: what surrounds the recurrent product: the state as the product takes it, and for
 * 16 units of one row gates, cell and new state. Shared by all lstm_step_*.c, so that they agree.
 * Included behind x16_avx2.h or x16_avx512.h. */
#include "kernels/exp2_x16.h"
#include "kernels/lstm_step.h"
#include "kernels/quantize_x16.h"

/* ---- The state ------------------------------------------------------------------------------- */

/* h_before as the product takes it. */
typedef struct states {
    const void *rows;   /* (n,P) of floats, bfloat16 or bytes */
    const float *unit;  /* (n) what an integer of the row is worth; NULL: they are no integers */
    const int32_t *sum; /* (n) of the row's integers */
} states;

/* Room for the rows in scratch, behind units and sums. */
static inline void *room_for_rows(const vl_lstm_rows *s, int32_t n)
{
    return (char *)s->scratch + ((size_t)n * 8 + 63) / 64 * 64;
}

static inline states byte_states(const vl_lstm_rows *s, int64_t P, int32_t n)
{
    float *unit = s->scratch;
    int32_t *sum = (int32_t *)s->scratch + n;
    int8_t *q = room_for_rows(s, n);
    for (int64_t b = 0; b < n; b++)
        unit[b] = quantize_by(largest(s->h_before + b * P, P), q + b * P, sum + b, s->h_before + b * P, P, 127, 0);
    return (states){q, unit, sum};
}

/* Integers as floats, where R has a scale. */
static inline states float_states(const vl_lstm_recurrent *r, const vl_lstm_rows *s, int32_t n)
{
    const int64_t P = (int64_t)r->U * VL_LSTM_GROUP;
    float *unit = s->scratch, *h = room_for_rows(s, n);
    if (!r->scale) return (states){.rows = s->h_before};
    for (int64_t b = 0; b < n; b++, h += P) {
        int8_t q[VL_LSTM_UNITS_MAX];
        int32_t sum;
        unit[b] = quantize_by(largest(s->h_before + b * P, P), q, &sum, s->h_before + b * P, P, 127, 0);
        for (int64_t k = 0; k < P; k += 16)
            vl_x16_store(h + k, vl_i16_to_float(vl_i16_load_bytes(q + k)));
    }
    return (states){.rows = room_for_rows(s, n), .unit = unit};
}

/* ---- The cell -------------------------------------------------------------------------------- */

/* exp(-x), or with rate 2 exp(-2x), held between 2^-40 and 2^40: a sigmoid is as good as 0 or 1
 * there, and products of two do not overflow. NaN stays NaN. */
static inline vl_x16 falling(vl_x16 x, float rate)
{
    x = vl_x16_mul(x, vl_x16_set(-VL_LOG2_E * rate));
    x = vl_x16_min(vl_x16_set(40), vl_x16_max(vl_x16_set(-40), x));
    vl_x16 n = vl_x16_round(x);
    return vl_x16_scale(vl_x16_exp2_polynomial(vl_x16_sub(x, n)), n);
}

/* With e = exp(-x) a sigmoid is 1 / (1 + e), with e = exp(-2x) tanh is (1 - e) / (1 + e). Two of
 * them share a division, the slowest thing here: 1/a = b / (a b). */
static inline void gates(vl_x16 x[4])
{
    const vl_x16 one = vl_x16_set(1);
    vl_x16 e = falling(x[2], 2);
    vl_x16 i = vl_x16_add(one, falling(x[0], 1)), f = vl_x16_add(one, falling(x[1], 1));
    vl_x16 g = vl_x16_add(one, e), o = vl_x16_add(one, falling(x[3], 1));
    vl_x16 p = vl_x16_div(one, vl_x16_mul(i, f)), q = vl_x16_div(one, vl_x16_mul(g, o));
    x[0] = vl_x16_mul(f, p);
    x[1] = vl_x16_mul(i, p);
    x[2] = vl_x16_mul(vl_x16_sub(one, e), vl_x16_mul(o, q));
    x[3] = vl_x16_mul(g, q);
}

static inline vl_x16 cell_tanh(vl_x16 x)
{
    const vl_x16 one = vl_x16_set(1);
    vl_x16 e = falling(x, 2);
    return vl_x16_div(vl_x16_sub(one, e), vl_x16_add(one, e));
}

/* sum: the recurrent products of group u for the four gates of row b. */
static inline __attribute__((always_inline)) void finish_group(const vl_lstm_recurrent *r,
                                                               const vl_lstm_rows *s,
                                                               const states *h, int64_t b,
                                                               int64_t u, const vl_x16 sum[4])
{
    const int64_t at = (b * r->U + u) * VL_LSTM_GROUP;
    float *z = s->z + 4 * at;
    vl_x16 x[4];
    for (int k = 0; k < 4; k++) {
        x[k] = vl_x16_add(vl_x16_load(z + 16 * k), vl_x16_load(r->bias + u * 64 + 16 * k));
        if (h->unit) {
            vl_x16 worth =
                vl_x16_mul(vl_x16_set(h->unit[b]), vl_x16_load(r->scale + u * 64 + 16 * k));
            x[k] = vl_x16_fma(sum[k], worth, x[k]);
        } else {
            x[k] = vl_x16_add(x[k], sum[k]);
        }
    }
    gates(x);
    if (s->keep)
        for (int k = 0; k < 4; k++) vl_x16_store(z + 16 * k, x[k]);
    vl_x16 c = vl_x16_fma(x[0], x[2], vl_x16_mul(x[1], vl_x16_load(s->c_before + at)));
    vl_x16_store(s->c + at, c);
    vl_x16_store(s->h + at, vl_x16_mul(x[3], cell_tanh(c)));
}
