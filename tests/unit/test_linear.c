/* test_linear.c: the linear scorer of every type, norm and number of classes against plain double
 * arithmetic; stores that build() must refuse; explanations add up; the described graph, run by a
 * tiny interpreter, gives what forward gives. */
#include "test.h"

#include <math.h>

#include "base/hash.h"
#include "kernels/half.h"
#include "models/linear.h"

enum { SLOTS = 64, K_MOST = 20 };

static float random_float(uint64_t seed, uint64_t n, float range)
{
    return (float)((double)vl_random_at(seed, n) / 1.8446744073709552e19 * 2 - 1) * range;
}

/* ---- Stores -----------------------------------------------------------------------------------
 */

typedef struct made {
    vl_store *store;
    int32_t K, C;
    vl_dtype dtype;
    vl_linear_norm norm;
    double weight[SLOTS * K_MOST]; /* what the tensors say, in real units */
    float bias[K_MOST], square[SLOTS], scale[K_MOST];
} made;

static void add(vl_store *s, const char *name, vl_dtype dtype, int rank, int64_t rows,
                int64_t columns, const void *data)
{
    vl_tensor t = {
        .name = name, .dtype = dtype, .rank = rank, .shape = {rows, columns}, .data = data};
    assert_true(vl_tensor_size(&t, &t.bytes));
    assert_int_equal(vl_store_add_copy(s, &t, NULL), VALENCE_OK);
}

static void add_weights(made *m, uint64_t seed)
{
    union {
        int8_t i8[SLOTS * K_MOST];
        uint16_t f16[SLOTS * K_MOST];
        float f32[SLOTS * K_MOST];
    } w;
    for (int i = 0; i < SLOTS * m->C; i++) {
        float v = random_float(seed, (uint64_t)i, 3);
        if (m->dtype == VL_F32) m->weight[i] = w.f32[i] = v;
        else if (m->dtype == VL_F16)
            m->weight[i] = vl_half_to_float(w.f16[i] = vl_float_to_half(v));
        else m->weight[i] = (double)(w.i8[i] = (int8_t)(v * 42)) * m->scale[i % m->C];
    }
    add(m->store, "linear.weight", m->dtype, 2, SLOTS, m->C, &w);
}

static void make(made *m, int32_t K, vl_dtype dtype, vl_linear_norm norm)
{
    *m = (made){.K = K, .C = K == 2 ? 1 : K, .dtype = dtype, .norm = norm};
    for (int k = 0; k < K; k++) {
        m->bias[k] = random_float(4, (uint64_t)k, 1);
        m->scale[k] = 0.01f + fabsf(random_float(5, (uint64_t)k, 0.02f));
    }
    for (int s = 0; s < SLOTS; s++) m->square[s] = 0.5f + fabsf(random_float(6, (uint64_t)s, 2));
    assert_int_equal(vl_store_open(&m->store, NULL), VALENCE_OK);
    add_weights(m, 7 + (uint64_t)K);
    add(m->store, "linear.bias", VL_F32, 1, K, 0, m->bias);
    if (dtype == VL_I8) add(m->store, "linear.scale", VL_F32, 1, m->C, 0, m->scale);
    if (norm == VL_NORM_L2) add(m->store, "linear.square", VL_F32, 1, SLOTS, 0, m->square);
    vl_store_set(m->store, "linear.norm", vl_span_of(vl_linear_norm_name(norm)), NULL);
    vl_store_set(m->store, "family", vl_span_of("logistic"), NULL);
}

/* ---- The plain version ------------------------------------------------------------------------
 */

static double plain_norm(const made *m, const int32_t *ids, const float *x, int32_t n)
{
    double sum = 0;
    if (n == 0 || m->norm == VL_NORM_NONE) return 1;
    if (m->norm == VL_NORM_COUNT) return sqrt(n);
    for (int i = 0; i < n; i++) sum += (x ? (double)x[i] * x[i] : 1) * m->square[ids[i]];
    return sqrt(sum);
}

