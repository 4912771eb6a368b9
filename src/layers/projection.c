/* projection.c: loading and running of the linear layer. */
#include "layers/projection.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/convert.h"
#include "kernels/dequantize.h"
#include "kernels/quantize.h"
#include "layers/floats.h"

enum { NAME_BYTES = 160 };

static const size_t weight_bytes[] = {4, 2, 1}; /* by vl_matmul_kind */

/* ---- Loading --------------------------------------------------------------------------------- */

static vl_status find(const vl_tensor **out, const vl_store *store, const char *name,
                      const char *part, int rank, const int64_t *shape, valence_error *error)
{
    char full[NAME_BYTES];
    snprintf(full, sizeof full, "%s%s", name, part);
    return vl_store_expect(store, full, VL_DTYPES, rank, shape, out, error);
}

static bool has(const vl_store *store, const char *name, const char *part)
{
    char full[NAME_BYTES];
    snprintf(full, sizeof full, "%s%s", name, part);
    return vl_store_find(store, full) != NULL;
}

/* sum[n] = sum_k w[n][k]: the product with a row of ones, which is exact, too. */
static vl_status sum_weights(vl_projection *p, valence_error *error)
{
    uint8_t *ones = vl_alloc(VL_MEM_MODEL, (size_t)p->K);
    vl_status status = ones ? VALENCE_OK : VALENCE_NO_MEMORY;
    if (ones) memset(ones, 1, (size_t)p->K);
    if (ones) status = vl_matmul_run(p->product, p->sum, ones, 1);
    vl_free(ones);
    return status == VALENCE_OK ? status : vl_fail_memory(error, (size_t)p->K, "weights");
}

/* A store may ask for float32 products with weights that are only kept in fewer bits. */
static vl_matmul_kind kind_for(const vl_store *store, vl_dtype weights)
{
    const char *products = vl_store_get(store, "products");
    bool exact = products && strcmp(products, "f32") == 0 && weights != VL_I8;
    return exact ? VL_MATMUL_F32 : vl_matmul_kind_for(weights);
}

/* The weights of one name, N rows. */
static vl_status find_weight(const vl_tensor **t, const vl_projection *p, vl_matmul_kind kind,
                             const vl_store *store, const char *name, int64_t N,
                             valence_error *error)
{
    VL_TRY(find(t, store, name, ".weight", 2, (const int64_t[]){N, p->K}, error));
    if (kind_for(store, (*t)->dtype) == kind) return VALENCE_OK;
    return vl_fail(error, VALENCE_FORMAT, "tensor '%.100s' is %s, unlike its neighbours",
                   (*t)->name, vl_dtype_name((*t)->dtype));
}

/* As they are, or as f32. */
static vl_status take_weight(char *to, const vl_projection *p, vl_matmul_kind kind,
                             const vl_store *store, const char *name, int64_t N,
                             valence_error *error)
{
    const vl_tensor *t;
    VL_TRY(find_weight(&t, p, kind, store, name, N, error));
    if (kind == VL_MATMUL_F32) return vl_floats_of_tensor((float *)(void *)to, t, N * p->K, error);
    memcpy(to, t->data, t->bytes);
    return VALENCE_OK;
}

static vl_status take_rows(vl_projection *p, const vl_store *store, const char *name, int64_t row,
                           int64_t N, valence_error *error)
{
    const vl_tensor *t;
    if (p->bias) {
        VL_TRY(find(&t, store, name, ".bias", 1, &N, error));
        VL_TRY(vl_floats_of_tensor(p->bias + row, t, N, error));
    }
    if (!p->scale) return VALENCE_OK;
    VL_TRY(find(&t, store, name, ".weight.scale", 1, &N, error));
    return vl_floats_of_tensor(p->scale + row, t, N, error);
}

