/* test_transformer.c: the forward pass against the formulas of transformer.h in double precision;
 * the same logits for a text alone, in a batch and on any number of threads; damaged models. */
#include <string.h>

#include "made_transformer.h"
#include "models/quantize_store.h"

enum { TEXTS = 9 };

static const made_shape bert = {
    .layers = 2, .heads = 3, .C = 24, .E = 24, .I = 40, .K = 3, .V = 50, .length = 70};
static const made_shape electra = {
    .layers = 2, .heads = 4, .C = 32, .E = 16, .I = 48, .K = 2, .V = 50, .length = 70};
static const made_shape modern = {.layers = 3,
                                  .heads = 2,
                                  .C = 32,
                                  .E = 32,
                                  .I = 40,
                                  .K = 2,
                                  .V = 50,
                                  .length = 70,
                                  .pre_norm = true};
static const made_shape pooled = {.layers = 3,
                                  .heads = 2,
                                  .C = 32,
                                  .E = 32,
                                  .I = 40,
                                  .K = 2,
                                  .V = 50,
                                  .length = 70,
                                  .pre_norm = true,
                                  .mean = true};

/* Wide enough to be shared out by columns (transformer_columns.c), where a text is short. */
static const made_shape wide = {
    .layers = 2, .heads = 4, .C = 128, .E = 64, .I = 192, .K = 3, .V = 50, .length = 70};
static const made_shape wide_modern = {.layers = 3,
                                       .heads = 4,
                                       .C = 128,
                                       .E = 128,
                                       .I = 128,
                                       .K = 2,
                                       .V = 50,
                                       .length = 70,
                                       .pre_norm = true};
static const made_shape wide_pooled = {.layers = 2,
                                       .heads = 4,
                                       .C = 128,
                                       .E = 128,
                                       .I = 128,
                                       .K = 2,
                                       .V = 50,
                                       .length = 70,
                                       .pre_norm = true,
                                       .mean = true};
static const made_shape *const shapes[] = {&bert, &electra,     &modern,     &pooled,
                                           &wide, &wide_modern, &wide_pooled};
enum { SHAPES = sizeof shapes / sizeof *shapes, WIDEST = 192 };

/* ---- The formulas ---------------------------------------------------------------------------- */

static const float *numbers(const vl_store *s, const char *format, int n)
{
    char name[100];
    snprintf(name, sizeof name, format, n);
    const vl_tensor *t = vl_store_find(s, name);
    return t ? t->data : NULL;
}

/* y = W x + b of the layer n's part of that name. */
static void ref_linear(double *y, const double *x, const vl_store *s, const char *name, int n,
                       int N, int K)
{
    char format[100];
    snprintf(format, sizeof format, "%s.weight", name);
    const float *w = numbers(s, format, n);
    snprintf(format, sizeof format, "%s.bias", name);
    const float *b = numbers(s, format, n);
    for (int i = 0; i < N; i++) {
        y[i] = b ? b[i] : 0;
        for (int k = 0; k < K; k++) y[i] += (double)w[i * K + k] * x[k];
    }
}

static void ref_norm(double *x, const vl_store *s, const char *name, int n, int N)
{
    char format[100];
    snprintf(format, sizeof format, "%s.weight", name);
    const float *g = numbers(s, format, n);
    snprintf(format, sizeof format, "%s.bias", name);
    const float *b = numbers(s, format, n);
    double mean = 0, square = 0;
    if (!g) return;
    for (int i = 0; i < N; i++) mean += x[i] / N;
    for (int i = 0; i < N; i++) square += (x[i] - mean) * (x[i] - mean) / N;
    for (int i = 0; i < N; i++) x[i] = (x[i] - mean) / sqrt(square + 1e-5) * g[i] + (b ? b[i] : 0);
}

static double ref_gelu(double x)
{
    return x * 0.5 * (1 + erf(x / sqrt(2)));
}