static void plain_logits(double *out, const made *m, const int32_t *ids, const float *x, int32_t n)
{
    double norm = plain_norm(m, ids, x, n), sum[K_MOST] = {0};
    for (int i = 0; i < n; i++)
        for (int c = 0; c < m->C; c++) sum[c] += (x ? x[i] : 1) * m->weight[ids[i] * m->C + c];
    if (m->K == 2) sum[1] = sum[0], sum[0] = -sum[0];
    for (int k = 0; k < m->K; k++) out[k] = m->bias[k] + sum[k] / norm / (m->K == 2 ? 2 : 1);
}

/* Ragged texts, empty ones among them. */
typedef struct texts {
    int32_t ids[600], offsets[32];
    float x[600];
    vl_batch batch;
} texts;

static void make_texts(texts *t, int B, bool weights)
{
    t->offsets[0] = 0;
    for (int b = 0; b < B; b++) {
        int n = b % 5 == 2 ? 0 : (int)(vl_random_at(1, (uint64_t)b) % 20);
        t->offsets[b + 1] = t->offsets[b] + n;
    }
    for (int i = 0; i < t->offsets[B]; i++) {
        t->ids[i] = (int32_t)(vl_random_at(2, (uint64_t)i) % SLOTS);
        t->x[i] = (float)(1 + vl_random_at(3, (uint64_t)i) % 4);
    }
    t->batch = (vl_batch){t->ids, weights ? t->x : NULL, t->offsets, B};
}

static const vl_dtype dtypes[] = {VL_F32, VL_F16, VL_I8};
static const int32_t class_counts[] = {2, 3, 10, 20};

/* Runs fn over every kind of model. */
static void for_all(void (*fn)(const made *, const vl_model *, const texts *, bool weights))
{
    for (size_t d = 0; d < LENGTH(dtypes); d++)
        for (size_t k = 0; k < LENGTH(class_counts); k++)
            for (int norm = VL_NORM_NONE; norm <= VL_NORM_L2; norm++)
                for (int weights = 0; weights < 2; weights++) {
                    made m;
                    texts t;
                    vl_model *model;
                    make(&m, class_counts[k], dtypes[d], (vl_linear_norm)norm);
                    make_texts(&t, 24, weights);
                    assert_int_equal(vl_model_build(&model, m.store, NULL), VALENCE_OK);
                    fn(&m, model, &t, weights);
                    vl_model_close(model);
                    vl_store_close(m.store);
                }
}

static void check_forward(const made *m, const vl_model *model, const texts *t, bool weights)
{
    float logits[24 * K_MOST + 1], alone[K_MOST];
    double expected[K_MOST];
    assert_int_equal(model->K, m->K);
    assert_int_equal(model->inputs, SLOTS);
    assert_int_equal(model->class->scratch(model, 24, t->offsets[24], 1), 0);
    logits[24 * m->K] = 42;
    assert_int_equal(model->class->forward(model, &t->batch, &(vl_run){0}, logits), VALENCE_OK);
    assert_true(logits[24 * m->K] == 42);
    for (int b = 0; b < 24; b++) {
        int32_t from = t->offsets[b], n = t->offsets[b + 1] - from, one[2] = {0, n};
        plain_logits(expected, m, t->ids + from, weights ? t->x + from : NULL, n);
        for (int k = 0; k < m->K; k++) assert_true(fabs(expected[k] - logits[b * m->K + k]) < 2e-4);
        vl_batch single = {t->ids + from, weights ? t->x + from : NULL, one, 1};
        model->class->forward(model, &single, &(vl_run){0}, alone); /* alone: the same bits */
        assert_memory_equal(alone, logits + b * m->K, (size_t)m->K * sizeof *alone);
    }
}

static void test_forward(void **state)
{
    (void)state;
    for_all(check_forward);
}

