/* bf16_product_scalar.c: the definitions. */
#include <string.h>

#include "kernels/bf16_product.h"
#include "kernels/convert.h"

enum { PANEL = VL_BF16_PANEL };

static void read_pair(float pair[2], const void *pairs, int64_t at)
{
    uint32_t both, bits[2];
    memcpy(&both, (const char *)pairs + at * 4, sizeof both);
    bits[0] = both << 16;
    bits[1] = both & 0xFFFF0000;
    memcpy(pair, bits, sizeof bits);
}

void vl_bf16_product_scalar(float *C, const void *A, const void *B, const vl_bf16_product *s)
{
    for (int64_t m = 0; m < s->M; m++)
        for (int64_t n = 0; n < s->N; n++) {
            float sum = s->add ? C[m * s->ldc + n] : 0;
            for (int64_t k = 0; k < s->K; k++) {
                float a[2], b[2];
                read_pair(a, A, m * s->row + k * s->step);
                read_pair(b, B, (n / PANEL * s->K + k) * PANEL + n % PANEL);
                sum += a[0] * b[0] + a[1] * b[1];
            }
            C[m * s->ldc + n] = sum;
        }
}

void vl_bf16_pairs_scalar(void *dst, const float *even, const float *odd, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t pair[2] = {0};
        if (even) vl_f32_to_bf16_scalar(&pair[0], even + i, 1);
        if (odd) vl_f32_to_bf16_scalar(&pair[1], odd + i, 1);
        memcpy((char *)dst + i * 4, pair, sizeof pair);
    }
}
