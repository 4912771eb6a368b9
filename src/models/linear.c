/* linear.c: the linear scorer. Sums of int8 weights are integers, hence exact and the same on every
 * machine; float weights are added in the order of the ids. */
#include "models/linear.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "kernels/gather_sum.h"
#include "kernels/half.h"

static const char *const norm_names[] = {"none", "count", "l2"};

const char *vl_linear_norm_name(vl_linear_norm norm)
{
    return norm_names[norm];
}

vl_status vl_linear_norm_parse(vl_linear_norm *out, const char *name, valence_error *error)
{
    for (int i = 0; name && i < 3; i++)
        if (strcmp(norm_names[i], name) == 0) {
            *out = (vl_linear_norm)i;
            return VALENCE_OK;
        }
    return vl_fail(error, VALENCE_ARGUMENT, "unknown norm '%.40s' (none, count, l2)",
                   name ? name : "");
}

static float weight_at(const vl_linear *m, int32_t id, int32_t c)
{
    size_t i = (size_t)id * (size_t)m->C + (size_t)c;
    switch (m->dtype) {
    case VL_I8: return (float)((const int8_t *)m->weight)[i] * m->scale[c];
    case VL_F16: return vl_half_to_float(((const uint16_t *)m->weight)[i]);
    default: return ((const float *)m->weight)[i];
    }
}

float vl_linear_contribution(const vl_linear *m, int32_t id, float x, float norm, int32_t k)
{
    if (m->head.K == 2) {
        float half = x * weight_at(m, id, 0) / norm / 2;
        return k == 0 ? -half : half;
    }
    return x * weight_at(m, id, k) / norm;
}

float vl_linear_norm_of(const vl_linear *m, const int32_t *ids, const float *x, int32_t count)
{
    if (m->norm == VL_NORM_NONE || count == 0) return 1;
    if (m->norm == VL_NORM_COUNT) return sqrtf((float)count);
    double sum = 0;
    for (int32_t i = 0; i < count; i++) {
        double v = x ? x[i] : 1;
        sum += v * v * m->square[ids[i]];
    }
    return sum > 0 ? (float)sqrt(sum) : 1;
}

/* sum[c] = sum_i x_i * weight[ids_i][c], real units. */
static void sum_weights(const vl_linear *m, float *sum, const int32_t *ids, const float *x,
                        int32_t count)
{
    if (m->dtype == VL_I8 && !x) {
        int32_t whole[VL_GATHER_COLUMNS];
        for (int32_t c = 0; c < m->C; c += VL_GATHER_COLUMNS) {
            int32_t width = m->C - c < VL_GATHER_COLUMNS ? m->C - c : VL_GATHER_COLUMNS;
            vl_gather_sum_i8(whole, (const int8_t *)m->weight + c, m->C, ids, count, width);
            for (int32_t k = 0; k < width; k++) sum[c + k] = (float)whole[k] * m->scale[c + k];
        }
        return;
    }
    memset(sum, 0, (size_t)m->C * sizeof *sum);
    for (int32_t i = 0; i < count; i++)
        for (int32_t c = 0; c < m->C; c++) sum[c] += (x ? x[i] : 1) * weight_at(m, ids[i], c);
}

/* Logits of one text; for K = 2 the sum is taken in logits[0]. */
static void score_text(const vl_linear *m, float *logits, const int32_t *ids, const float *x,
                       int32_t count)
{
    assert(count >= 0 && m->C <= m->head.K);
    sum_weights(m, logits, ids, x, count);
    float norm = vl_linear_norm_of(m, ids, x, count);
    if (m->head.K == 2) {
        float half = logits[0] / norm / 2;
        logits[0] = m->bias[0] - half;
        logits[1] = m->bias[1] + half;
        return;
    }
    for (int32_t k = 0; k < m->head.K; k++) logits[k] = m->bias[k] + logits[k] / norm;
}

static vl_status linear_forward(const vl_model *model, const vl_batch *batch, const vl_run *run,
                                float *logits)
{
    (void)run;
    const vl_linear *m = (const vl_linear *)model;
    for (int32_t b = 0; b < batch->B; b++) {
        int32_t from = batch->offsets[b], count = batch->offsets[b + 1] - from;
        score_text(m, logits + (size_t)b * (size_t)model->K, batch->ids + from,
                   batch->weights ? batch->weights + from : NULL, count);
    }
    return VALENCE_OK;
}

static void linear_contributions(const vl_model *model, const vl_batch *batch, int32_t k, float *out,
                                 float *bias)
{
    const vl_linear *m = (const vl_linear *)model;
    int32_t from = batch->offsets[0], count = batch->offsets[1] - from;
    const int32_t *ids = batch->ids + from;
    const float *x = batch->weights ? batch->weights + from : NULL;
    float norm = vl_linear_norm_of(m, ids, x, count);
    for (int32_t i = 0; i < count; i++)
        out[i] = vl_linear_contribution(m, ids[i], x ? x[i] : 1, norm, k);
    *bias = m->bias[k];
}

