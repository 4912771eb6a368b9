/* bf16_product.c: packing, and the choice by instruction set. */
#include "kernels/bf16_product.h"

#include <string.h>

#include "base/cpu.h"
#include "kernels/convert.h"

enum { PANEL = VL_BF16_PANEL, PAIR = 4 };

void vl_bf16_product_run(float *C, const void *A, const void *B, const vl_bf16_product *shape)
{
    (vl_cpu_has_bf16() ? vl_bf16_product_avx512bf16 : vl_bf16_product_scalar)(C, A, B, shape);
}

void vl_bf16_pairs(void *dst, const float *even, const float *odd, int64_t n)
{
    (vl_cpu_has_bf16() ? vl_bf16_pairs_avx512bf16 : vl_bf16_pairs_scalar)(dst, even, odd, n);
}

int64_t vl_bf16_panels(int64_t N, int64_t K)
{
    return (N + PANEL - 1) / PANEL * K * PANEL;
}

void vl_bf16_put_rows(void *B, const float *even, const float *odd, int64_t k, int64_t N, int64_t K)
{
    for (int64_t n = 0; n < N; n += PANEL) {
        const int64_t some = N - n < PANEL ? N - n : PANEL;
        char *to = (char *)B + (n * K + k * PANEL) * PAIR;
        vl_bf16_pairs(to, even ? even + n : NULL, odd ? odd + n : NULL, some);
        memset(to + some * PAIR, 0, (size_t)((PANEL - some) * PAIR));
    }
}

/* A row of bfloat16 is its pairs one after the other. */
void vl_bf16_put_column(void *B, const float *w, int64_t entries, int64_t n, int64_t K)
{
    enum { SOME = 256 };
    char *to = (char *)B + (n / PANEL * K * PANEL + n % PANEL) * PAIR;
    for (int64_t k = 0; k < K; k += SOME / 2) {
        uint16_t row[SOME] = {0};
        const int64_t left = entries - 2 * k, end = K - k < SOME / 2 ? K - k : SOME / 2;
        if (left > 0) vl_f32_to_bf16(row, w + 2 * k, left < SOME ? left : SOME);
        for (int64_t i = 0; i < end; i++, to += PANEL * PAIR) memcpy(to, row + 2 * i, PAIR);
    }
}
