/* lstm_float_x16.h: the float32 step: the body of lstm_step_avx2.c and lstm_step_avx512.c. Included
 * behind lstm_panel_*.h. */
#include "kernels/lstm_cell_x16.h"
#include "kernels/lstm_tiles.h"

static inline __attribute__((always_inline)) void tile(const vl_lstm_recurrent *r,
                                                       const vl_lstm_rows *s, const states *before,
                                                       int64_t b, int64_t u, int rows)
{
    const int64_t P = (int64_t)r->U * VL_LSTM_GROUP;
    const float *h = (const float *)before->rows + b * P;
    vl_x16 sum[MOST][4];
    panel(sum, (const float *)r->weight + u * P * 64, h, P, P, rows);
    for (int i = 0; i < rows; i++) finish_group(r, s, before, b + i, u, sum[i]);
}

static void float_step(const vl_lstm_recurrent *r, const vl_lstm_rows *s, int32_t n)
{
    const states before = float_states(r, s, n);
#define TILE(b, u, rows) tile(r, s, &before, b, u, rows)
    VL_LSTM_EACH_TILE(r->U, n, TILE)
#undef TILE
}
