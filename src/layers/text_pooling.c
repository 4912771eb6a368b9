/* text_pooling.c: plain loops; pooling takes a hundredth of an LSTM's time. */
#include "layers/text_pooling.h"

#include <string.h>

#include "kernels/row_sums.h"
#include "kernels/softmax.h"

/* ---- Maximum --------------------------------------------------------------------------------- */

static void max_of_text(float *out, int32_t *where, const float *x, int32_t from, int32_t end,
                        int64_t C)
{
    memset(out, 0, (size_t)C * sizeof *out);
    for (int64_t c = 0; c < C; c++) where[c] = from;
    if (from == end) return;
    memcpy(out, x + from * C, (size_t)C * sizeof *out);
    for (int32_t t = from + 1; t < end; t++) {
        const float *row = x + t * C;
        for (int64_t c = 0; c < C; c++)
            if (row[c] > out[c]) out[c] = row[c], where[c] = t;
    }
}

void vl_pool_max(float *out, int32_t *where, const float *x, const vl_pooling_shape *s)
{
    for (int32_t b = 0; b < s->B; b++)
        max_of_text(out + b * s->stride, where + b * s->C, x, s->offsets[b], s->offsets[b + 1],
                    s->C);
}

void vl_pool_max_back(float *dx, const float *dout, const int32_t *where, const vl_pooling_shape *s)
{
    for (int32_t b = 0; b < s->B; b++)
        for (int64_t c = 0; c < s->C && s->offsets[b] < s->offsets[b + 1]; c++)
            dx[where[b * s->C + c] * s->C + c] += dout[b * s->stride + c];
}

/* ---- Mean ------------------------------------------------------------------------------------ */

static float share_of(const vl_pooling_shape *s, int32_t b)
{
    return 1 / (float)(s->offsets[b + 1] - s->offsets[b]);
}

void vl_pool_mean(float *out, const float *x, const vl_pooling_shape *s)
{
    for (int32_t b = 0; b < s->B; b++) {
        float *to = out + b * s->stride;
        memset(to, 0, (size_t)s->C * sizeof *to);
        for (int32_t t = s->offsets[b]; t < s->offsets[b + 1]; t++)
            vl_row_add(to, x + t * s->C, share_of(s, b), s->C);
    }
}

void vl_pool_mean_back(float *dx, const float *dout, const vl_pooling_shape *s)
{
    for (int32_t b = 0; b < s->B; b++)
        for (int32_t t = s->offsets[b]; t < s->offsets[b + 1]; t++)
            vl_row_add(dx + t * s->C, dout + b * s->stride, share_of(s, b), s->C);
}

/* ---- Attention ------------------------------------------------------------------------------- */

static float dot(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return (float)sum;
}

void vl_pool_attention(float *out, float *share, const float *x, const float *a,
                       const vl_pooling_shape *s)
{
    for (int32_t b = 0; b < s->B; b++) {
        int32_t from = s->offsets[b], n = s->offsets[b + 1] - from;
        float *to = out + b * s->stride;
        memset(to, 0, (size_t)s->C * sizeof *to);
        for (int32_t t = from; t < from + n; t++) share[t] = dot(a, x + t * s->C, s->C);
        if (n) vl_softmax(share + from, share + from, 1, n, 1);
        for (int32_t t = from; t < from + n; t++) vl_row_add(to, x + t * s->C, share[t], s->C);
    }
}

/* By the score of token t: share[t] (dshare[t] - sum over u of share[u] dshare[u]). */
void vl_pool_attention_back(const vl_pool_attention_gradients *to, const float *dout,
                            const float *share, const float *x, const float *a,
                            const vl_pooling_shape *s)
{
    for (int32_t b = 0; b < s->B; b++) {
        const float *d = dout + b * s->stride;
        float mean = 0;
        for (int32_t t = s->offsets[b]; t < s->offsets[b + 1]; t++) {
            to->dshare[t] = dot(d, x + t * s->C, s->C);
            mean += share[t] * to->dshare[t];
        }
        for (int32_t t = s->offsets[b]; t < s->offsets[b + 1]; t++) {
            float dscore = share[t] * (to->dshare[t] - mean);
            vl_row_add(to->dx + t * s->C, d, share[t], s->C);
            vl_row_add(to->dx + t * s->C, a, dscore, s->C);
            vl_row_add(to->da, x + t * s->C, dscore, s->C);
        }
    }
}
