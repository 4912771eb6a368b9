/* lstm.c: loading: rows of the weights into the order of lstm_step.h, then packed. */
#include "layers/lstm.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/convert.h"
#include "layers/floats.h"

enum { G = VL_LSTM_GROUP, NAME_BYTES = 160 };

/* What one direction is made of. */
typedef struct loading {
    const vl_store *store;
    const char *name; /* "lstm.0.forward" */
    int32_t in, H;
    int64_t P;
    valence_error *error;
} loading;

static vl_status find(const loading *l, const vl_tensor **t, const char *part, vl_dtype type,
                      int rank, int64_t columns)
{
    char full[NAME_BYTES];
    snprintf(full, sizeof full, "%s.%s", l->name, part);
    return vl_store_expect(l->store, full, type, rank,
                           (const int64_t[]){4 * (int64_t)l->H, columns}, t, l->error);
}

static vl_status no_memory(const loading *l, size_t bytes)
{
    return vl_fail_memory(l->error, bytes, "an LSTM's weights");
}

/* Numbers (4H) of any float type, into the order and padding of (4P). */
static vl_status take_row(const loading *l, float **out, const char *part)
{
    const vl_tensor *t;
    VL_TRY(find(l, &t, part, VL_DTYPES, 1, 0));
    size_t bytes = (size_t)(4 * l->P) * sizeof(float);
    float *plain = vl_alloc(VL_MEM_MODEL, bytes);
    *out = vl_alloc(VL_MEM_MODEL, bytes);
    vl_status status = plain && *out ? VALENCE_OK : no_memory(l, bytes);
    if (status == VALENCE_OK) status = vl_floats_of_tensor(plain, t, 4 * (int64_t)l->H, l->error);
    if (status == VALENCE_OK) vl_lstm_pack_row(*out, plain, l->H);
    vl_free(plain);
    return status;
}

/* ---- The input's weights --------------------------------------------------------------------- */

/* to (4P,in) of `bytes` an element, from (4H,in). */
static void order_rows(char *to, const char *from, const loading *l, size_t bytes)
{
    const size_t row = (size_t)l->in * bytes;
    memset(to, 0, (size_t)(4 * l->P) * row);
    for (int32_t g = 0; g < 4; g++)
        for (int32_t n = 0; n < l->H; n++)
            memcpy(to + (size_t)((n / G * 4 + g) * G + n % G) * row,
                   from + (size_t)(g * l->H + n) * row, row);
}

static void sum_rows(int32_t *sum, const int8_t *w, int64_t rows, int32_t columns)
{
    for (int64_t r = 0; r < rows; r++, w += columns) {
        sum[r] = 0;
        for (int32_t k = 0; k < columns; k++) sum[r] += w[k];
    }
}

static vl_status pack_input(vl_lstm_direction *d, const loading *l, const vl_tensor *t, void *plain,
                            void *ordered)
{
    vl_matmul_kind kind = vl_matmul_kind_for(t->dtype);
    const void *from = t->data;
    if (kind == VL_MATMUL_F32) {
        VL_TRY(vl_floats_of_tensor(plain, t, 4 * (int64_t)l->H * l->in, l->error));
        from = plain;
    }
    order_rows(ordered, from, l, kind == VL_MATMUL_F32 ? 4 : kind == VL_MATMUL_BF16 ? 2 : 1);
    if (kind == VL_MATMUL_I8) sum_rows(d->input_sum, ordered, 4 * l->P, l->in);
    return vl_matmul_pack(&d->input, kind, ordered, 4 * l->P, l->in, l->error);
}

