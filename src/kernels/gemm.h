/* gemm.h: products of matrices that both change from call to call: what training needs. For weights
 * that stay, matmul.h is faster.
 *     C = op(A) op(B)   or   C += op(A) op(B)         C: (M,N), op(A): (M,K), op(B): (K,N)
 * Row-major; a row of A, B, C begins lda, ldb, ldc floats behind the one before. op is the matrix,
 * or its transpose: then A is stored (K,M), B is (N,K). From AVX2 on by oneDNN, one thread each
 * (matmul_onednn.c), else by plain loops. The same operands give the same bits whatever thread
 * asks. */
#ifndef VL_GEMM_H
#define VL_GEMM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef struct vl_gemm {
    int64_t M, N, K;
    bool transpose_a, transpose_b;
    bool add;              /* to what C holds; else C need not be initialised */
    int64_t lda, ldb, ldc; /* 0: as many as a row has */
} vl_gemm;

/* Opens what the products need; call it before the first one. VALENCE_UNSUPPORTED: no oneDNN. */
vl_status vl_gemm_open(valence_error *error);

/* Nothing happens for M or N 0; with K 0 C is cleared or stays. */
void vl_gemm_run(float *C, const float *A, const float *B, const vl_gemm *shape);

/* ---- The two ways below; for gemm.c and tests -------------------------------------------------
 */

/* The definition. Leading dimensions must be given. */
void vl_gemm_plain(float *C, const float *A, const float *B, const vl_gemm *shape);

vl_status vl_onednn_gemm_open(valence_error *error);
bool vl_onednn_gemm(float *C, const float *A, const float *B,
                    const vl_gemm *shape); /* false: it failed */

#endif
