/* embedding.c: see embedding.h. */
#include "layers/embedding.h"

#include "kernels/embed.h"
#include "layers/floats.h"

static vl_status take_words(vl_embedding *e, const vl_store *store, valence_error *error)
{
    const vl_tensor *scale;
    VL_TRY(vl_store_expect(store, "embeddings.word", VL_DTYPES, 2, (const int64_t[]){-1, -1},
                           &e->word, error));
    e->V = e->word->shape[0];
    e->E = e->word->shape[1];
    if (e->V < 1 || e->E < 1 || e->V > INT32_MAX)
        return vl_fail(error, VALENCE_FORMAT, "tensor 'embeddings.word' has a size out of bounds");
    switch (e->word->dtype) {
    case VL_F32:
    case VL_F16:
    case VL_BF16:
        return VALENCE_OK;
    case VL_I8:
        VL_TRY(vl_store_expect(store, "embeddings.word.scale", VL_F32, 1, &e->V, &scale, error));
        e->scale = scale->data;
        return VALENCE_OK;
    default:
        return vl_fail(error, VALENCE_UNSUPPORTED,
                       "tensor 'embeddings.word' is %s, not F32, F16, BF16 or I8",
                       vl_dtype_name(e->word->dtype));
    }
}

static vl_status take_tables(vl_embedding *e, const vl_store *store, valence_error *error)
{
    const int64_t any[] = {-1, e->E};
    const vl_tensor *position = vl_store_find(store, "embeddings.position");
    const vl_tensor *type = vl_store_find(store, "embeddings.type");
    if (position) {
        VL_TRY(vl_floats_take(&e->position, store, "embeddings.position", 2, any, error));
        e->P = position->shape[0];
    }
    if (!type) return VALENCE_OK;
    VL_TRY(vl_floats_take(&e->type, store, "embeddings.type", 2, any, error));
    return type->shape[0] >= 1
               ? VALENCE_OK
               : vl_fail(error, VALENCE_FORMAT, "tensor 'embeddings.type' has no row");
}

vl_status vl_embedding_open(vl_embedding *e, const vl_store *store, valence_error *error)
{
    *e = (vl_embedding){0};
    VL_TRY(take_words(e, store, error));
    vl_status status = take_tables(e, store, error);
    if (status != VALENCE_OK) vl_embedding_release(e);
    return status;
}

void vl_embedding_release(vl_embedding *e)
{
    vl_free(e->position);
    vl_free(e->type);
    e->position = e->type = NULL;
}

static void add(float *dst, const float *row, int64_t n)
{
    for (int64_t i = 0; i < n; i++) dst[i] += row[i];
}

void vl_embedding_row(const vl_embedding *e, float *dst, int32_t id, int64_t position)
{
    size_t row = (size_t)id * (size_t)e->E * vl_dtype_size(e->word->dtype);
    vl_embed_row(dst, (const char *)e->word->data + row, e->word->dtype,
                 e->scale ? e->scale[id] : 1, e->E);
    if (e->position) add(dst, e->position + position * e->E, e->E);
    if (e->type) add(dst, e->type, e->E);
}
