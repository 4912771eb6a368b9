/* matmul.c: chooses who multiplies: oneDNN, or the plain loops on machines without AVX2. */
#include "kernels/matmul.h"

#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"

struct vl_matmul {
    vl_matmul_kind kind;
    int64_t N, K;
    vl_onednn_matrix *packed; /* NULL: the plain loops */
    void *weight;             /* theirs */
};

static size_t weight_size(vl_matmul_kind kind)
{
    return kind == VL_MATMUL_F32 ? 4 : kind == VL_MATMUL_BF16 ? 2 : 1;
}

vl_matmul_kind vl_matmul_kind_for(vl_dtype weights)
{
    if (weights == VL_I8) return VL_MATMUL_I8;
    return weights == VL_BF16 && vl_cpu_has_bf16() ? VL_MATMUL_BF16 : VL_MATMUL_F32;
}

static vl_status keep_plain(vl_matmul *m, const void *weight, valence_error *error)
{
    size_t bytes = (size_t)m->N * (size_t)m->K * weight_size(m->kind);
    m->weight = vl_alloc(VL_MEM_MODEL, bytes);
    if (!m->weight) return vl_fail_memory(error, bytes, "weights");
    memcpy(m->weight, weight, bytes);
    return VALENCE_OK;
}

vl_status vl_matmul_pack(vl_matmul **out, vl_matmul_kind kind, const void *weight, int64_t N,
                         int64_t K, valence_error *error)
{
    *out = NULL;
    if (N < 1 || K < 1 || N >= 1 << 20 || K >= 1 << 20)
        return vl_fail(error, VALENCE_LIMIT, "a matrix of %lld x %lld is out of bounds",
                       (long long)N, (long long)K);
    vl_matmul *m = vl_alloc_zero(VL_MEM_MODEL, sizeof *m);
    if (!m) return vl_fail_memory(error, sizeof *m, "a matrix");
    *m = (vl_matmul){.kind = kind, .N = N, .K = K};
    vl_status status = vl_isa_active() == VL_ISA_SCALAR
                           ? keep_plain(m, weight, error)
                           : vl_onednn_pack(&m->packed, kind, weight, N, K, error);
    if (status != VALENCE_OK) {
        vl_matmul_close(m);
        return status;
    }
    *out = m;
    return VALENCE_OK;
}

void vl_matmul_close(vl_matmul *m)
{
    if (!m) return;
    vl_onednn_close(m->packed);
    vl_free(m->weight);
    vl_free(m);
}

int64_t vl_matmul_N(const vl_matmul *m)
{
    return m->N;
}

int64_t vl_matmul_K(const vl_matmul *m)
{
    return m->K;
}

vl_matmul_kind vl_matmul_kind_of(const vl_matmul *m)
{
    return m->kind;
}

int64_t vl_matmul_rows(int64_t M)
{
    return (M + VL_MATMUL_BLOCK - 1) / VL_MATMUL_BLOCK * VL_MATMUL_BLOCK;
}

vl_status vl_matmul_run(const vl_matmul *m, void *dst, const void *src, int64_t M)
{
    return vl_matmul_run_columns(m, dst, src, M, 0, m->N);
}

bool vl_matmul_splits(const vl_matmul *m)
{
    return !m->packed || vl_onednn_splits(m->packed);
}

vl_status vl_matmul_run_columns(const vl_matmul *m, void *dst, const void *src, int64_t M,
                                int64_t first, int64_t count)
{
    if (m->packed) return vl_onednn_run(m->packed, dst, src, M, first, count);
    const char *rows = (const char *)m->weight + (size_t)(first * m->K) * weight_size(m->kind);
    vl_matmul_plain(m->kind, dst, src, rows, M, count, m->K);
    return VALENCE_OK;
}
