/* lstm_panel_avx512.h: rows times a panel of 64 columns. 4 x 6 sums in registers: each weight is
 * read once for 6 rows, each entry of a row once for 64 columns. */
#include "kernels/x16_avx512.h"

enum { MOST = 6 };

/* sum[i][16 g + j] = sum over k of x[i][k] w[k][16 g + j]     x: rows of K, `stride` floats apart;
 * w: (K,64) */
static inline __attribute__((always_inline)) void
panel(vl_x16 sum[MOST][4], const float *w, const float *x, int64_t stride, int64_t K, int rows)
{
    for (int i = 0; i < rows; i++)
        for (int g = 0; g < 4; g++) sum[i][g] = vl_x16_set(0);
    for (int64_t k = 0; k < K; k++, w += 64) {
        const vl_x16 w0 = vl_x16_load(w), w1 = vl_x16_load(w + 16);
        const vl_x16 w2 = vl_x16_load(w + 32), w3 = vl_x16_load(w + 48);
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++) {
            const vl_x16 entry = vl_x16_set(x[i * stride + k]);
            sum[i][0] = vl_x16_fma(w0, entry, sum[i][0]);
            sum[i][1] = vl_x16_fma(w1, entry, sum[i][1]);
            sum[i][2] = vl_x16_fma(w2, entry, sum[i][2]);
            sum[i][3] = vl_x16_fma(w3, entry, sum[i][3]);
        }
    }
}