static void ref_turn(double *x, int position, int D, double theta)
{
    for (int i = 0; i < D / 2; i++) {
        double angle = position * pow(theta, -2.0 * i / D), a = x[i], b = x[i + D / 2];
        x[i] = a * cos(angle) - b * sin(angle);
        x[i + D / 2] = b * cos(angle) + a * sin(angle);
    }
}

static void ref_attention(double *out, const double *qkv, int T, int C, int heads, int window)
{
    int D = C / heads;
    double p[128];
    for (int t = 0; t < T; t++)
        for (int h = 0; h < heads; h++) {
            const double *q = qkv + t * 3 * C + h * D;
            double sum = 0;
            for (int j = 0; j < T; j++) {
                const double *k = qkv + j * 3 * C + C + h * D;
                p[j] = 0;
                for (int d = 0; d < D; d++) p[j] += q[d] * k[d];
                p[j] = window && abs(t - j) > window ? 0 : exp(p[j] / sqrt(D));
                sum += p[j];
            }
            for (int d = 0; d < D; d++) out[t * C + h * D + d] = 0;
            for (int j = 0; j < T; j++)
                for (int d = 0; d < D; d++)
                    out[t * C + h * D + d] += p[j] / sum * qkv[j * 3 * C + 2 * C + h * D + d];
        }
}

static void ref_layer(double *x, const vl_store *s, const made_shape *m, int n, int T)
{
    int C = m->C, I = m->I, D = C / m->heads;
    bool global = !m->pre_norm || n == 0;
    double *qkv = calloc((size_t)T * 3 * (size_t)C, sizeof *qkv),
           *a = calloc((size_t)(T * C), sizeof *a);
    double in[WIDEST], state[WIDEST], gate[WIDEST], hidden[WIDEST];
    for (int t = 0; t < T; t++) {
        memcpy(in, x + t * C, sizeof(double) * (size_t)C);
        if (m->pre_norm) ref_norm(in, s, "layer.%d.attention.norm", n, C);
        ref_linear(qkv + t * 3 * C, in, s, "layer.%d.attention.query", n, C, C);
        ref_linear(qkv + t * 3 * C + C, in, s, "layer.%d.attention.key", n, C, C);
        ref_linear(qkv + t * 3 * C + 2 * C, in, s, "layer.%d.attention.value", n, C, C);
        for (int h = 0; m->pre_norm && h < 2 * m->heads; h++)
            ref_turn(qkv + t * 3 * C + h * D, t, D, global ? 160000 : 10000);
    }
    ref_attention(a, qkv, T, C, m->heads, global ? 0 : 3);
    for (int t = 0; t < T; t++) {
        double *row = x + t * C;
        ref_linear(state, a + t * C, s, "layer.%d.attention.output", n, C, C);
        for (int i = 0; i < C; i++) row[i] += state[i];
        if (!m->pre_norm) ref_norm(row, s, "layer.%d.attention.norm", n, C);
        memcpy(in, row, sizeof(double) * (size_t)C);
        if (m->pre_norm) ref_norm(in, s, "layer.%d.ffn.norm", n, C);
        ref_linear(hidden, in, s, "layer.%d.ffn.up", n, I, C);
        if (m->pre_norm) ref_linear(gate, in, s, "layer.%d.ffn.gate", n, I, C);
        for (int i = 0; i < I; i++)
            hidden[i] = m->pre_norm ? ref_gelu(gate[i]) * hidden[i] : ref_gelu(hidden[i]);
        ref_linear(state, hidden, s, "layer.%d.ffn.down", n, C, I);
        for (int i = 0; i < C; i++) row[i] += state[i];
        if (!m->pre_norm) ref_norm(row, s, "layer.%d.ffn.norm", n, C);
    }
    free(qkv);
    free(a);
}

