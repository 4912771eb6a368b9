/* quantize_scalar.c: the plain version. */
#include <math.h>

#include "kernels/quantize.h"

static float largest(const float *src, int64_t N)
{
    float max = 0;
    for (int64_t n = 0; n < N; n++) max = fabsf(src[n]) > max ? fabsf(src[n]) : max;
    return max;
}

float vl_quantize_row_scalar(void *q, int32_t *sum, const float *src, int64_t N, int32_t steps,
                             int32_t offset)
{
    int8_t *out = q;
    float max = largest(src, N);
    float factor = max > 1e-30f ? (float)steps / max : 0;
    *sum = 0;
    for (int64_t n = 0; n < N; n++) {
        float x = src[n] * factor;
        int32_t i = isnan(x) ? 0 : (int32_t)lrintf(x);
        out[n] = (int8_t)(i + offset);
        *sum += i;
    }
    return max > 1e-30f ? max / (float)steps : 1.0f;
}