/* Contributions and bias make the logit. */
static void check_explanation(const made *m, const vl_model *model, const texts *t, bool weights)
{
    const vl_linear *linear = (const vl_linear *)model;
    float logits[24 * K_MOST];
    model->class->forward(model, &t->batch, &(vl_run){0}, logits);
    for (int b = 0; b < 24; b++) {
        int32_t from = t->offsets[b], n = t->offsets[b + 1] - from;
        const float *x = weights ? t->x + from : NULL;
        float norm = vl_linear_norm_of(linear, t->ids + from, x, n);
        assert_true(fabs(norm - plain_norm(m, t->ids + from, x, n)) < 1e-4);
        if (n == 0) assert_true(norm == 1);
        for (int k = 0; k < m->K; k++) {
            double sum = m->bias[k];
            for (int i = 0; i < n; i++)
                sum += vl_linear_contribution(linear, t->ids[from + i], x ? x[i] : 1, norm, k);
            assert_true(fabs(sum - logits[b * m->K + k]) < 2e-4);
        }
    }
}

static void test_explanation(void **state)
{
    (void)state;
    for_all(check_explanation);
}

/* ---- A tiny interpreter of graphs --------------------------------------------------------------
 */

typedef struct array {
    char name[VL_GRAPH_NAME];
    int rank;
    int64_t shape[4];
    double *v;
} array;

typedef struct machine {
    array values[32];
    int count;
} machine;

static int64_t size_of(const array *a)
{
    int64_t n = 1;
    for (int i = 0; i < a->rank; i++) n *= a->shape[i];
    return n;
}

static array *value(machine *m, const char *name)
{
    for (int i = 0; i < m->count; i++)
        if (strcmp(m->values[i].name, name) == 0) return &m->values[i];
    fail_msg("no value '%s'", name);
    return NULL;
}

static array *new_value(machine *m, const char *name, int rank, const int64_t *shape)
{
    assert_true(m->count < 32 && rank <= 4);
    array *a = &m->values[m->count++];
    *a = (array){.rank = rank};
    snprintf(a->name, sizeof a->name, "%s", name);
    for (int i = 0; i < rank; i++) a->shape[i] = shape[i];
    a->v = calloc((size_t)size_of(a) + 1, sizeof *a->v);
    return a;
}

static double element(const vl_tensor *t, int64_t i)
{
    if (t->dtype == VL_F32) return ((const float *)t->data)[i];
    if (t->dtype == VL_F16) return vl_half_to_float(((const uint16_t *)t->data)[i]);
    assert_int_equal(t->dtype, VL_I8);
    return ((const int8_t *)t->data)[i];
}

static double apply(vl_op op, double a, double b)
{
    switch (op) {
    case VL_OP_ADD:
        return a + b;
    case VL_OP_SUB:
        return a - b;
    case VL_OP_MUL:
        return a * b;
    default:
        return (double)((float)a / (float)b); /* as float does: 0 / 0 is NaN */
    }
}

/* numpy's rule: shapes aligned at the end, 1 stretches. */
static void broadcast(machine *m, const vl_node *n, const array *a, const array *b)
{
    int rank = a->rank > b->rank ? a->rank : b->rank;
    int64_t shape[4], step_a[4], step_b[4], sa = 1, sb = 1;
    for (int i = rank - 1; i >= 0; i--) {
        int ia = i - (rank - a->rank), ib = i - (rank - b->rank);
        int64_t da = ia >= 0 ? a->shape[ia] : 1, db = ib >= 0 ? b->shape[ib] : 1;
        assert_true(da == db || da == 1 || db == 1);
        shape[i] = da == 1 ? db : da;
        step_a[i] = da == 1 ? 0 : sa;
        step_b[i] = db == 1 ? 0 : sb;
        sa *= da;
        sb *= db;
    }
    array *out = new_value(m, n->output, rank, shape);
    for (int64_t i = 0; i < size_of(out); i++) {
        int64_t at_a = 0, at_b = 0, left = i;
        for (int d = rank - 1; d >= 0; left /= shape[d], d--) {
            at_a += left % shape[d] * step_a[d];
            at_b += left % shape[d] * step_b[d];
        }
        out->v[i] = apply(n->op, a->v[at_a], b->v[at_b]);
    }
}

