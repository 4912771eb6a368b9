/* sampled_softmax.c: products over all rows, between them one softmax a row. */
#include "layers/sampled_softmax.h"

#include <math.h>
#include <string.h>

#include "kernels/exp_row.h"
#include "kernels/gemm.h"
#include "kernels/row_sums.h"

static float dot(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return (float)sum;
}

/* The wanted token among the candidates is no other one. */
static void leave_out(float *row, const vl_sampled_softmax *s, int32_t wanted)
{
    for (int64_t c = 0; c < s->S; c++)
        if (s->candidate_id[c] == wanted) row[c] = -INFINITY;
}

static void skip_row(const vl_sampled_softmax *s, const vl_sampled_gradients *to, float *row,
                     int64_t r)
{
    memset(row, 0, (size_t)s->S * sizeof *row);
    if (to) memset(to->dwanted + r * s->E, 0, (size_t)s->E * sizeof(float));
}

/* Row r of the logits becomes its gradient; so does dwanted's. */
static void run_row(const vl_sampled_softmax *s, const vl_sampled_gradients *to, float *row,
                    int64_t r, vl_sampled_score *score)
{
    const float *h = s->h + r * s->E, *wanted = s->wanted + r * s->E;
    float own = dot(h, wanted, s->E);
    leave_out(row, s, s->wanted_id[r]);
    float others = vl_row_top(row, -INFINITY, s->S), top = own > others ? own : others;
    double own_share = exp((double)own - (double)top), sum = own_share + vl_exp_row(row, top, s->S);
    score->loss += log(sum) - ((double)own - (double)top);
    score->places++;
    score->right += own > others;
    if (!to) return;
    float part = (float)((double)to->scale / sum);
    for (int64_t c = 0; c < s->S; c++) row[c] *= part;
    float push = (float)((double)to->scale * (own_share / sum - 1));
    memset(to->dwanted + r * s->E, 0, (size_t)s->E * sizeof(float));
    vl_row_add(to->dwanted + r * s->E, h, push, s->E);
    vl_row_add(to->dh + r * s->E, wanted, push, s->E);
}

static void back(const vl_sampled_softmax *s, const vl_sampled_gradients *to, const float *logits)
{
    vl_gemm_run(to->dh, logits, s->candidates,
                &(vl_gemm){.M = s->R, .N = s->E, .K = s->S, .add = true});
    vl_gemm_run(to->dcandidates, logits, s->h,
                &(vl_gemm){.M = s->S, .N = s->E, .K = s->R, .transpose_a = true, .add = true});
}

vl_sampled_score vl_sampled_softmax_run(const vl_sampled_softmax *s, const vl_sampled_gradients *to,
                                        float *logits)
{
    vl_sampled_score score = {0};
    vl_gemm_run(logits, s->h, s->candidates,
                &(vl_gemm){.M = s->R, .N = s->S, .K = s->E, .transpose_b = true});
    if (to) memset(to->dh, 0, (size_t)(s->R * s->E) * sizeof(float));
    for (int64_t r = 0; r < s->R; r++) {
        if (s->wanted_id[r] < 0) skip_row(s, to, logits + r * s->S, r);
        else run_row(s, to, logits + r * s->S, r, &score);
    }
    if (to) back(s, to, logits);
    return score;
}
