/* floats.c: see floats.h. */
#include "layers/floats.h"

#include <string.h>

#include "kernels/convert.h"

vl_status vl_floats_of_tensor(float *dst, const vl_tensor *t, int64_t n, valence_error *error)
{
    switch (t->dtype) {
    case VL_F32:
        memcpy(dst, t->data, (size_t)n * sizeof *dst);
        return VALENCE_OK;
    case VL_F16:
        vl_f16_to_f32(dst, t->data, n);
        return VALENCE_OK;
    case VL_BF16:
        vl_bf16_to_f32(dst, t->data, n);
        return VALENCE_OK;
    default:
        return vl_fail(error, VALENCE_UNSUPPORTED, "tensor '%.100s' is %s, not F32, F16 or BF16",
                       t->name, vl_dtype_name(t->dtype));
    }
}

vl_status vl_floats_take(float **out, const vl_store *store, const char *name, int rank,
                         const int64_t *shape, valence_error *error)
{
    const vl_tensor *t;
    VL_TRY(vl_store_expect(store, name, VL_DTYPES, rank, shape, &t, error));
    int64_t n = t->shape[0] * (rank == 2 ? t->shape[1] : 1);
    *out = vl_alloc_array(VL_MEM_MODEL, (size_t)n, sizeof **out);
    if (!*out) return vl_fail_memory(error, (size_t)n * sizeof **out, name);
    vl_status status = vl_floats_of_tensor(*out, t, n, error);
    if (status != VALENCE_OK) {
        vl_free(*out);
        *out = NULL;
    }
    return status;
}