static void gather(machine *m, const vl_node *n, const array *a, const array *ids)
{
    assert_int_equal(a->rank, 2);
    int64_t shape[4] = {ids->shape[0], ids->shape[1], a->shape[1]};
    array *out = new_value(m, n->output, 3, shape);
    for (int64_t i = 0; i < size_of(out); i++)
        out->v[i] = a->v[(int64_t)ids->v[i / shape[2]] * shape[2] + i % shape[2]];
}

static void matmul(machine *m, const vl_node *n, const array *a, const array *b)
{
    assert_true(a->rank == 2 && b->rank == 2 && a->shape[1] == b->shape[0]);
    array *out = new_value(m, n->output, 2, (int64_t[]){a->shape[0], b->shape[1]});
    for (int64_t i = 0; i < size_of(out); i++)
        for (int64_t k = 0; k < a->shape[1]; k++)
            out->v[i] +=
                a->v[i / b->shape[1] * a->shape[1] + k] * b->v[k * b->shape[1] + i % b->shape[1]];
}

static void reduce_sum(machine *m, const vl_node *n, const array *a)
{
    int axis = n->axis < 0 ? n->axis + a->rank : n->axis;
    int64_t shape[4], outer = 1, inner = 1;
    for (int i = 0, k = 0; i < a->rank; i++) {
        if (i < axis) outer *= a->shape[i];
        if (i > axis) inner *= a->shape[i];
        if (i != axis) shape[k++] = a->shape[i];
    }
    array *out = new_value(m, n->output, a->rank - 1, shape);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t k = 0; k < a->shape[axis]; k++)
            for (int64_t i = 0; i < inner; i++)
                out->v[o * inner + i] += a->v[(o * a->shape[axis] + k) * inner + i];
}

static void unsqueeze(machine *m, const vl_node *n, const array *a)
{
    int64_t shape[4];
    int axis = n->axis < 0 ? n->axis + a->rank + 1 : n->axis;
    for (int i = 0, k = 0; i <= a->rank; i++) shape[i] = i == axis ? 1 : a->shape[k++];
    array *out = new_value(m, n->output, a->rank + 1, shape);
    memcpy(out->v, a->v, (size_t)size_of(a) * sizeof *a->v);
}

static void run_node(machine *m, const vl_node *n)
{
    array a = *value(m, n->input[0]), b = {0};
    if (n->inputs > 1) b = *value(m, n->input[1]);
    switch (n->op) {
    case VL_OP_GATHER:
        gather(m, n, &a, &b);
        return;
    case VL_OP_MATMUL:
        matmul(m, n, &a, &b);
        return;
    case VL_OP_REDUCE_SUM:
        reduce_sum(m, n, &a);
        return;
    case VL_OP_UNSQUEEZE:
        unsqueeze(m, n, &a);
        return;
    case VL_OP_SQRT:
    case VL_OP_CAST: {
        array *out = new_value(m, n->output, a.rank, a.shape);
        for (int64_t i = 0; i < size_of(out); i++)
            out->v[i] = n->op == VL_OP_SQRT ? sqrtf((float)a.v[i]) : a.v[i];
        if (n->op == VL_OP_CAST) assert_int_equal(n->to, VL_F32);
        return;
    }
    default:
        broadcast(m, n, &a, &b);
    }
}

static void load_constants(machine *m, const vl_graph *g)
{
    const vl_store *s = vl_graph_constants(g);
    for (size_t i = 0; i < vl_store_count(s); i++) {
        const vl_tensor *t = vl_store_at(s, i);
        array *a = new_value(m, t->name, t->rank, t->shape);
        for (int64_t k = 0; k < size_of(a); k++) a->v[k] = element(t, k);
    }
}