static vl_status take_input(vl_lstm_direction *d, const loading *l)
{
    const vl_tensor *t;
    VL_TRY(find(l, &t, "input.weight", VL_DTYPES, 2, l->in));
    if (t->dtype == VL_I8) {
        VL_TRY(take_row(l, &d->input_scale, "input.weight.scale"));
        d->input_sum = vl_alloc(VL_MEM_MODEL, (size_t)(4 * l->P) * sizeof *d->input_sum);
        if (!d->input_sum) return no_memory(l, (size_t)(4 * l->P) * sizeof *d->input_sum);
    }
    size_t bytes = (size_t)(4 * l->P) * (size_t)l->in * sizeof(float);
    void *plain = vl_alloc(VL_MEM_MODEL, bytes), *ordered = vl_alloc(VL_MEM_MODEL, bytes);
    vl_status status = plain && ordered ? pack_input(d, l, t, plain, ordered) : no_memory(l, bytes);
    vl_free(plain);
    vl_free(ordered);
    return status;
}

/* ---- The recurrent weights ------------------------------------------------------------------- */

/* t's elements as the kind packs them: as they are, or (in plain) as floats. */
static vl_status convert(const loading *l, const void **from, float *plain, const vl_tensor *t,
                         vl_lstm_kind kind)
{
    const int64_t n = 4 * (int64_t)l->H * l->H;
    *from = t->data;
    if (kind != VL_LSTM_F32) return VALENCE_OK;
    *from = plain;
    if (t->dtype != VL_I8) return vl_floats_of_tensor(plain, t, n, l->error);
    vl_i8_to_f32(plain, t->data, 1, n);
    return VALENCE_OK;
}

static vl_status take_recurrent(vl_lstm_direction *d, const loading *l)
{
    const vl_tensor *t;
    const void *from = NULL;
    VL_TRY(find(l, &t, "recurrent.weight", VL_DTYPES, 2, l->H));
    if (t->dtype == VL_I8) VL_TRY(take_row(l, &d->scale, "recurrent.weight.scale"));
    vl_lstm_kind kind = vl_lstm_kind_for(t->dtype);
    const int32_t U = (int32_t)(l->P / G);
    size_t bytes = vl_lstm_packed_bytes(kind, U),
           plain_bytes = vl_lstm_packed_bytes(VL_LSTM_F32, U);
    d->weight = vl_alloc(VL_MEM_MODEL, bytes);
    float *plain = vl_alloc(VL_MEM_MODEL, plain_bytes);
    vl_status status =
        d->weight && plain ? convert(l, &from, plain, t, kind) : no_memory(l, bytes + plain_bytes);
    if (status == VALENCE_OK) vl_lstm_pack(d->weight, kind, from, l->H);
    vl_free(plain);
    d->recurrent = (vl_lstm_recurrent){kind, U, d->weight, d->scale, d->bias};
    return status;
}

/* ---- The layer ------------------------------------------------------------------------------- */

static vl_status open_direction(vl_lstm_direction *d, const loading *l)
{
    VL_TRY(take_row(l, &d->bias, "bias"));
    VL_TRY(take_input(d, l));
    return take_recurrent(d, l);
}

vl_status vl_lstm_open(vl_lstm *l, const vl_store *store, const char *name, int32_t in, int32_t H,
                       valence_error *error)
{
    static const char *const ways[] = {"forward", "backward"};
    vl_status status = VALENCE_OK;
    *l = (vl_lstm){.in = in, .H = H, .U = (H + G - 1) / G};
    for (int i = 0; i < 2 && status == VALENCE_OK; i++) {
        char full[NAME_BYTES / 2];
        snprintf(full, sizeof full, "%s.%s", name, ways[i]);
        const loading load = {store, full, in, H, (int64_t)l->U * G, error};
        status = open_direction(&l->direction[i], &load);
    }
    if (status != VALENCE_OK) vl_lstm_release(l);
    return status;
}

static void release_direction(vl_lstm_direction *d)
{
    vl_matmul_close(d->input);
    vl_free(d->input_scale);
    vl_free(d->input_sum);
    vl_free(d->weight);
    vl_free(d->scale);
    vl_free(d->bias);
}

void vl_lstm_release(vl_lstm *l)
{
    for (int i = 0; i < 2; i++) release_direction(&l->direction[i]);
    *l = (vl_lstm){0};
}
