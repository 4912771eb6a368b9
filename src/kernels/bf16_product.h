/* bf16_product.h: products of matrices in bfloat16 with sums in float32, whose operands both change
 * from call to call: what training needs where the processor has AVX512-BF16 (vl_cpu_has_bf16). For
 * weights that stay, matmul.h; in float32, gemm.h.
 *
 *     C = A B   or   C += A B         C: (M,N) floats, A: (M,2K), B: (2K,N)
 *
 * Neighbours along the sum go together as pairs, 4 bytes with the first one low.
 *
 * A: pair (m,k) is number m * row + k * step: rows of bfloat16 as they are (row K, step 1), or the
 * rows of A' interleaved by twos (row 1, step M).
 *
 * B: panels of 64 columns, pair (k,n) is number (n / 64 * K + k) * 64 + n % 64, zeros beyond N.
 *
 * A row's result does not depend on the others. Any thread, nothing is allocated; C's rows are
 * anywhere. */
#ifndef VL_BF16_PRODUCT_H
#define VL_BF16_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VL_BF16_PANEL = 64 };

typedef struct vl_bf16_product {
    int64_t M, N, K; /* K pairs */
    int64_t row, step, ldc;
    bool add;
} vl_bf16_product;

void vl_bf16_product_run(float *C, const void *A, const void *B, const vl_bf16_product *shape);

/* How many pairs B has. */
int64_t vl_bf16_panels(int64_t N, int64_t K);

/* Pairs number k of B from two rows of a matrix (2K,N): even, odd: (N), NULL: zeros. */
void vl_bf16_put_rows(void *B, const float *even, const float *odd, int64_t k, int64_t N,
                      int64_t K);

/* Column n of B from w (entries), a row of the matrix that is B'; 2K >= entries. Columns beyond N
 * are the caller's to clear. */
void vl_bf16_put_column(void *B, const float *w, int64_t entries, int64_t n, int64_t K);

/* dst[n] = the pair even[n], odd[n]     all (n); either NULL: zeros. Rounded to nearest even. */
void vl_bf16_pairs(void *dst, const float *even, const float *odd, int64_t n);

/* By instruction set. */
typedef void vl_bf16_product_fn(float *C, const void *A, const void *B,
                                const vl_bf16_product *shape);
typedef void vl_bf16_pairs_fn(void *dst, const float *even, const float *odd, int64_t n);
vl_bf16_product_fn vl_bf16_product_scalar, vl_bf16_product_avx512bf16;
vl_bf16_pairs_fn vl_bf16_pairs_scalar, vl_bf16_pairs_avx512bf16;

#endif
