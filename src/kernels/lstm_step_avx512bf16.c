/* lstm_step_avx512bf16.c: pairs of bfloat16, for processors with AVX512-BF16. */
#include "kernels/x16_avx512.h"

#include "kernels/lstm_cell_x16.h"
#include "kernels/lstm_tiles.h"

enum { MOST = 6 };

static inline __attribute__((always_inline)) void tile(const vl_lstm_recurrent *r,
                                                       const vl_lstm_rows *s, const states *before,
                                                       int64_t b, int64_t u, int rows)
{
    const int64_t P = (int64_t)r->U * VL_LSTM_GROUP;
    const uint16_t *h = (const uint16_t *)before->rows + b * P;
    const uint16_t *w = (const uint16_t *)r->weight + u * P * 64;
    vl_x16 sum[MOST][4];
    for (int i = 0; i < rows; i++)
        for (int g = 0; g < 4; g++) sum[i][g] = vl_x16_set(0);
    for (int64_t k = 0; k < P; k += 2, w += 128) {
        __m512bh pair[4];
        for (int g = 0; g < 4; g++) pair[g] = (__m512bh)_mm512_loadu_si512(w + 32 * g);
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++) {
            int32_t two;
            memcpy(&two, h + i * P + k, sizeof two);
            const __m512bh x = (__m512bh)_mm512_set1_epi32(two);
            for (int g = 0; g < 4; g++) sum[i][g] = _mm512_dpbf16_ps(sum[i][g], pair[g], x);
        }
    }
    for (int i = 0; i < rows; i++) finish_group(r, s, before, b + i, u, sum[i]);
}

void vl_lstm_step_bf16(const vl_lstm_recurrent *r, const vl_lstm_rows *s, int32_t n)
{
    const int64_t all = (int64_t)n * r->U * VL_LSTM_GROUP;
    uint16_t *h = room_for_rows(s, n);
    for (int64_t k = 0; k < all; k += 16) vl_x16_store_bf16(h + k, vl_x16_load(s->h_before + k));
    const states before = {.rows = h};
#define TILE(b, u, rows) tile(r, s, &before, b, u, rows)
    VL_LSTM_EACH_TILE(r->U, n, TILE)
#undef TILE
}