/* The texts as the exported model gets them: padded; what stands in the padding must not matter. */
static void load_texts(machine *m, const texts *t, bool weights)
{
    enum { LENGTH_MOST = 21 };
    array *ids = new_value(m, "ids", 2, (int64_t[]){24, LENGTH_MOST});
    array *mask = new_value(m, "mask", 2, (int64_t[]){24, LENGTH_MOST});
    for (int b = 0; b < 24; b++)
        for (int i = 0; i < LENGTH_MOST; i++) {
            int n = t->offsets[b + 1] - t->offsets[b], at = b * LENGTH_MOST + i;
            ids->v[at] = i < n ? t->ids[t->offsets[b] + i] : i % SLOTS;
            mask->v[at] = i < n ? (weights ? t->x[t->offsets[b] + i] : 1) : 0;
        }
}

static void check_graph(const made *m, const vl_model *model, const texts *t, bool weights)
{
    vl_graph *g;
    valence_error error;
    float logits[24 * K_MOST];
    assert_int_equal(vl_graph_open(&g, NULL), VALENCE_OK);
    vl_status status = model->class->describe(model, g, &error);
    if (m->norm == VL_NORM_L2) {
        assert_int_equal(status, VALENCE_UNSUPPORTED);
        vl_graph_close(g);
        return;
    }
    assert_int_equal(status, VALENCE_OK);
    assert_int_equal(vl_graph_inputs(g), 2);
    assert_int_equal(vl_graph_outputs(g), 1);
    if (!(weights && m->norm == VL_NORM_COUNT)) { /* the mask has no room for both */
        machine run = {.count = 0};
        load_constants(&run, g);
        load_texts(&run, t, weights);
        for (size_t i = 0; i < vl_graph_nodes(g); i++) run_node(&run, vl_graph_node_at(g, i));
        array *out = value(&run, vl_graph_output_at(g, 0)->name);
        assert_true(out->rank == 2 && out->shape[0] == 24 && out->shape[1] == m->K);
        model->class->forward(model, &t->batch, &(vl_run){0}, logits);
        for (int i = 0; i < 24 * m->K; i++) assert_true(fabs(out->v[i] - logits[i]) < 2e-4);
        for (int i = 0; i < run.count; i++) free(run.values[i].v);
    }
    vl_graph_close(g);
}

static void test_graph(void **state)
{
    (void)state;
    for_all(check_graph);
}

/* ---- What must be refused ----------------------------------------------------------------------
 */

static const char *left_out;      /* a tensor that is not there */
static const vl_tensor *replaced; /* a tensor that is another */

/* A copy of a good store with that change. */
static vl_store *changed_store(const made *m)
{
    vl_store *s;
    assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
    for (size_t i = 0; i < vl_store_count(m->store); i++) {
        const vl_tensor *t = vl_store_at(m->store, i);
        if (left_out && strcmp(t->name, left_out) == 0) continue;
        if (replaced && strcmp(t->name, replaced->name) == 0) t = replaced;
        assert_int_equal(vl_store_add_copy(s, t, NULL), VALENCE_OK);
    }
    for (size_t i = 0; i < vl_store_meta_count(m->store); i++) {
        const char *key, *text;
        vl_store_meta_at(m->store, i, &key, &text);
        vl_store_set(s, key, vl_span_of(text), NULL);
    }
    return s;
}

static void expect_refused(vl_store *s, vl_status expected, const char *part)
{
    vl_model *model;
    valence_error error = {0};
    assert_int_equal(vl_model_build(&model, s, &error), expected);
    assert_null(model);
    assert_int_equal(error.code, expected);
    if (!strstr(error.message, part)) fail_msg("'%s' is not in '%s'", part, error.message);
    vl_store_close(s);
}

