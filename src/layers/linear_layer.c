/* linear_layer.c: three products. */
#include "layers/linear_layer.h"

#include <string.h>

#include "kernels/gemm.h"
#include "kernels/row_sums.h"

void vl_linear_forward(float *y, const float *x, const float *weight, const float *bias,
                       const vl_linear_shape *s)
{
    int64_t stride = s->y_stride ? s->y_stride : s->N;
    for (int64_t r = 0; r < s->R; r++) memcpy(y + r * stride, bias, (size_t)s->N * sizeof *y);
    vl_gemm_run(y, x, weight,
                &(vl_gemm){.M = s->R,
                           .N = s->N,
                           .K = s->K,
                           .transpose_b = true,
                           .add = true,
                           .lda = s->x_stride,
                           .ldc = stride});
}

void vl_linear_back(const vl_linear_gradients *to, const float *dy, const float *x,
                    const float *weight, const vl_linear_shape *s)
{
    int64_t stride = s->y_stride ? s->y_stride : s->N;
    vl_gemm_run(to->dweight, dy, x,
                &(vl_gemm){.M = s->N,
                           .N = s->K,
                           .K = s->R,
                           .transpose_a = true,
                           .add = true,
                           .lda = stride,
                           .ldb = s->x_stride});
    for (int64_t r = 0; r < s->R; r++) vl_row_add(to->dbias, dy + r * stride, 1, s->N);
    if (to->dx)
        vl_gemm_run(to->dx, dy, weight,
                    &(vl_gemm){.M = s->R, .N = s->K, .K = s->N, .add = true, .lda = stride});
}
