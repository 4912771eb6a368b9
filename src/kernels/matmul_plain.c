/* matmul_plain.c: what a product is, to be read; and what runs on machines without AVX2. */
#include <string.h>

#include "kernels/matmul.h"

static float real_of(uint16_t bf16)
{
    uint32_t bits = (uint32_t)bf16 << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static float dot_f32(const float *a, const float *b, int64_t K)
{
    float sum = 0;
    for (int64_t k = 0; k < K; k++) sum += a[k] * b[k];
    return sum;
}

static float dot_bf16(const uint16_t *a, const uint16_t *b, int64_t K)
{
    float sum = 0;
    for (int64_t k = 0; k < K; k++) sum += real_of(a[k]) * real_of(b[k]);
    return sum;
}

static int32_t dot_i8(const uint8_t *a, const int8_t *b, int64_t K)
{
    int32_t sum = 0;
    for (int64_t k = 0; k < K; k++) sum += a[k] * b[k];
    return sum;
}

void vl_matmul_plain(vl_matmul_kind kind, void *dst, const void *src, const void *weight, int64_t M,
                     int64_t N, int64_t K)
{
    for (int64_t m = 0; m < M; m++)
        for (int64_t n = 0; n < N; n++) {
            int64_t a = m * K, b = n * K, c = m * N + n;
            if (kind == VL_MATMUL_F32)
                ((float *)dst)[c] = dot_f32((const float *)src + a, (const float *)weight + b, K);
            else if (kind == VL_MATMUL_BF16)
                ((float *)dst)[c] =
                    dot_bf16((const uint16_t *)src + a, (const uint16_t *)weight + b, K);
            else
                ((int32_t *)dst)[c] =
                    dot_i8((const uint8_t *)src + a, (const int8_t *)weight + b, K);
        }
}