static void refuse_tensor(const made *m, vl_tensor t, vl_status expected)
{
    static float zeros[SLOTS * 100];
    if (!t.data) t.data = zeros;
    assert_true(vl_tensor_size(&t, &t.bytes) && t.bytes <= sizeof zeros);
    replaced = &t;
    expect_refused(changed_store(m), expected, t.name);
    replaced = NULL;
}

static void test_refused(void **state)
{
    (void)state;
    made m;
    for (int K = 2; K <= 3; K++) {
        make(&m, K, VL_I8, VL_NORM_L2);
        static const char *const names[] = {"linear.weight", "linear.bias", "linear.scale",
                                            "linear.square"};
        for (size_t i = 0; i < LENGTH(names); i++) {
            left_out = names[i];
            expect_refused(changed_store(&m), VALENCE_FORMAT, names[i]);
        }
        left_out = NULL;
        int C = m.C;
        refuse_tensor(
            &m, (vl_tensor){.name = "linear.weight", .dtype = VL_I8, .rank = 1, .shape = {SLOTS}},
            VALENCE_FORMAT);
        refuse_tensor(
            &m,
            (vl_tensor){
                .name = "linear.weight", .dtype = VL_I8, .rank = 2, .shape = {SLOTS, C + 1}},
            VALENCE_FORMAT);
        refuse_tensor(
            &m,
            (vl_tensor){.name = "linear.weight", .dtype = VL_I8, .rank = 3, .shape = {SLOTS, C, 1}},
            VALENCE_FORMAT);
        refuse_tensor(
            &m,
            (vl_tensor){.name = "linear.weight", .dtype = VL_BF16, .rank = 2, .shape = {SLOTS, C}},
            VALENCE_UNSUPPORTED);
        refuse_tensor(
            &m,
            (vl_tensor){.name = "linear.weight", .dtype = VL_F64, .rank = 2, .shape = {SLOTS, C}},
            VALENCE_UNSUPPORTED);
        refuse_tensor(&m,
                      (vl_tensor){.name = "linear.bias", .dtype = VL_F32, .rank = 1, .shape = {1}},
                      VALENCE_FORMAT);
        refuse_tensor(&m,
                      (vl_tensor){.name = "linear.bias", .dtype = VL_F32, .rank = 1, .shape = {0}},
                      VALENCE_FORMAT);
        refuse_tensor(&m,
                      (vl_tensor){.name = "linear.bias", .dtype = VL_F16, .rank = 1, .shape = {K}},
                      VALENCE_FORMAT);
        refuse_tensor(
            &m, (vl_tensor){.name = "linear.bias", .dtype = VL_F32, .rank = 2, .shape = {K, 1}},
            VALENCE_FORMAT);
        refuse_tensor(
            &m, (vl_tensor){.name = "linear.scale", .dtype = VL_F32, .rank = 1, .shape = {C + 1}},
            VALENCE_FORMAT);
        refuse_tensor(&m,
                      (vl_tensor){.name = "linear.scale", .dtype = VL_I32, .rank = 1, .shape = {C}},
                      VALENCE_FORMAT);
        refuse_tensor(
            &m,
            (vl_tensor){.name = "linear.square", .dtype = VL_F32, .rank = 1, .shape = {SLOTS - 1}},
            VALENCE_FORMAT);
        float bad[3] = {0, NAN, 0};
        refuse_tensor(
            &m,
            (vl_tensor){
                .name = "linear.bias", .dtype = VL_F32, .rank = 1, .shape = {K}, .data = bad},
            VALENCE_FORMAT);
        bad[1] = 0, bad[0] = -INFINITY;
        refuse_tensor(
            &m,
            (vl_tensor){
                .name = "linear.bias", .dtype = VL_F32, .rank = 1, .shape = {K}, .data = bad},
            VALENCE_FORMAT);
        refuse_tensor(
            &m,
            (vl_tensor){
                .name = "linear.scale", .dtype = VL_F32, .rank = 1, .shape = {C}, .data = bad},
            VALENCE_FORMAT);
        vl_store_close(m.store);
    }
    /* more classes than rows of logits may have */
    make(&m, 3, VL_F32, VL_NORM_NONE);
    static float many[65537];
    vl_tensor bias = {.name = "linear.bias",
                      .dtype = VL_F32,
                      .rank = 1,
                      .shape = {65537},
                      .data = many,
                      .bytes = sizeof many};
    replaced = &bias;
    expect_refused(changed_store(&m), VALENCE_FORMAT, "linear.bias");
    replaced = NULL;
    vl_store_close(m.store);
}

