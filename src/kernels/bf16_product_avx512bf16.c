/* bf16_product_avx512bf16.c: tiles of up to 6 rows and a panel: 24 sums in registers. The sum is
 * cut into parts whose part of a panel stays in the first-level cache while all rows pass. */
#include "kernels/x16_avx512.h"

#include <string.h>

#include "kernels/bf16_product.h"
#include "kernels/lstm_tiles.h"

enum { MOST = 6, PANEL = VL_BF16_PANEL, PART = 128 };

/* Pairs [first, end) of the sum, for rows [m, m + rows) and panel p. */
static inline __attribute__((always_inline)) void tile(float *C, const char *a, const char *b,
                                                       const vl_bf16_product *s, int64_t first,
                                                       int64_t end, int64_t m, int64_t p, int rows)
{
    const int64_t columns = s->N - p * PANEL < PANEL ? s->N - p * PANEL : PANEL;
    const bool add = s->add || first > 0;
    __m512 sum[MOST][4];
    C += m * s->ldc + p * PANEL;
    for (int i = 0; i < rows; i++)
        for (int g = 0; g < 4; g++) {
            int64_t some = columns - 16 * g < 0 ? 0 : columns - 16 * g < 16 ? columns - 16 * g : 16;
            sum[i][g] = add ? vl_x16_load_some(C + i * s->ldc + 16 * g, some) : vl_x16_set(0);
        }
    a += (m * s->row + first * s->step) * 4;
    b += (p * s->K + first) * PANEL * 4;
    for (int64_t k = first; k < end; k++, a += s->step * 4, b += PANEL * 4) {
        __m512bh w[4];
        for (int g = 0; g < 4; g++) w[g] = (__m512bh)_mm512_loadu_si512(b + 64 * g);
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++) {
            int32_t pair;
            memcpy(&pair, a + i * s->row * 4, sizeof pair);
            const __m512bh x = (__m512bh)_mm512_set1_epi32(pair);
            for (int g = 0; g < 4; g++) sum[i][g] = _mm512_dpbf16_ps(sum[i][g], w[g], x);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int g = 0; g < 4; g++) {
            int64_t some = columns - 16 * g < 0 ? 0 : columns - 16 * g < 16 ? columns - 16 * g : 16;
            vl_x16_store_some(C + i * s->ldc + 16 * g, sum[i][g], some);
        }
}

void vl_bf16_product_avx512bf16(float *C, const void *A, const void *B, const vl_bf16_product *s)
{
    const int64_t panels = (s->N + PANEL - 1) / PANEL;
    for (int64_t first = 0; first == 0 || first < s->K; first += PART) {
        const int64_t end = s->K - first < PART ? s->K : first + PART;
#define TILE(m, p, rows) tile(C, A, B, s, first, end, m, p, rows)
        VL_LSTM_EACH_TILE(panels, s->M, TILE)
#undef TILE
    }
}

/* As the high halves of 32 bits. */
static inline __m512i rounded(__m512 x)
{
    return _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x)), 16);
}

void vl_bf16_pairs_avx512bf16(void *dst, const float *even, const float *odd, int64_t n)
{
    for (int64_t i = 0; i < n; i += 16) {
        const int64_t some = n - i < 16 ? n - i : 16;
        __m512i low = _mm512_setzero_si512();
        if (even) low = _mm512_srli_epi32(rounded(vl_x16_load_some(even + i, some)), 16);
        if (odd) low = _mm512_or_si512(low, rounded(vl_x16_load_some(odd + i, some)));
        _mm512_mask_storeu_epi32((char *)dst + i * 4, vl_x16_first(some), low);
    }
}
