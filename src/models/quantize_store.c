/* quantize_store.c: tensor by tensor. */
#include "models/quantize_store.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/convert.h"
#include "kernels/quantize.h"
#include "layers/floats.h"

/* The type that a tensor gets. head.out decides between classes in a few kilobytes: it stays exact.
 */
static vl_dtype type_for(const vl_tensor *t, vl_dtype type)
{
    static const char words[] = "embeddings.word";
    if (t->rank != 2 || strncmp(t->name, "head.out", 8) == 0 || type == VL_F32) return VL_F32;
    if (strncmp(t->name, "embeddings.", 11) == 0 && strcmp(t->name, words) != 0 &&
        strncmp(t->name, "embeddings.project", 18) != 0)
        return VL_BF16;
    return type;
}

static vl_status add(vl_store *out, const vl_tensor *like, const char *suffix, vl_dtype dtype,
                     int rank, const void *data, valence_error *error)
{
    char name[200];
    vl_tensor t = *like;
    snprintf(name, sizeof name, "%s%s", like->name, suffix);
    t.name = name;
    t.dtype = dtype;
    t.rank = rank;
    t.data = data;
    if (!vl_tensor_size(&t, &t.bytes))
        return vl_fail(error, VALENCE_LIMIT, "tensor '%.100s' is too large", name);
    return vl_store_add_copy(out, &t, error);
}

/* scratch: as many bytes as the numbers have. */
static vl_status add_integers(vl_store *out, const vl_tensor *t, const float *numbers,
                              void *scratch, valence_error *error)
{
    int64_t N = t->shape[0], K = t->shape[1];
    size_t rows = (size_t)N;
    float *scale = vl_alloc_array(VL_MEM_MODEL, rows ? rows : 1, sizeof *scale);
    int32_t *sum = vl_alloc_array(VL_MEM_MODEL, rows ? rows : 1, sizeof *sum);
    vl_status status = scale && sum ? VALENCE_OK : vl_fail_memory(error, rows * 8, "scales");
    if (status == VALENCE_OK) {
        vl_quantize_weight_rows(scratch, scale, sum, numbers, N, K);
        status = add(out, t, "", VL_I8, 2, scratch, error);
    }
    if (status == VALENCE_OK) status = add(out, t, ".scale", VL_F32, 1, scale, error);
    vl_free(scale);
    vl_free(sum);
    return status;
}

static vl_status add_as(vl_store *out, const vl_tensor *t, vl_dtype dtype, const float *numbers,
                        void *scratch, int64_t n, valence_error *error)
{
    if (dtype == VL_I8) return add_integers(out, t, numbers, scratch, error);
    if (dtype == VL_F32) return add(out, t, "", VL_F32, t->rank, numbers, error);
    vl_f32_to_bf16(scratch, numbers, n);
    return add(out, t, "", VL_BF16, t->rank, scratch, error);
}

static vl_status convert(vl_store *out, const vl_tensor *t, vl_dtype type, valence_error *error)
{
    if (t->dtype == VL_I8)
        return vl_fail(error, VALENCE_ARGUMENT,
                       "tensor '%.100s' is quantised already: begin with the original model",
                       t->name);
    size_t n = t->bytes / vl_dtype_size(t->dtype);
    float *numbers = vl_alloc_array(VL_MEM_MODEL, n ? n : 1, 2 * sizeof *numbers);
    if (!numbers) return vl_fail_memory(error, n * 8, "a tensor");
    vl_status status = vl_floats_of_tensor(numbers, t, (int64_t)n, error);
    if (status == VALENCE_OK)
        status = add_as(out, t, type_for(t, type), numbers, numbers + n, (int64_t)n, error);
    vl_free(numbers);
    return status;
}

static vl_status copy_metadata(vl_store *out, const vl_store *in, valence_error *error)
{
    for (size_t i = 0; i < vl_store_meta_count(in); i++) {
        const char *key, *value;
        vl_store_meta_at(in, i, &key, &value);
        if (strcmp(key, "checksum") != 0 && strcmp(key, "products") != 0)
            VL_TRY(vl_store_set(out, key, vl_span_of(value), error));
    }
    return VALENCE_OK;
}

vl_status vl_quantize_store(vl_store **out, const vl_store *in, vl_dtype type, valence_error *error)
{
    VL_TRY(vl_store_open(out, error));
    vl_status status = copy_metadata(*out, in, error);
    for (size_t i = 0; i < vl_store_count(in) && status == VALENCE_OK; i++)
        status = convert(*out, vl_store_at(in, i), type, error);
    if (status != VALENCE_OK) {
        vl_store_close(*out);
        *out = NULL;
    }
    return status;
}