static void test_refused_metadata(void **state)
{
    (void)state;
    made m;
    make(&m, 2, VL_F32, VL_NORM_NONE);
    vl_store *s = changed_store(&m);
    vl_store_set(s, "linear.norm", vl_span_of("l3"), NULL);
    expect_refused(s, VALENCE_ARGUMENT, "l3");
    s = changed_store(&m);
    vl_store_set(s, "family", vl_span_of("oracle"), NULL);
    expect_refused(s, VALENCE_UNSUPPORTED, "oracle");
    vl_store_close(m.store);
    assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
    expect_refused(s, VALENCE_FORMAT, "family");
    assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
    vl_store_set(s, "family", vl_span_of("naive-bayes"), NULL);
    expect_refused(s, VALENCE_ARGUMENT, "norm");
}

/* Weights that are no numbers would make every answer NaN. */
static void test_refused_weights(void **state)
{
    (void)state;
    made m;
    make(&m, 2, VL_F32, VL_NORM_NONE);
    float w[SLOTS] = {0};
    w[SLOTS - 1] = NAN;
    refuse_tensor(
        &m,
        (vl_tensor){
            .name = "linear.weight", .dtype = VL_F32, .rank = 2, .shape = {SLOTS, 1}, .data = w},
        VALENCE_FORMAT);
    uint16_t h[SLOTS] = {0};
    h[3] = 0xFC00;
    refuse_tensor(
        &m,
        (vl_tensor){
            .name = "linear.weight", .dtype = VL_F16, .rank = 2, .shape = {SLOTS, 1}, .data = h},
        VALENCE_FORMAT);
    vl_store_close(m.store);
    make(&m, 2, VL_F32, VL_NORM_L2);
    refuse_tensor(
        &m,
        (vl_tensor){
            .name = "linear.square", .dtype = VL_F32, .rank = 1, .shape = {SLOTS}, .data = w},
        VALENCE_FORMAT);
    vl_store_close(m.store);
}

static void test_no_memory(void **state)
{
    (void)state;
    made m;
    vl_model *model;
    valence_error error;
    make(&m, 2, VL_F32, VL_NORM_NONE);
    vl_mem_fail_from(1);
    assert_int_equal(vl_model_build(&model, m.store, &error), VALENCE_NO_MEMORY);
    vl_mem_fail_from(0);
    vl_store_close(m.store);
    vl_model_close(NULL);
}

static void test_norm_names(void **state)
{
    (void)state;
    vl_linear_norm norm;
    for (int n = VL_NORM_NONE; n <= VL_NORM_L2; n++) {
        assert_int_equal(vl_linear_norm_parse(&norm, vl_linear_norm_name((vl_linear_norm)n), NULL),
                         VALENCE_OK);
        assert_int_equal(norm, n);
    }
    assert_int_equal(vl_linear_norm_parse(&norm, "", NULL), VALENCE_ARGUMENT);
    assert_int_equal(vl_linear_norm_parse(&norm, NULL, NULL), VALENCE_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_explanation),
        cmocka_unit_test(test_graph),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_refused_metadata),
        cmocka_unit_test(test_refused_weights),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_norm_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
