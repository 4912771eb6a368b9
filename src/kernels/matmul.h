/* matmul.h: products of activations with a weight matrix that is packed once and used many times.
 *     dst[m][n] = sum_k src[m][k] * weight[n][k]        dst: (M,N), src: (M,K), weight: (N,K)
 * Three kinds by element type: f32 x f32 -> f32, bf16 x bf16 -> f32, and u8 x i8 -> s32, exact.
 * Scales, biases and activations are the caller's (dequantize.h): the product alone is what the
 * library underneath does well. The order of summation in a row does not depend on M or on the
 * thread.
 *
 * From AVX2 on the products are oneDNN's (matmul_onednn.c, the one file that knows it), which is
 * opened at the first packing; below that, the plain loops of matmul_plain.c.
 * Ownership: a packed matrix holds its own copy of the weights; constant, any thread. A thread's
 * first product of a shape allocates; later ones do not. */
#ifndef VL_MATMUL_H
#define VL_MATMUL_H

#include <stdbool.h>

#include "base/store.h"

/* src type, weight type, dst type */
typedef enum vl_matmul_kind {
    VL_MATMUL_F32,
    VL_MATMUL_BF16,
    VL_MATMUL_I8,
    VL_MATMUL_KINDS
} vl_matmul_kind;

typedef struct vl_matmul vl_matmul;

/* The kind for weights of a type that is fast on this machine: BF16 needs AVX512-BF16, else F32. */
vl_matmul_kind vl_matmul_kind_for(vl_dtype weights);

/* Packs weight (N,K), row-major, of the kind's weight type (f32, bf16 or i8). 1 <= N, K < 2^20.
 * VALENCE_UNSUPPORTED: oneDNN cannot be opened, or has no fast way (the message says which). */
vl_status vl_matmul_pack(vl_matmul **out, vl_matmul_kind kind, const void *weight, int64_t N,
                         int64_t K, valence_error *error);
void vl_matmul_close(vl_matmul *m); /* NULL is fine */

int64_t vl_matmul_N(const vl_matmul *m);
int64_t vl_matmul_K(const vl_matmul *m);
vl_matmul_kind vl_matmul_kind_of(const vl_matmul *m);

/* Rows are worked on in blocks; dst and src need room for M rounded up to this many rows, whose
 * values beyond M do not matter but must be initialised memory. */
enum { VL_MATMUL_BLOCK = 132 };
int64_t vl_matmul_rows(int64_t M);

/* dst (M,N) of f32 or s32; src (M,K) of f32, bf16 or u8; both 64-byte aligned and without gaps.
 * VALENCE_NO_MEMORY on a thread's first product of a shape only. */
vl_status vl_matmul_run(const vl_matmul *m, void *dst, const void *src, int64_t M);

/* Columns [first, first + count) of the product alone: dst (M,count) without gaps, the same bits as
 * in the whole. first and count are multiples of VL_MATMUL_PANEL (count: or up to the last column).
 * Only where vl_matmul_splits. */
enum { VL_MATMUL_PANEL = 64 };
bool vl_matmul_splits(const vl_matmul *m);
vl_status vl_matmul_run_columns(const vl_matmul *m, void *dst, const void *src, int64_t M,
                                int64_t first, int64_t count);

/* ---- The two ways below; for matmul.c and tests -----------------------------------------------
 */

/* The definition, in plain loops. */
void vl_matmul_plain(vl_matmul_kind kind, void *dst, const void *src, const void *weight, int64_t M,
                     int64_t N, int64_t K);

typedef struct vl_onednn_matrix vl_onednn_matrix;
vl_status vl_onednn_pack(vl_onednn_matrix **out, vl_matmul_kind kind, const void *weight, int64_t N,
                         int64_t K, valence_error *error);
void vl_onednn_close(vl_onednn_matrix *m);
vl_status vl_onednn_run(const vl_onednn_matrix *m, void *dst, const void *src, int64_t M,
                        int64_t first, int64_t count);
bool vl_onednn_splits(const vl_onednn_matrix *m);
const char *vl_onednn_name(const vl_onednn_matrix *m); /* the implementation oneDNN chose */

#endif
