/* softmax.c: the plain version; rows are a few classes long, so there is no other. */
#include "kernels/softmax.h"

#include <assert.h>
#include <math.h>

static void softmax_row(float *dst, const float *src, int32_t N, float temperature)
{
    float max = src[0], sum = 0;
    for (int32_t n = 1; n < N; n++) max = src[n] > max ? src[n] : max;
    for (int32_t n = 0; n < N; n++) {
        dst[n] = expf((src[n] - max) / temperature);
        sum += dst[n];
    }
    for (int32_t n = 0; n < N; n++) dst[n] /= sum;
}

void vl_softmax(float *dst, const float *src, int32_t R, int32_t N, float temperature)
{
    assert(N > 0 && temperature > 0);
    for (int64_t r = 0; r < R; r++) softmax_row(dst + r * N, src + r * N, N, temperature);
}

void vl_sigmoid(float *dst, const float *src, int32_t N, float temperature)
{
    assert(temperature > 0);
    for (int32_t n = 0; n < N; n++) dst[n] = 1 / (1 + expf(-src[n] / temperature));
}
