/* attention_scalar.c: the plain version: scores are computed twice, for their maximum and for the
 * sums, and need no memory. */
#include <math.h>

#include "kernels/attention.h"

static float score(const float *q, const float *k, int32_t D, float scale)
{
    float sum = 0;
    for (int32_t d = 0; d < D; d++) sum += q[d] * k[d];
    return sum * scale;
}

/* One row of one head over keys first..end-1. */
static void attend(float *dst, const float *q, const float *k, const float *v, int64_t stride,
                   int64_t first, int64_t end, int32_t D, float scale)
{
    float max = -INFINITY, sum = 0;
    for (int64_t j = first; j < end; j++) max = fmaxf(max, score(q, k + j * stride, D, scale));
    for (int32_t d = 0; d < D; d++) dst[d] = 0;
    for (int64_t j = first; j < end; j++) {
        float p = expf(score(q, k + j * stride, D, scale) - max);
        sum += p;
        for (int32_t d = 0; d < D; d++) dst[d] += p * v[j * stride + d];
    }
    for (int32_t d = 0; d < D; d++) dst[d] /= sum;
}

void vl_attention_scalar(float *dst, const float *q, const float *k, const float *v, int64_t stride,
                         int64_t dst_stride, int32_t T, int32_t from, int32_t to, int32_t heads,
                         int32_t D, float scale, int32_t window, void *scratch)
{
    (void)scratch;
    for (int64_t i = from; i < to; i++) {
        int64_t first = window > 0 && i > window ? i - window : 0;
        int64_t end = window > 0 && i + window + 1 < T ? i + window + 1 : T;
        for (int64_t h = 0, at = 0; h < heads; h++, at += D)
            attend(dst + i * dst_stride + at, q + i * stride + at, k + at, v + at, stride, first,
                   end, D, scale);
    }
}
