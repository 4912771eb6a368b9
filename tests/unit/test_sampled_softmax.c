/* test_sampled_softmax.c: loss and gradients against the formula in double precision and its
 * differences, over odd shapes, with the wanted token among the candidates and rows that do not
 * count; with candidates drawn like tokens, the whole vocabulary's loss. */
#include "test.h"

#include <math.h>

#include "base/hash.h"
#include "kernels/gemm.h"
#include "layers/sampled_softmax.h"

enum { R_MOST = 9, S_MOST = 40, E_MOST = 20, ROUNDS = 60 };

typedef struct problem {
    int64_t R, S, E;
    float h[R_MOST * E_MOST], wanted[R_MOST * E_MOST], candidates[S_MOST * E_MOST];
    int32_t wanted_id[R_MOST], candidate_id[S_MOST];
} problem;

static uint64_t seed, drawn;

static void fill(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(vl_random_at(seed, drawn++) >> 40) * 0x1p-23f - 1;
}

static int32_t below(int32_t n)
{
    return (int32_t)(vl_random_at(seed, drawn++) % (uint64_t)n);
}

static void make_problem(problem *p)
{
    *p = (problem){.R = 1 + below(R_MOST), .S = 1 + below(S_MOST), .E = 1 + below(E_MOST)};
    fill(p->h, p->R * p->E);
    fill(p->wanted, p->R * p->E);
    fill(p->candidates, p->S * p->E);
    for (int64_t r = 0; r < p->R; r++) p->wanted_id[r] = below(7) - 1;
    for (int64_t c = 0; c < p->S; c++) p->candidate_id[c] = below(9);
}

static vl_sampled_softmax of(const problem *p)
{
    return (vl_sampled_softmax){.R = p->R,
                                .S = p->S,
                                .E = p->E,
                                .h = p->h,
                                .wanted = p->wanted,
                                .candidates = p->candidates,
                                .wanted_id = p->wanted_id,
                                .candidate_id = p->candidate_id};
}

static double dot(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static double loss(const problem *p)
{
    double all = 0;
    for (int64_t r = 0; r < p->R; r++) {
        if (p->wanted_id[r] < 0) continue;
        const float *h = p->h + r * p->E;
        double own = dot(h, p->wanted + r * p->E, p->E), sum = exp(own);
        for (int64_t c = 0; c < p->S; c++)
            if (p->candidate_id[c] != p->wanted_id[r])
                sum += exp(dot(h, p->candidates + c * p->E, p->E));
        all += log(sum) - own;
    }
    return all;
}

static void expect_slopes(const problem *p, float *x, const float *got, float added, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float kept = x[i];
        x[i] = kept + 1.0f / 256;
        double up = loss(p);
        x[i] = kept - 1.0f / 256;
        double expected = 0.5 * (up - loss(p)) * 128 + (double)added; /* 0.5 is the scale */
        x[i] = kept;
        if (fabs((double)got[i] - expected) > 2e-4 * (1 + fabs(expected)))
            fail_msg("gradient %g, numerically %g", (double)got[i], expected);
    }
}

static void test_gradients(void **state)
{
    (void)state;
    static problem p;
    static float logits[R_MOST * S_MOST], dh[R_MOST * E_MOST], dwanted[R_MOST * E_MOST],
        dcandidates[S_MOST * E_MOST];
    for (seed = 1; seed <= ROUNDS; seed++) {
        make_problem(&p);
        vl_sampled_softmax s = of(&p);
        for (int64_t i = 0; i < p.S * p.E; i++) dcandidates[i] = 3;
        vl_sampled_gradients to = {dh, dwanted, dcandidates, 0.5f};
        vl_sampled_score score = vl_sampled_softmax_run(&s, &to, logits);
        double expected = loss(&p);
        int64_t places = 0;
        for (int64_t r = 0; r < p.R; r++) places += p.wanted_id[r] >= 0;
        assert_int_equal(score.places, places);
        assert_true(score.right >= 0 && score.right <= places);
        if (fabs(score.loss - expected) > 1e-5 * (1 + expected)) fail_msg("loss %g", score.loss);
        assert_true(vl_sampled_softmax_run(&s, NULL, logits).loss == score.loss);
        expect_slopes(&p, p.h, dh, 0, p.R * p.E);
        expect_slopes(&p, p.wanted, dwanted, 0, p.R * p.E);
        expect_slopes(&p, p.candidates, dcandidates, 3, p.S * p.E);
    }
}

/* Many candidates drawn by q: the loss comes to that of the whole softmax of log q + s, but for
 * log of their number. */
static void test_samples_the_whole_vocabulary(void **state)
{
    (void)state;
    enum { V = 6, S = 60000, E = 4 };
    static float table[V * E], candidates[S * E], logits[S];
    static int32_t candidate_id[S];
    float h[E];
    seed = 77;
    fill(table, V * E);
    fill(h, E);
    double q[V], whole = 0, total = V * (V + 1) / 2.0;
    for (int v = 0; v < V; v++) q[v] = (v + 1) / total;
    for (int c = 0; c < S; c++) {
        int32_t at = below(V * (V + 1) / 2), v = 0;
        while (at > v) at -= ++v;
        candidate_id[c] = v;
        memcpy(candidates + c * E, table + v * E, sizeof h);
    }
    for (int v = 0; v < V; v++) whole += q[v] * exp(dot(h, table + v * E, E));
    for (int32_t v = 0; v < V; v++) {
        vl_sampled_softmax s = {1, S, E, h, table + v * E, candidates, &v, candidate_id};
        double own = q[v] * exp(dot(h, table + v * E, E)), others = whole - own;
        double share = exp(dot(h, table + v * E, E)) / S;
        double expected = log(share + others) - log(share);
        double got = vl_sampled_softmax_run(&s, NULL, logits).loss;
        if (fabs(got - expected) > 0.02) fail_msg("token %d: %g instead of %g", v, got, expected);
    }
}

static int open_products(void **state)
{
    (void)state;
    return vl_gemm_open(NULL) == VALENCE_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients),
                                       cmocka_unit_test(test_samples_the_whole_vocabulary)};
    return cmocka_run_group_tests(tests, open_products, NULL);
}