static void ref_embed(double *x, const vl_store *s, const made_shape *m, int32_t id, int t)
{
    const float *word = numbers(s, "embeddings.word", 0),
                *position = numbers(s, "embeddings.position", 0);
    const float *type = numbers(s, "embeddings.type", 0);
    double e[WIDEST];
    for (int i = 0; i < m->E; i++)
        e[i] = (double)word[id * m->E + i] + (position ? position[t * m->E + i] : 0) +
               (type ? type[i] : 0);
    ref_norm(e, s, "embeddings.norm", 0, m->E);
    if (m->E != m->C) ref_linear(x, e, s, "embeddings.project", 0, m->C, m->E);
    else memcpy(x, e, sizeof(double) * (size_t)m->C);
}

static void ref_forward(double *logits, const vl_store *s, const made_shape *m, const int32_t *ids,
                        int T)
{
    int C = m->C;
    double *x = calloc((size_t)(T * C), sizeof *x), top[WIDEST] = {0}, dense[WIDEST];
    for (int t = 0; t < T; t++) ref_embed(x + t * C, s, m, ids[t], t);
    for (int n = 0; n < m->layers; n++) ref_layer(x, s, m, n, T);
    for (int t = 0; t < (m->mean ? T : 1); t++) {
        if (m->pre_norm) ref_norm(x + t * C, s, "final_norm", 0, C);
        for (int i = 0; i < C; i++) top[i] += x[t * C + i] / (m->mean ? T : 1);
    }
    ref_linear(dense, top, s, "head.dense", 0, C, C);
    for (int i = 0; i < C; i++) dense[i] = m->pre_norm ? ref_gelu(dense[i]) : tanh(dense[i]);
    ref_norm(dense, s, "head.norm", 0, C);
    ref_linear(logits, dense, s, "head.out", 0, m->K, C);
    free(x);
}

/* ---- Texts ----------------------------------------------------------------------------------- */

static const int32_t lengths[TEXTS] = {5, 1, 70, 33, 2, 64, 17, 65, 8};

typedef struct texts {
    int32_t ids[TEXTS * 70], offsets[TEXTS + 1];
    vl_batch batch;
} texts;

static void make_texts(texts *t, int V)
{
    t->offsets[0] = 0;
    for (int b = 0; b < TEXTS; b++) t->offsets[b + 1] = t->offsets[b] + lengths[b];
    for (int i = 0; i < t->offsets[TEXTS]; i++)
        t->ids[i] = (int32_t)(vl_random_at(3, (uint64_t)i) % (uint64_t)V);
    t->batch = (vl_batch){t->ids, NULL, t->offsets, TEXTS};
}

static vl_model *built(const vl_store *s)
{
    vl_model *m;
    valence_error error;
    if (vl_model_build(&m, s, &error) != VALENCE_OK) fail_msg("%s", error.message);
    return m;
}

/* logits (B,K), in guarded scratch of the size asked for. */
static void forward(float *logits, const vl_model *m, const vl_batch *batch, int threads)
{
    vl_workers *w;
    size_t bytes = m->class->scratch(m, batch->B, batch->offsets[batch->B], threads);
    unsigned char *scratch = vl_alloc(VL_MEM_BATCH, bytes + 64);
    memset(scratch, 0xFF, bytes + 64); /* NaN, should anything read what it has not written */
    assert_int_equal(vl_workers_open(&w, threads, NULL), VALENCE_OK);
    assert_int_equal(
        m->class->forward(m, batch, &(vl_run){.scratch = scratch, .workers = w}, logits),
        VALENCE_OK);
    for (int i = 0; i < 64; i++) assert_int_equal(scratch[bytes + (size_t)i], 0xFF);
    vl_workers_close(w);
    vl_free(scratch);
}

static double check_against_formulas(const made_shape *shape, const vl_store *s, const vl_model *m,
                                     double tolerance)
{
    static texts t;
    float logits[TEXTS * 3];
    double expected[3], worst = 0;
    make_texts(&t, shape->V);
    forward(logits, m, &t.batch, 1);
    for (int b = 0; b < TEXTS; b++) {
        ref_forward(expected, s, shape, t.ids + t.offsets[b], lengths[b]);
        for (int k = 0; k < shape->K; k++) {
            double difference = fabs(expected[k] - (double)logits[b * shape->K + k]);
            if (!(difference <= tolerance))
                fail_msg("text %d: %g, not %g", b, logits[b * shape->K + k], expected[k]);
            worst = difference > worst ? difference : worst;
        }
    }
    return worst;
}

