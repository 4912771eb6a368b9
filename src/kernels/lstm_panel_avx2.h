/* lstm_panel_avx2.h: rows times a panel of 64 columns, in two halves: every 16 columns' first 8,
 * then the others. 4 x 3 sums of 8 in registers. The sums of x16_avx2.h's kind agree with
 * lstm_panel_avx512.h's to the bit. */
#include "kernels/x16_avx2.h"

enum { MOST = 3 };

static inline __attribute__((always_inline)) void
half_panel(float *out, const float *w, const float *x, int64_t stride, int64_t K, int rows)
{
    __m256 sum[MOST][4];
    for (int i = 0; i < rows; i++)
        for (int g = 0; g < 4; g++) sum[i][g] = _mm256_setzero_ps();
    for (int64_t k = 0; k < K; k++, w += 64)
#pragma GCC unroll 3
        for (int i = 0; i < rows; i++) {
            const __m256 entry = _mm256_broadcast_ss(x + i * stride + k);
            for (int g = 0; g < 4; g++)
                sum[i][g] = _mm256_fmadd_ps(_mm256_loadu_ps(w + 16 * g), entry, sum[i][g]);
        }
    for (int i = 0; i < rows; i++)
        for (int g = 0; g < 4; g++) _mm256_storeu_ps(out + 64 * i + 16 * g, sum[i][g]);
}

static inline __attribute__((always_inline)) void
panel(vl_x16 sum[MOST][4], const float *w, const float *x, int64_t stride, int64_t K, int rows)
{
    float out[MOST * 64]; /* (rows,4,16) */
    half_panel(out, w, x, stride, K, rows);
    half_panel(out + 8, w + 8, x, stride, K, rows);
    for (int i = 0; i < rows; i++)
        for (int g = 0; g < 4; g++) sum[i][g] = vl_x16_load(out + 64 * i + 16 * g);
}