static size_t linear_scratch(const vl_model *model, int32_t B, int64_t T, int threads)
{
    (void)model, (void)B, (void)T, (void)threads;
    return 0;
}

/* Export: ids (batch, length) padded, mask (batch, length) 1 for an entry, 0 for padding. */
static vl_status describe_sum(const vl_linear *m, vl_graph *g, valence_error *error)
{
    int64_t slots = m->head.inputs;
    vl_tensor weight = {.name = "linear.weight", .dtype = m->dtype, .rank = 2,
                        .shape = {slots, m->C}, .data = m->weight,
                        .bytes = (size_t)slots * (size_t)m->C * vl_dtype_size(m->dtype)};
    VL_TRY(vl_graph_constant(g, &weight, error));
    VL_TRY(vl_graph_input(g, &(vl_value){"ids", VL_I64, 2, {-1, -2}}));
    VL_TRY(vl_graph_input(g, &(vl_value){"mask", VL_F32, 2, {-1, -2}}));
    VL_TRY(vl_graph_node(g, VL_OP_GATHER, "rows", 0, (const char *[]){"linear.weight", "ids", NULL}));
    const char *rows = "rows";
    if (m->dtype != VL_F32) {
        VL_TRY(vl_graph_node(g, VL_OP_CAST, "rows_real", VL_F32, (const char *[]){"rows", NULL}));
        rows = "rows_real";
    }
    VL_TRY(vl_graph_node(g, VL_OP_UNSQUEEZE, "mask_3", 2, (const char *[]){"mask", NULL}));
    VL_TRY(vl_graph_node(g, VL_OP_MUL, "rows_masked", 0, (const char *[]){rows, "mask_3", NULL}));
    return vl_graph_node(g, VL_OP_REDUCE_SUM, "sum", 1, (const char *[]){"rows_masked", NULL});
}

static vl_status describe_scale(const vl_linear *m, vl_graph *g, const char **value,
                                valence_error *error)
{
    if (!m->scale) return VALENCE_OK;
    vl_tensor scale = {.name = "linear.scale", .dtype = VL_F32, .rank = 1, .shape = {m->C},
                       .data = m->scale, .bytes = (size_t)m->C * sizeof(float)};
    VL_TRY(vl_graph_constant(g, &scale, error));
    VL_TRY(vl_graph_node(g, VL_OP_MUL, "sum_real", 0, (const char *[]){*value, "linear.scale", NULL}));
    *value = "sum_real";
    return VALENCE_OK;
}

/* `tiny` is lost in any count but 0, where it makes 0 / 0 a 0: a text without n-grams. */
static vl_status describe_norm(const vl_linear *m, vl_graph *g, const char **value,
                               valence_error *error)
{
    static const float tiny = 1e-30f;
    if (m->norm == VL_NORM_NONE) return VALENCE_OK;
    vl_tensor t = {.name = "tiny", .dtype = VL_F32, .rank = 1, .shape = {1}, .data = &tiny,
                   .bytes = sizeof tiny};
    VL_TRY(vl_graph_constant(g, &t, error));
    VL_TRY(vl_graph_node(g, VL_OP_REDUCE_SUM, "count", 1, (const char *[]){"mask", NULL}));
    VL_TRY(vl_graph_node(g, VL_OP_ADD, "count_some", 0, (const char *[]){"count", "tiny", NULL}));
    VL_TRY(vl_graph_node(g, VL_OP_SQRT, "norm", 0, (const char *[]){"count_some", NULL}));
    VL_TRY(vl_graph_node(g, VL_OP_UNSQUEEZE, "norm_2", 1, (const char *[]){"norm", NULL}));
    VL_TRY(vl_graph_node(g, VL_OP_DIV, "score", 0, (const char *[]){*value, "norm_2", NULL}));
    *value = "score";
    return VALENCE_OK;
}

/* K = 2: (s) times (-1/2, 1/2) gives both logits. */
static vl_status describe_classes(const vl_linear *m, vl_graph *g, const char **value,
                                  valence_error *error)
{
    static const float halves[2] = {-0.5f, 0.5f};
    if (m->head.K != 2) return VALENCE_OK;
    vl_tensor t = {.name = "halves", .dtype = VL_F32, .rank = 2, .shape = {1, 2}, .data = halves,
                   .bytes = sizeof halves};
    VL_TRY(vl_graph_constant(g, &t, error));
    VL_TRY(vl_graph_node(g, VL_OP_MATMUL, "both", 0, (const char *[]){*value, "halves", NULL}));
    *value = "both";
    return VALENCE_OK;
}