static void test_formulas(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        vl_store *s = made_transformer_store(shapes[i], 11 + (uint64_t)i);
        vl_model *m = built(s);
        double worst = check_against_formulas(shapes[i], s, m, 5e-5);
        print_message("# float32, shape %d: off by %.1e at most\n", i, worst);
        vl_model_close(m);
        vl_store_close(s);
    }
}

/* Rounded weights make another model: only closeness can be asked. Embeddings are in +-1, logits of
 * some units. */
static void test_quantised(void **state)
{
    (void)state;
    static const vl_dtype types[] = {VL_BF16, VL_I8};
    static const double tolerance[] = {0.2, 0.5};
    for (int i = 0; i < 2; i++) {
        vl_store *s = made_transformer_store(&bert, 11), *q;
        assert_int_equal(vl_quantize_store(&q, s, types[i], NULL), VALENCE_OK);
        vl_model *m = built(q);
        double worst = check_against_formulas(&bert, s, m, tolerance[i]);
        print_message("# %s: off by %.1e at most\n", vl_dtype_name(types[i]), worst);
        vl_model_close(m);
        vl_store_close(q);
        vl_store_close(s);
    }
}

/* The same bits alone, together, and on any number of threads. */
static void check_invariance(const made_shape *shape, vl_dtype type)
{
    static texts t;
    float together[TEXTS * 3], shared[TEXTS * 3], alone[3];
    vl_store *s = made_transformer_store(shape, 5), *q = s;
    if (type != VL_F32) assert_int_equal(vl_quantize_store(&q, s, type, NULL), VALENCE_OK);
    vl_model *m = built(q);
    make_texts(&t, shape->V);
    forward(together, m, &t.batch, 1);
    for (int threads = 2; threads <= 5; threads++) {
        forward(shared, m, &t.batch, threads);
        assert_memory_equal(together, shared, sizeof(float) * TEXTS * (size_t)shape->K);
    }
    for (int b = 0; b < TEXTS; b++) {
        const int32_t offsets[] = {0, lengths[b]};
        const vl_batch one = {t.ids + t.offsets[b], NULL, offsets, 1};
        for (int threads = 1; threads <= 4; threads++) {
            forward(alone, m, &one, threads);
            assert_memory_equal(alone, together + b * shape->K, sizeof(float) * (size_t)shape->K);
        }
    }
    vl_model_close(m);
    if (q != s) vl_store_close(q);
    vl_store_close(s);
}

static void test_invariance(void **state)
{
    (void)state;
    static const vl_dtype types[] = {VL_F32, VL_BF16, VL_I8};
    for (int i = 0; i < SHAPES; i++)
        for (int k = 0; k < 3; k++) check_invariance(shapes[i], types[k]);
}

/* ---- Damaged models -------------------------------------------------------------------------- */

static void refuse(const vl_store *s, vl_status status, const char *word)
{
    vl_model *m;
    valence_error error = {0};
    assert_int_equal(vl_model_build(&m, s, &error), status);
    if (!strstr(error.message, word)) fail_msg("'%s' does not name '%s'", error.message, word);
}

static void test_missing(void **state)
{
    (void)state;
    static const char *const needed[] = {
        "embeddings.word",       "layer.1.attention.key.weight", "layer.0.attention.output.weight",
        "layer.1.ffn.down.bias", "layer.0.ffn.up.weight",        "layer.1.ffn.norm.weight",
        "head.out.weight"};
    static const char *const keys[] = {"transformer.layers", "transformer.heads",
                                       "transformer.max_length", "transformer.norm_eps"};
    vl_store *s = made_transformer_store(&bert, 1);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (strstr(needed[i], "down.bias")) continue; /* biases may be absent */
        vl_store *without = copy_without(s, needed[i], "");
        refuse(without, VALENCE_FORMAT, needed[i]);
        vl_store_close(without);
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        vl_store *without = copy_without(s, "", keys[i]);
        refuse(without, VALENCE_FORMAT, keys[i]);
        vl_store_close(without);
    }
    vl_store_close(s);
}