static vl_status make_rows(vl_projection *p, bool bias, bool integers, valence_error *error)
{
    size_t n = (size_t)p->N;
    if (bias) p->bias = vl_alloc_array(VL_MEM_MODEL, n, sizeof *p->bias);
    if (integers) p->scale = vl_alloc_array(VL_MEM_MODEL, n, sizeof *p->scale);
    if (integers) p->sum = vl_alloc_array(VL_MEM_MODEL, n, sizeof *p->sum);
    if ((bias && !p->bias) || (integers && (!p->scale || !p->sum)))
        return vl_fail_memory(error, n * 12, "a layer");
    return VALENCE_OK;
}

/* Of several names, or of another type than the product wants: gathered first. */
static vl_status pack_gathered(vl_projection *p, vl_matmul_kind kind, const vl_store *store,
                               const char *const *names, int name_count, valence_error *error)
{
    int64_t N = p->N / name_count;
    size_t each = (size_t)N * (size_t)p->K * weight_bytes[kind], bytes = each * (size_t)name_count;
    char *weight = vl_alloc(VL_MEM_MODEL, bytes);
    if (!weight) return vl_fail_memory(error, bytes, "weights");
    vl_status status = VALENCE_OK;
    for (int i = 0; i < name_count && status == VALENCE_OK; i++)
        status = take_weight(weight + (size_t)i * each, p, kind, store, names[i], N, error);
    if (status == VALENCE_OK) status = vl_matmul_pack(&p->product, kind, weight, p->N, p->K, error);
    vl_free(weight);
    return status;
}

/* Straight from the file's pages, where they are what the product wants. */
static vl_status pack(vl_projection *p, vl_matmul_kind kind, const vl_store *store,
                      const char *const *names, int name_count, valence_error *error)
{
    const vl_tensor *t;
    VL_TRY(find_weight(&t, p, kind, store, names[0], p->N / name_count, error));
    if (name_count > 1 || vl_dtype_size(t->dtype) != weight_bytes[kind])
        return pack_gathered(p, kind, store, names, name_count, error);
    return vl_matmul_pack(&p->product, kind, t->data, p->N, p->K, error);
}

static vl_status take_all(vl_projection *p, vl_matmul_kind kind, const vl_store *store,
                          const char *const *names, int name_count, valence_error *error)
{
    int64_t N = p->N / name_count;
    VL_TRY(pack(p, kind, store, names, name_count, error));
    for (int i = 0; i < name_count; i++) VL_TRY(take_rows(p, store, names[i], i * N, N, error));
    return p->sum ? sum_weights(p, error) : VALENCE_OK;
}

vl_status vl_projection_open(vl_projection *p, const vl_store *store, const char *const *names,
                             int name_count, int64_t N, int64_t K, valence_error *error)
{
    const vl_tensor *first;
    *p = (vl_projection){.N = N * name_count, .K = K};
    VL_TRY(find(&first, store, names[0], ".weight", 2, (const int64_t[]){N, K}, error));
    vl_matmul_kind kind = kind_for(store, first->dtype);
    vl_status status = make_rows(p, has(store, names[0], ".bias"), kind == VL_MATMUL_I8, error);
    if (status == VALENCE_OK) status = take_all(p, kind, store, names, name_count, error);
    if (status != VALENCE_OK) vl_projection_release(p);
    return status;
}

void vl_projection_release(vl_projection *p)
{
    vl_matmul_close(p->product);
    vl_free(p->bias);
    vl_free(p->scale);
    vl_free(p->sum);
    *p = (vl_projection){0};
}

/* ---- Running --------------------------------------------------------------------------------- */

const void *vl_projection_input(const vl_projection *p, const float *src, int64_t R,
                                const vl_row_scratch *s)
{
    switch (vl_matmul_kind_of(p->product)) {
    case VL_MATMUL_F32:
        return src;
    case VL_MATMUL_BF16:
        vl_f32_to_bf16(s->input, src, R * p->K);
        return s->input;
    default:
        vl_quantize_rows(s->input, s->row_scale, src, R, p->K);
        return s->input;
    }
}

