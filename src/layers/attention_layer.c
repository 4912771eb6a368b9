/* attention_layer.c: each text and head is a few small matrix products. */
#include "layers/attention_layer.h"

#include <math.h>

#include "kernels/gemm.h"
#include "kernels/softmax.h"

static int64_t longest(const vl_attention_shape *s)
{
    int64_t most = 0;
    for (int32_t b = 0; b < s->B; b++)
        if (s->offsets[b + 1] - s->offsets[b] > most) most = s->offsets[b + 1] - s->offsets[b];
    return most;
}

size_t vl_attention_layer_scratch(const vl_attention_shape *s)
{
    size_t n = (size_t)longest(s);
    return 2 * n * n;
}

/* One text's one head. */
typedef struct head {
    const float *q, *k, *v;
    int64_t n, D, C;
} head;

static head head_of(const vl_attention_shape *s, const float *qkv, int32_t b, int32_t h)
{
    int64_t C = s->heads * s->D;
    const float *q = qkv + s->offsets[b] * 3 * C + h * s->D;
    return (head){q, q + C, q + 2 * C, s->offsets[b + 1] - s->offsets[b], s->D, C};
}

/* shares: (n,n) */
static void share_out(float *shares, const head *h)
{
    vl_gemm_run(shares, h->q, h->k,
                &(vl_gemm){.M = h->n,
                           .N = h->n,
                           .K = h->D,
                           .transpose_b = true,
                           .lda = 3 * h->C,
                           .ldb = 3 * h->C});
    vl_softmax(shares, shares, (int32_t)h->n, (int32_t)h->n, sqrtf((float)h->D));
}

void vl_attention_forward(float *out, const float *qkv, const vl_attention_shape *s, float *scratch)
{
    for (int32_t b = 0; b < s->B; b++)
        for (int32_t i = 0; i < s->heads; i++) {
            head h = head_of(s, qkv, b, i);
            share_out(scratch, &h);
            vl_gemm_run(out + s->offsets[b] * h.C + i * h.D, scratch, h.v,
                        &(vl_gemm){.M = h.n, .N = h.D, .K = h.n, .ldb = 3 * h.C, .ldc = h.C});
        }
}

/* d: (n,n) gradient by the shares, becomes that by the products of query and key. */
static void back_softmax(float *d, const float *shares, int64_t n, float scale)
{
    for (int64_t r = 0; r < n; r++) {
        double along = 0;
        for (int64_t c = 0; c < n; c++) along += (double)d[r * n + c] * (double)shares[r * n + c];
        for (int64_t c = 0; c < n; c++)
            d[r * n + c] = scale * shares[r * n + c] * (d[r * n + c] - (float)along);
    }
}

static void back_head(float *dq, const float *dout, const head *h, float *scratch)
{
    float *shares = scratch, *d = scratch + h->n * h->n, *dk = dq + h->C, *dv = dk + h->C;
    int64_t n = h->n, D = h->D, C = h->C;
    share_out(shares, h);
    vl_gemm_run(dv, shares, dout,
                &(vl_gemm){.M = n, .N = D, .K = n, .transpose_a = true, .ldb = C, .ldc = 3 * C});
    vl_gemm_run(d, dout, h->v,
                &(vl_gemm){.M = n, .N = n, .K = D, .transpose_b = true, .lda = C, .ldb = 3 * C});
    back_softmax(d, shares, n, 1 / sqrtf((float)D));
    vl_gemm_run(dq, d, h->k, &(vl_gemm){.M = n, .N = D, .K = n, .ldb = 3 * C, .ldc = 3 * C});
    vl_gemm_run(
        dk, d, h->q,
        &(vl_gemm){.M = n, .N = D, .K = n, .transpose_a = true, .ldb = 3 * C, .ldc = 3 * C});
}

void vl_attention_back(float *dqkv, const float *dout, const float *qkv,
                       const vl_attention_shape *s, float *scratch)
{
    for (int32_t b = 0; b < s->B; b++)
        for (int32_t i = 0; i < s->heads; i++) {
            head h = head_of(s, qkv, b, i);
            int64_t at = s->offsets[b];
            back_head(dqkv + at * 3 * h.C + i * h.D, dout + at * h.C + i * h.D, &h, scratch);
        }
}
