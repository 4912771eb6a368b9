/* check_gemm.c: products of changing matrices against doubles: odd sizes, both transpositions, rows
 * with gaps, on top of what is there or not; then their share of the processor's peak. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/gemm.h"
#include "numeric.h"

int check_gemm(void);

enum { ROUNDS = 400, MOST = 90 };

static double at(const float *x, bool transposed, int64_t stride, int64_t r, int64_t c)
{
    return (double)(transposed ? x[c * stride + r] : x[r * stride + c]);
}

static bool product_is(const float *C, const float *start, const float *A, const float *B,
                       const vl_gemm *s)
{
    for (int64_t m = 0; m < s->M; m++)
        for (int64_t n = 0; n < s->ldc && (m + 1 < s->M || n < s->N); n++) {
            double sum = n < s->N && !s->add ? 0 : (double)start[m * s->ldc + n], size = fabs(sum);
            for (int64_t k = 0; n < s->N && k < s->K; k++) {
                double term =
                    at(A, s->transpose_a, s->lda, m, k) * at(B, s->transpose_b, s->ldb, k, n);
                sum += term;
                size += fabs(term);
            }
            if (!near(C[m * s->ldc + n], sum, 1e-6 * size)) return false;
        }
    return true;
}

static bool agrees(uint64_t round)
{
    static float start[MOST * (MOST + 8)];
    vl_gemm s = {.M = 1 + (int64_t)random_below(round, 1, MOST - 1),
                 .N = 1 + (int64_t)random_below(round, 2, MOST - 1),
                 .K = (int64_t)random_below(round, 3, MOST),
                 .transpose_a = round & 1,
                 .transpose_b = round & 2,
                 .add = round & 4};
    int64_t gap = round & 8 ? (int64_t)random_below(round, 4, 7) : 0;
    s.lda = (s.transpose_a ? s.M : s.K) + gap + (s.K == 0);
    s.ldb = (s.transpose_b ? s.K : s.N) + gap + (s.K == 0);
    s.ldc = s.N + gap;
    int64_t a = (s.transpose_a ? s.K : s.M) * s.lda, b = (s.transpose_b ? s.N : s.K) * s.ldb,
            c = s.M * s.ldc - gap;
    float *A = guarded(0, (size_t)a * 4, 0), *B = guarded(1, (size_t)b * 4, 0),
          *C = guarded(2, (size_t)c * 4, 0);
    fill_floats(A, a, 1, round, 5);
    fill_floats(B, b, 1, round, 6);
    fill_floats(C, c, 1, round, 7);
    memcpy(start, C, (size_t)c * 4);
    vl_gemm_run(C, A, B, &s);
    return product_is(C, start, A, B, &s) && intact(2, C, (size_t)c * 4);
}

static void time_it(vl_isa isa)
{
    static const vl_gemm shapes[] = {{.M = 8192, .N = 512, .K = 128, .transpose_b = true},
                                     {.M = 1024, .N = 512, .K = 128, .transpose_b = true},
                                     {.M = 512, .N = 128, .K = 1024, .transpose_a = true},
                                     {.M = 1024, .N = 128, .K = 512},
                                     {.M = 8, .N = 512, .K = 128, .transpose_b = true}};
    static float A[8192 * 128], B[512 * 1024], C[8192 * 512];
    fill_floats(A, 8192 * 128, 1, 0, 1);
    fill_floats(B, 512 * 1024, 1, 0, 2);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const vl_gemm *s = &shapes[i];
        double best, work = 2e-9 * (double)(s->M * s->N * s->K);
        BEST_SECONDS(best, 15, vl_gemm_run(C, A, B, s));
        printf("# gemm %s (%d,%d,%d)%s%s: %.1f GFLOP/s, %.0f %% of peak\n", vl_isa_name(isa),
               (int)s->M, (int)s->N, (int)s->K, s->transpose_a ? " A^T" : "",
               s->transpose_b ? " B^T" : "", work / best, 100 * work / best / peak_gflops(isa));
    }
}

int check_gemm(void)
{
    int failed = 0;
    if (vl_gemm_open(NULL) != VALENCE_OK) {
        printf("# no oneDNN here: only the plain loops\n");
        vl_isa_limit(VL_ISA_SCALAR);
    }
    for (vl_isa isa = VL_ISA_SCALAR; isa <= vl_isa_active(); isa++) {
        if (isa == VL_ISA_AVX2) continue; /* oneDNN keeps the level it began with */
        vl_isa highest = vl_isa_active();
        vl_isa_limit(isa);
        bool good = true;
        for (uint64_t round = 0; good && round < ROUNDS; round++) {
            good = agrees(round);
            if (!good) printf("# differs in round %d\n", (int)round);
        }
        failed += said(good, "gemm", isa);
        if (good && isa != VL_ISA_SCALAR) time_it(isa);
        vl_isa_limit(highest);
    }
    vl_isa_limit(VL_ISA_AVX512);
    return failed;
}
