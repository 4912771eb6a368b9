/* lstm_back_x16.h: the body of lstm_back_avx2.c and lstm_back_avx512.c. Included behind
 * lstm_panel_*.h. */
#include "kernels/lstm_back.h"
#include "kernels/lstm_cell_x16.h"
#include "kernels/lstm_tiles.h"

enum { G = VL_LSTM_GROUP, COLUMNS = 64 };

/* Rows [b, b + rows) of dh, the groups of one panel (the last may have fewer than 4). */
static inline __attribute__((always_inline)) void
carry_tile(float *dh, const float *dz, const float *w, int32_t U, int64_t b, int64_t p, int rows)
{
    const int64_t P = (int64_t)U * G, Z = 4 * P;
    const int64_t groups = U - 4 * p < 4 ? U - 4 * p : 4;
    vl_x16 sum[MOST][4];
    panel(sum, w + p * Z * COLUMNS, dz + b * Z, Z, Z, rows);
    for (int i = 0; i < rows; i++) {
        float *to = dh + (b + i) * P + p * COLUMNS;
        for (int g = 0; g < groups; g++)
            vl_x16_store(to + G * g, vl_x16_add(vl_x16_load(to + G * g), sum[i][g]));
    }
}

static void carry_back(float *dh, const float *dz, const float *packed, int32_t U, int32_t n)
{
#define TILE(b, u, rows) carry_tile(dh, dz, packed, U, b, u, rows)
    VL_LSTM_EACH_TILE((U + 3) / 4, n, TILE)
#undef TILE
}

/* d x (1 - x) */
static inline vl_x16 through_sigmoid(vl_x16 d, vl_x16 x)
{
    return vl_x16_mul(d, vl_x16_fnma(x, x, x));
}

/* d (1 - x^2) */
static inline vl_x16 through_tanh(vl_x16 d, vl_x16 x)
{
    return vl_x16_mul(d, vl_x16_fnma(x, x, vl_x16_set(1)));
}

static void cell_back(float *z, float *dc, const float *dh, const float *c, const float *c_before,
                      int32_t U, int32_t n)
{
    const int64_t all = (int64_t)n * U * G;
    for (int64_t at = 0; at < all; at += G, z += 4 * G) {
        vl_x16 i = vl_x16_load(z), f = vl_x16_load(z + G), g = vl_x16_load(z + 2 * G),
               o = vl_x16_load(z + 3 * G);
        vl_x16 h = vl_x16_load(dh + at), t = cell_tanh(vl_x16_load(c + at));
        vl_x16 d = vl_x16_add(vl_x16_load(dc + at), through_tanh(vl_x16_mul(h, o), t));
        vl_x16_store(z, through_sigmoid(vl_x16_mul(d, g), i));
        vl_x16_store(z + G, through_sigmoid(vl_x16_mul(d, vl_x16_load(c_before + at)), f));
        vl_x16_store(z + 2 * G, through_tanh(vl_x16_mul(d, i), g));
        vl_x16_store(z + 3 * G, through_sigmoid(vl_x16_mul(h, t), o));
        vl_x16_store(dc + at, vl_x16_mul(d, f));
    }
}
