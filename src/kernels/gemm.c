/* gemm.c: chooses who multiplies, and the plain loops. */
#include "kernels/gemm.h"

#include <string.h>

#include "base/cpu.h"

vl_status vl_gemm_open(valence_error *error)
{
    return vl_isa_active() == VL_ISA_SCALAR ? VALENCE_OK : vl_onednn_gemm_open(error);
}

void vl_gemm_plain(float *C, const float *A, const float *B, const vl_gemm *s)
{
    for (int64_t m = 0; m < s->M; m++) {
        float *c = C + m * s->ldc;
        if (!s->add) memset(c, 0, (size_t)s->N * sizeof *c);
        for (int64_t k = 0; k < s->K; k++) {
            float a = s->transpose_a ? A[k * s->lda + m] : A[m * s->lda + k];
            const float *b = s->transpose_b ? B + k : B + k * s->ldb;
            int64_t step = s->transpose_b ? s->ldb : 1;
            for (int64_t n = 0; n < s->N; n++) c[n] += a * b[n * step];
        }
    }
}

void vl_gemm_run(float *C, const float *A, const float *B, const vl_gemm *shape)
{
    vl_gemm s = *shape;
    if (s.M == 0 || s.N == 0) return;
    if (!s.lda) s.lda = s.transpose_a ? s.M : s.K;
    if (!s.ldb) s.ldb = s.transpose_b ? s.K : s.N;
    if (!s.ldc) s.ldc = s.N;
    if (s.K == 0 || vl_isa_active() == VL_ISA_SCALAR || !vl_onednn_gemm(C, A, B, &s))
        vl_gemm_plain(C, A, B, &s);
}
