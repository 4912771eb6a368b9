/* lstm_step_avx512vnni.c: groups of four bytes, for processors with AVX512-VNNI. The instruction
 * multiplies unsigned by signed bytes: the weights are stored as 128 + w, and 128 times the sum of
 * the row's state is taken off again. All of it is exact. */
#include "kernels/x16_avx512.h"

#include "kernels/lstm_cell_x16.h"
#include "kernels/lstm_tiles.h"

enum { MOST = 6 };

/* sum + four products in each lane. GCC 12 copies and spills the sums around its own intrinsic:
 * 0.74 us a row of 128 units where this takes 0.47. */
static inline __m512i dot(__m512i sum, __m512i w, __m512i x)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(w), "v"(x));
    return sum;
}

static inline __attribute__((always_inline)) void tile(const vl_lstm_recurrent *r,
                                                       const vl_lstm_rows *s, const states *before,
                                                       int64_t b, int64_t u, int rows)
{
    const int64_t P = (int64_t)r->U * VL_LSTM_GROUP;
    const int8_t *h = (const int8_t *)before->rows + b * P;
    const uint8_t *w = (const uint8_t *)r->weight + u * P * 64;
    __m512i sum[MOST][4];
    for (int i = 0; i < rows; i++)
        for (int g = 0; g < 4; g++) sum[i][g] = _mm512_set1_epi32(-128 * before->sum[b + i]);
    for (int64_t k = 0; k < P; k += 4, w += 256) {
        __m512i four[4];
        for (int g = 0; g < 4; g++) four[g] = _mm512_loadu_si512(w + 64 * g);
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++) {
            int32_t bytes;
            memcpy(&bytes, h + i * P + k, sizeof bytes);
            const __m512i x = _mm512_set1_epi32(bytes);
            for (int g = 0; g < 4; g++) sum[i][g] = dot(sum[i][g], four[g], x);
        }
    }
    for (int i = 0; i < rows; i++) {
        vl_x16 real[4];
        for (int g = 0; g < 4; g++) real[g] = vl_i16_to_float(sum[i][g]);
        finish_group(r, s, before, b + i, u, real);
    }
}

void vl_lstm_step_vnni(const vl_lstm_recurrent *r, const vl_lstm_rows *s, int32_t n)
{
    const states before = byte_states(s, (int64_t)r->U * VL_LSTM_GROUP, n);
#define TILE(b, u, rows) tile(r, s, &before, b, u, rows)
    VL_LSTM_EACH_TILE(r->U, n, TILE)
#undef TILE
}
