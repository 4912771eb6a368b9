/* encode.c: a text as its model reads it, in a block of its own. */
#include <string.h>

#include "engine/context.h"

/* A block for so many windows and entries; offsets[0] is 0. NULL: out of memory. */
static valence_encoding *make(const valence_model *model, int32_t windows, size_t entries, bool weights)
{
    size_t numbers = (size_t)windows + 1 + entries * (weights ? 2 : 1);
    valence_encoding *e = vl_alloc(VL_MEM_REQUEST, sizeof *e + numbers * sizeof(int32_t));
    if (!e) return NULL;
    *e = (valence_encoding){.model = model, .windows = windows, .offsets = (int32_t *)(e + 1)};
    e->offsets[0] = 0;
    e->ids = e->offsets + windows + 1;
    e->weights = weights ? (float *)(e->ids + entries) : NULL;
    return e;
}

static vl_status encode_features(valence_context *c, vl_span text, valence_encoding **out)
{
    vl_batch batch;
    uint64_t words;
    VL_TRY(vl_features_of_text(&c->model->features, c->scratch, text, &batch, &words));
    size_t n = (size_t)batch.offsets[1];
    valence_encoding *e = make(c->model, 1, n, batch.weights);
    if (!e) return VALENCE_NO_MEMORY;
    e->offsets[1] = (int32_t)n;
    if (n) memcpy(e->ids, batch.ids, n * sizeof *e->ids);
    if (n && batch.weights) memcpy(e->weights, batch.weights, n * sizeof *e->weights);
    e->empty = words == 0;
    *out = e;
    return VALENCE_OK;
}

valence_status valence_context_encode(valence_context *context, const char *text, size_t len,
                                      valence_truncation truncation, valence_encoding **encoding,
                                      valence_error *error)
{
    (void)truncation; /* n-grams of a text of any length are read */
    *encoding = NULL;
    vl_status status = encode_features(context, (vl_span){text, len}, encoding);
    return status == VALENCE_OK ? status
                                : vl_fail(error, status, "out of memory for a text of %zu bytes", len);
}

void valence_encoding_close(valence_encoding *encoding)
{
    vl_free(encoding);
}

int64_t valence_encoding_tokens(const valence_encoding *encoding)
{
    int64_t n = encoding->offsets[encoding->windows];
    return n > 0 ? n : 1;
}