static void test_misshapen(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int rank;
        int64_t N, K;
    } wrong[] = {{"layer.1.attention.value.weight", 2, 24, 23},
                 {"layer.0.ffn.down.weight", 2, 24, 39},
                 {"layer.1.attention.norm.weight", 1, 23, 0},
                 {"embeddings.position", 2, 69, 24},
                 {"head.dense.weight", 2, 24, 25},
                 {"layer.0.attention.query.bias", 1, 25, 0}};
    vl_store *s = made_transformer_store(&bert, 1);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        made_transformer m = {.store = copy_without(s, wrong[i].name, "")};
        made_tensor(&m, wrong[i].name, wrong[i].rank, wrong[i].N, wrong[i].K, 0, 1);
        refuse(m.store, VALENCE_FORMAT,
               strstr(wrong[i].name, "position") ? "positions" : wrong[i].name);
        vl_store_close(m.store);
    }
    vl_store_close(s);
}

static void test_settings(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"transformer.heads", "5"},           {"transformer.heads", "-1"},
        {"transformer.layers", "99999"},      {"transformer.layers", "3"},
        {"transformer.norm", "sideways"},     {"transformer.activation", "mish"},
        {"transformer.max_length", "1e9"},    {"transformer.norm_eps", "nan"},
        {"transformer.global_layers", "[7]"}, {"transformer.global_layers", "[0"},
        {"transformer.position_offset", "2"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        vl_store *s = made_transformer_store(&bert, 1);
        assert_int_equal(vl_store_set(s, wrong[i][0], vl_span_of(wrong[i][1]), NULL), VALENCE_OK);
        refuse(s, VALENCE_FORMAT, "");
        vl_store_close(s);
    }
}

/* Texts that no model reads: none, too long. */
static void test_lengths(void **state)
{
    (void)state;
    static int32_t ids[71];
    float logits[3];
    vl_store *s = made_transformer_store(&bert, 1);
    vl_model *m = built(s);
    void *scratch = vl_alloc(VL_MEM_BATCH, m->class->scratch(m, 1, 71, 1));
    for (int32_t n = 0; n <= 71; n += 71) {
        const int32_t offsets[] = {0, n};
        const vl_batch batch = {ids, NULL, offsets, 1};
        assert_int_equal(m->class->forward(m, &batch, &(vl_run){.scratch = scratch}, logits),
                         VALENCE_ARGUMENT);
    }
    vl_free(scratch);
    vl_model_close(m);
    vl_store_close(s);
}

/* Every allocation of building fails once: an error, and nothing is left behind. */
static void test_no_memory(void **state)
{
    (void)state;
    vl_store *s = made_transformer_store(&bert, 1);
    vl_model_close(built(s)); /* what stays for good (primitives) is there now */
    for (int64_t n = 1;; n++) {
        vl_model *m = NULL;
        int64_t before = vl_mem_usage_of(VL_MEM_MODEL).current;
        vl_mem_fail_only(n);
        vl_status status = vl_model_build(&m, s, NULL);
        bool failed = vl_mem_has_failed();
        vl_mem_fail_only(0);
        if (!failed) {
            assert_int_equal(status, VALENCE_OK);
            vl_model_close(m);
            break;
        }
        assert_int_equal(status, VALENCE_NO_MEMORY);
        assert_null(m);
        assert_int_equal(vl_mem_usage_of(VL_MEM_MODEL).current, before);
    }
    vl_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formulas),   cmocka_unit_test(test_quantised),
        cmocka_unit_test(test_invariance), cmocka_unit_test(test_missing),
        cmocka_unit_test(test_misshapen),  cmocka_unit_test(test_settings),
        cmocka_unit_test(test_lengths),    cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