static vl_status linear_describe(const vl_model *model, vl_graph *g, valence_error *error)
{
    const vl_linear *m = (const vl_linear *)model;
    if (m->norm == VL_NORM_L2)
        return vl_fail(error, VALENCE_UNSUPPORTED, "a linear model with norm l2 cannot be described");
    const char *value = "sum";
    VL_TRY(describe_sum(m, g, error));
    VL_TRY(describe_scale(m, g, &value, error));
    VL_TRY(describe_norm(m, g, &value, error));
    VL_TRY(describe_classes(m, g, &value, error));
    vl_tensor bias = {.name = "linear.bias", .dtype = VL_F32, .rank = 1, .shape = {m->head.K},
                      .data = m->bias, .bytes = (size_t)m->head.K * sizeof(float)};
    VL_TRY(vl_graph_constant(g, &bias, error));
    VL_TRY(vl_graph_node(g, VL_OP_ADD, "logits", 0, (const char *[]){value, "linear.bias", NULL}));
    return vl_graph_output(g, &(vl_value){"logits", VL_F32, 2, {-1, m->head.K}});
}

static void linear_close(vl_model *model)
{
    vl_free(model);
}

static vl_status check_finite(const float *v, int64_t n, const char *name, valence_error *error)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return vl_fail(error, VALENCE_FORMAT, "tensor '%s' holds a value that is not finite", name);
    return VALENCE_OK;
}

/* Of weights, in their own type; int8 is always finite. */
static vl_status check_weights(const vl_linear *m, valence_error *error)
{
    int64_t n = (int64_t)m->head.inputs * m->C;
    const uint16_t *half = m->weight;
    if (m->dtype == VL_F32) return check_finite(m->weight, n, "linear.weight", error);
    for (int64_t i = 0; m->dtype == VL_F16 && i < n; i++)
        if ((half[i] & 0x7C00) == 0x7C00)
            return vl_fail(error, VALENCE_FORMAT, "tensor 'linear.weight' holds a value that is not finite");
    return VALENCE_OK;
}

static vl_status take_tensors(vl_linear *m, const vl_store *store, valence_error *error)
{
    const vl_tensor *bias, *weight, *t;
    VL_TRY(vl_store_expect(store, "linear.bias", VL_F32, 1, (int64_t[]){-1}, &bias, error));
    if (bias->shape[0] < 2 || bias->shape[0] > 65536)
        return vl_fail(error, VALENCE_FORMAT, "tensor 'linear.bias' must have 2 to 65536 classes");
    m->head.K = (int32_t)bias->shape[0];
    m->C = m->head.K == 2 ? 1 : m->head.K;
    m->bias = bias->data;
    VL_TRY(vl_store_expect(store, "linear.weight", VL_DTYPES, 2, (int64_t[]){-1, m->C}, &weight, error));
    if (weight->dtype != VL_I8 && weight->dtype != VL_F16 && weight->dtype != VL_F32)
        return vl_fail(error, VALENCE_UNSUPPORTED, "tensor 'linear.weight' has type %s (F32, F16, I8)",
                       vl_dtype_name(weight->dtype));
    if (weight->shape[0] > INT32_MAX)
        return vl_fail(error, VALENCE_FORMAT, "tensor 'linear.weight' has too many rows");
    m->head.inputs = (int32_t)weight->shape[0];
    m->weight = weight->data;
    m->dtype = weight->dtype;
    if (m->dtype == VL_I8) {
        VL_TRY(vl_store_expect(store, "linear.scale", VL_F32, 1, (int64_t[]){m->C}, &t, error));
        m->scale = t->data;
        VL_TRY(check_finite(m->scale, m->C, t->name, error));
    }
    if (m->norm == VL_NORM_L2) {
        VL_TRY(vl_store_expect(store, "linear.square", VL_F32, 1, (int64_t[]){m->head.inputs}, &t, error));
        m->square = t->data;
        VL_TRY(check_finite(m->square, m->head.inputs, t->name, error));
    }
    VL_TRY(check_weights(m, error));
    return check_finite(m->bias, m->head.K, "linear.bias", error);
}

static vl_status linear_build(vl_model **out, const vl_store *store, const vl_model_class *class,
                              valence_error *error)
{
    vl_linear_norm norm;
    VL_TRY(vl_linear_norm_parse(&norm, vl_store_get(store, "linear.norm"), error));
    vl_linear *m = vl_alloc_zero(VL_MEM_MODEL, sizeof *m);
    if (!m) return vl_fail_memory(error, sizeof *m, "a linear model");
    m->head.class = class;
    m->norm = norm;
    vl_status status = take_tensors(m, store, error);
    if (status != VALENCE_OK) {
        vl_free(m);
        return status;
    }
    *out = &m->head;
    return VALENCE_OK;
}

static vl_status naive_bayes_build(vl_model **out, const vl_store *store, valence_error *error)
{
    return linear_build(out, store, &vl_naive_bayes_class, error);
}

static vl_status logistic_build(vl_model **out, const vl_store *store, valence_error *error)
{
    return linear_build(out, store, &vl_logistic_class, error);
}

const vl_model_class vl_naive_bayes_class = {
    "naive-bayes", naive_bayes_build, linear_scratch, linear_forward, linear_contributions, linear_describe, linear_close};
const vl_model_class vl_logistic_class = {
    "logistic", logistic_build, linear_scratch, linear_forward, linear_contributions, linear_describe, linear_close};
