/* norm.c: see norm.h; the arithmetic is kernels/layer_norm.h's. */
#include "layers/norm.h"

#include <stdio.h>
#include <string.h>

#include "kernels/layer_norm.h"
#include "layers/floats.h"

vl_status vl_norm_open(vl_norm *n, const vl_store *store, const char *name, int64_t N, float eps,
                       bool needed, valence_error *error)
{
    char weight[160], bias[160];
    *n = (vl_norm){.N = N, .eps = eps};
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    if (!needed && !vl_store_find(store, weight)) return VALENCE_OK;
    vl_status status = vl_floats_take(&n->gamma, store, weight, 1, &N, error);
    if (status == VALENCE_OK && vl_store_find(store, bias))
        status = vl_floats_take(&n->beta, store, bias, 1, &N, error);
    if (status != VALENCE_OK) vl_norm_release(n);
    return status;
}

void vl_norm_release(vl_norm *n)
{
    vl_free(n->gamma);
    vl_free(n->beta);
    n->gamma = n->beta = NULL;
}

void vl_norm_run(const vl_norm *n, float *dst, const float *src, const float *residual, int64_t R)
{
    if (n->gamma) {
        vl_layer_norm(dst, src, residual, n->gamma, n->beta, R, n->N, n->eps);
        return;
    }
    if (dst != src) memmove(dst, src, (size_t)(R * n->N) * sizeof *dst);
    for (int64_t i = 0; residual && i < R * n->N; i++) dst[i] += residual[i];
}