/* s->product = W src, bare of scales and bias. */
static vl_status multiply(const vl_projection *p, const float *src, int64_t R,
                          const vl_row_scratch *s)
{
    return vl_matmul_run(p->product, s->product, vl_projection_input(p, src, R, s), R);
}

/* dst = act(scaled product + bias) of columns [first, first + count). */
static void finish_columns(const vl_projection *p, float *dst, int64_t dst_stride, int64_t R,
                           int64_t first, int64_t count, vl_activation act, const vl_row_scratch *s)
{
    const float *product = s->product, *bias = p->bias ? p->bias + first : NULL;
    if (p->scale)
        vl_dequantize_rows(dst, dst_stride, s->product, count, s->row_scale, p->scale + first,
                           p->sum + first, bias, R, count, act);
    else
        for (int64_t r = 0; r < R; r++) {
            memcpy(dst + r * dst_stride, product + r * count, (size_t)count * sizeof *dst);
            vl_bias_activate(dst + r * dst_stride, count, bias, 1, count, act);
        }
}

static void finish(const vl_projection *p, float *dst, int64_t dst_stride, int64_t R,
                   vl_activation act, const vl_row_scratch *s)
{
    finish_columns(p, dst, dst_stride, R, 0, p->N, act, s);
}

vl_status vl_projection_columns(const vl_projection *p, float *dst, int64_t dst_stride,
                                const void *input, int64_t R, int64_t first, int64_t count,
                                vl_activation act, const vl_row_scratch *s)
{
    assert(R <= VL_ROW_BLOCK);
    VL_TRY(vl_matmul_run_columns(p->product, s->product, input, R, first, count));
    finish_columns(p, dst, dst_stride, R, first, count, act, s);
    return VALENCE_OK;
}

vl_status vl_projection_run(const vl_projection *p, float *dst, int64_t dst_stride,
                            const float *src, int64_t R, vl_activation act, const vl_row_scratch *s)
{
    assert(R <= VL_ROW_BLOCK);
    VL_TRY(multiply(p, src, R, s));
    finish(p, dst, dst_stride, R, act, s);
    return VALENCE_OK;
}

/* hidden = act(gate x) * (up x); the sums are finished where they stand. */
static void finish_gated(const vl_projection *up, float *hidden, int64_t R, vl_activation act,
                         const vl_row_scratch *s)
{
    float *both = s->product;
    int64_t I = up->N / 2;
    if (up->scale)
        vl_dequantize_rows(both, up->N, s->product, up->N, s->row_scale, up->scale, up->sum,
                           up->bias, R, up->N, VL_ACT_NONE);
    else vl_bias_activate(both, up->N, up->bias, R, up->N, VL_ACT_NONE);
    for (int64_t r = 0; r < R; r++)
        vl_gate(hidden + r * I, both + r * up->N, both + r * up->N + I, I, act);
}

/* down's input straight from up's sums, a row at a time: what is between is never seen as floats.
 */
static vl_status feed_integers(const vl_projection *up, const vl_projection *down, int64_t R,
                               vl_activation act, float *row, const vl_row_scratch *s)
{
    vl_dequantize_quantize_rows(s->input, s->row_scale, row, s->product, up->N, s->row_scale,
                                up->scale, up->sum, up->bias, R, up->N, act);
    return vl_matmul_run(down->product, s->product, s->input, R);
}

vl_status vl_projection_pair(const vl_projection *up, const vl_projection *down, float *dst,
                             const float *src, int64_t R, vl_activation act, bool gated,
                             float *hidden, const vl_row_scratch *s)
{
    assert(R <= VL_ROW_BLOCK);
    VL_TRY(multiply(up, src, R, s));
    if (!gated && up->scale && down->scale) {
        VL_TRY(feed_integers(up, down, R, act, hidden, s));
    } else {
        if (gated) finish_gated(up, hidden, R, act, s);
        else finish(up, hidden, down->K, R, act, s);
        VL_TRY(multiply(down, hidden, R, s));
    }
    finish(down, dst, down->N, R, VL_ACT_NONE, s);
    return VALENCE_OK;
}
