/* test_lstm_model.c: the forward pass against the formulas of lstm_model.h in double precision; the
 * same logits for a text alone, in a batch and on any number of threads; damaged models; out of
 * memory. */
#include "made_lstm.h"

#include "base/cpu.h"
#include "models/lstm_model.h"
#include "models/quantize_store.h"
#include "models/trace.h"

enum { TEXTS = 70, K_MOST = 3, LONGEST = 70 };

static const made_lstm shapes[] = {
    {.layers = 1, .E = 24, .H = 20, .K = 3, .V = 400, .length = LONGEST, .pooling = "max+mean"},
    {.layers = 2,
     .E = 17,
     .H = 32,
     .K = 2,
     .V = 50,
     .length = LONGEST,
     .pooling = "max+mean",
     .D = 24},
    {.layers = 1, .E = 16, .H = 5, .K = 2, .V = 50, .length = LONGEST, .pooling = "max"},
    {.layers = 3, .E = 9, .H = 16, .K = 3, .V = 50, .length = LONGEST, .pooling = "mean", .D = 7},
    {.layers = 2, .E = 24, .H = 40, .K = 2, .V = 50, .length = LONGEST, .pooling = "attention"},
    /* too many words for products word by word */
    {.layers = 1, .E = 12, .H = 9, .K = 2, .V = 9000, .length = LONGEST, .pooling = "max+mean"},
};

/* ---- The formulas ---------------------------------------------------------------------------- */

static const float *numbers(const vl_store *s, const char *name, const char *part)
{
    char full[100];
    snprintf(full, sizeof full, "%s.%s", name, part);
    const vl_tensor *t = vl_store_find(s, full);
    return t ? t->data : NULL;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* y (T,2H), this direction's half, of x (T,in). */
static void ref_direction(double *y, const double *x, const vl_store *s, int n, int d, int T,
                          int in, int H)
{
    char name[40];
    double h[64] = {0}, c[64] = {0}, a[256];
    snprintf(name, sizeof name, "lstm.%d.%s", n, d ? "backward" : "forward");
    const float *W = numbers(s, name, "input.weight"), *R = numbers(s, name, "recurrent.weight");
    const float *bias = numbers(s, name, "bias");
    for (int i = 0; i < T; i++) {
        int t = d ? T - 1 - i : i;
        for (int row = 0; row < 4 * H; row++) {
            a[row] = bias[row];
            for (int k = 0; k < in; k++) a[row] += (double)W[row * in + k] * x[t * in + k];
            for (int k = 0; k < H; k++) a[row] += (double)R[row * H + k] * h[k];
        }
        for (int k = 0; k < H; k++) {
            c[k] = sigmoid(a[H + k]) * c[k] + sigmoid(a[k]) * tanh(a[2 * H + k]);
            h[k] = sigmoid(a[3 * H + k]) * tanh(c[k]);
        }
        memcpy(y + t * 2 * H + d * H, h, sizeof(double) * (size_t)H);
    }
}

static void ref_attention(double *p, const double *x, const vl_store *s, int T, int C)
{
    const float *a = numbers(s, "head.attention", "weight");
    double total = 0;
    for (int t = 0; t < T; t++) {
        double score = 0;
        for (int i = 0; i < C; i++) score += a[i] * x[t * C + i];
        total += exp(score);
        for (int i = 0; i < C; i++) p[i] += exp(score) * x[t * C + i];
    }
    for (int i = 0; i < C; i++) p[i] /= total;
}

static void ref_pool(double *p, const double *x, const vl_store *s, const made_lstm *m, int T)
{
    int C = 2 * m->H;
    double *mean = strcmp(m->pooling, "mean") == 0 ? p : p + C;
    memset(p, 0, sizeof(double) * 2 * (size_t)C);
    if (strcmp(m->pooling, "attention") == 0) {
        ref_attention(p, x, s, T, C);
        return;
    }
    for (int i = 0; i < C; i++) {
        double most = x[i], sum = 0;
        for (int t = 0; t < T; t++) {
            most = fmax(most, x[t * C + i]);
            sum += x[t * C + i];
        }
        if (mean != p) p[i] = most;
        mean[i] = sum / T;
    }
}

static void ref_linear(double *y, const double *x, const vl_store *s, const char *name, int N,
                       int C)
{
    const float *w = numbers(s, name, "weight"), *b = numbers(s, name, "bias");
    for (int n = 0; n < N; n++) {
        y[n] = b[n];
        for (int i = 0; i < C; i++) y[n] += (double)w[n * C + i] * x[i];
    }
}

static void ref_forward(double *logits, const vl_store *s, const made_lstm *m, const int32_t *ids,
                        int T)
{
    static double x[2][LONGEST * 80];
    const float *word = vl_store_find(s, "embeddings.word")->data;
    double p[256], dense[64];
    for (int t = 0; t < T; t++)
        for (int i = 0; i < m->E; i++) x[0][t * m->E + i] = word[ids[t] * m->E + i];
    for (int n = 0; n < m->layers; n++)
        for (int d = 0; d < 2; d++)
            ref_direction(x[1 - n % 2], x[n % 2], s, n, d, T, n ? 2 * m->H : m->E, m->H);
    ref_pool(p, x[m->layers % 2], s, m, T);
    if (m->D) ref_linear(dense, p, s, "head.dense", m->D, made_lstm_width(m));
    for (int i = 0; i < m->D; i++) dense[i] = fmax(dense[i], 0);
    ref_linear(logits, m->D ? dense : p, s, "head.out", m->K, m->D ? m->D : made_lstm_width(m));
}

/* ---- Texts ----------------------------------------------------------------------------------- */

typedef struct texts {
    int32_t ids[TEXTS * LONGEST], offsets[TEXTS + 1];
    vl_batch batch;
} texts;

static void make_texts(texts *t, int B, int V)
{
    static const int32_t lengths[] = {5, 1, LONGEST, 33, 2, 64, 17, 65, 8, 1, 33};
    t->offsets[0] = 0;
    for (int b = 0; b < B; b++)
        t->offsets[b + 1] =
            t->offsets[b] +
            (b < 11 ? lengths[b] : 1 + (int32_t)(vl_random_at(4, (uint64_t)b) % LONGEST));
    for (int i = 0; i < t->offsets[B]; i++)
        t->ids[i] = (int32_t)(vl_random_at(3, (uint64_t)i) % (uint64_t)V);
    t->batch = (vl_batch){t->ids, NULL, t->offsets, B};
}

static vl_model *built(const vl_store *s)
{
    vl_model *m;
    valence_error error;
    if (vl_model_build(&m, s, &error) != VALENCE_OK) fail_msg("%s", error.message);
    return m;
}

/* logits (B,K), in guarded scratch of the size asked for. */
static void forward(float *logits, const vl_model *m, const vl_batch *batch, int threads,
                    vl_trace *trace)
{
    vl_workers *w;
    size_t bytes = m->class->scratch(m, batch->B, batch->offsets[batch->B], threads);
    unsigned char *scratch = vl_alloc(VL_MEM_BATCH, bytes + 64);
    memset(scratch, 0xFF, bytes + 64); /* NaN, should anything read what it has not written */
    assert_int_equal(vl_workers_open(&w, threads, NULL), VALENCE_OK);
    const vl_run run = {.scratch = scratch, .workers = w, .trace = trace};
    assert_int_equal(m->class->forward(m, batch, &run, logits), VALENCE_OK);
    for (int i = 0; i < 64; i++) assert_int_equal(scratch[bytes + (size_t)i], 0xFF);
    vl_workers_close(w);
    vl_free(scratch);
}

static double check_against_formulas(const made_lstm *shape, const vl_store *s, const vl_model *m,
                                     double tolerance)
{
    static texts t;
    static float logits[TEXTS * K_MOST];
    double expected[K_MOST], worst = 0;
    make_texts(&t, TEXTS, shape->V);
    forward(logits, m, &t.batch, 1, NULL);
    for (int b = 0; b < TEXTS; b++) {
        ref_forward(expected, s, shape, t.ids + t.offsets[b], t.offsets[b + 1] - t.offsets[b]);
        for (int k = 0; k < shape->K; k++) {
            double difference = fabs(expected[k] - (double)logits[b * shape->K + k]);
            if (!(difference <= tolerance))
                fail_msg("text %d: %g, not %g", b, (double)logits[b * shape->K + k], expected[k]);
            worst = fmax(worst, difference);
        }
    }
    return worst;
}

static void test_formulas(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(shapes); i++)
        for (int isa = (int)vl_isa_detected(); isa >= 0; isa--) { /* oneDNN keeps the first */
            vl_isa_limit((vl_isa)isa);
            vl_store *s = made_lstm_store(&shapes[i], 11 + i);
            vl_model *m = built(s);
            double worst = check_against_formulas(&shapes[i], s, m, 1e-5);
            print_message("# float32, shape %zu, %s: off by %.1e at most\n", i,
                          vl_isa_name((vl_isa)isa), worst);
            vl_model_close(m);
            vl_store_close(s);
        }
    vl_isa_limit(VL_ISA_AVX512);
}

/* Rounded weights make another model: only closeness can be asked, here with weights far larger
 * than trained ones. On levels below AVX-512 the products are other ones. */
static void test_quantised(void **state)
{
    (void)state;
    static const vl_dtype types[] = {VL_BF16, VL_I8};
    static const double tolerance[] = {0.01, 0.03};
    for (size_t i = 0; i < LENGTH(shapes); i++)
        for (int k = 0; k < 2; k++)
            for (int isa = (int)vl_isa_detected(); isa >= 0; isa--) { /* oneDNN keeps the first */
                vl_isa_limit((vl_isa)isa);
                vl_store *s = made_lstm_store(&shapes[i], 11 + i), *q;
                assert_int_equal(vl_quantize_store(&q, s, types[k], NULL), VALENCE_OK);
                assert_int_equal(vl_store_find(q, "lstm.0.forward.recurrent.weight")->dtype,
                                 types[k]);
                assert_int_equal(vl_store_find(q, "lstm.0.backward.input.weight")->dtype, types[k]);
                assert_int_equal(vl_store_find(q, "lstm.0.forward.bias")->dtype, VL_F32);
                vl_model *m = built(q);
                double worst = check_against_formulas(&shapes[i], s, m, tolerance[k]);
                print_message("# %s, shape %zu, %s: off by %.1e\n", vl_dtype_name(types[k]), i,
                              vl_isa_name((vl_isa)isa), worst);
                vl_model_close(m);
                vl_store_close(q);
                vl_store_close(s);
            }
    vl_isa_limit(VL_ISA_AVX512);
}

/* The same bits alone, together, and on any number of threads. */
static void check_invariance(const made_lstm *shape, vl_dtype type, int B)
{
    static texts t;
    static float together[TEXTS * K_MOST], shared[TEXTS * K_MOST];
    float alone[K_MOST];
    vl_store *s = made_lstm_store(shape, 5), *q = s;
    if (type != VL_F32) assert_int_equal(vl_quantize_store(&q, s, type, NULL), VALENCE_OK);
    vl_model *m = built(q);
    make_texts(&t, B, shape->V);
    forward(together, m, &t.batch, 1, NULL);
    for (int threads = 2; threads <= 7; threads++) {
        forward(shared, m, &t.batch, threads, NULL);
        assert_memory_equal(together, shared, sizeof(float) * (size_t)(B * shape->K));
    }
    for (int b = 0; b < B; b++) {
        const int32_t offsets[] = {0, t.offsets[b + 1] - t.offsets[b]};
        const vl_batch one = {t.ids + t.offsets[b], NULL, offsets, 1};
        forward(alone, m, &one, 1 + b % 3, NULL);
        assert_memory_equal(alone, together + b * shape->K, sizeof(float) * (size_t)shape->K);
    }
    vl_model_close(m);
    if (q != s) vl_store_close(q);
    vl_store_close(s);
}

static void test_invariance(void **state)
{
    (void)state;
    static const vl_dtype types[] = {VL_F32, VL_BF16, VL_I8};
    for (size_t i = 0; i < LENGTH(shapes); i++)
        for (int k = 0; k < 3; k++)
            check_invariance(&shapes[i], types[k], i == 0 || i == 5 ? TEXTS : 11);
}

static void test_trace(void **state)
{
    (void)state;
    static texts t;
    static float logits[TEXTS * K_MOST];
    vl_trace trace = {0};
    vl_store *s = made_lstm_store(&shapes[0], 1);
    vl_model *m = built(s);
    make_texts(&t, TEXTS, shapes[0].V);
    forward(logits, m, &t.batch, 2, &trace);
    assert_int_equal(trace.texts, TEXTS);
    assert_int_equal(trace.tokens, t.offsets[TEXTS]);
    assert_true(trace.seconds[VL_TRACE_RECURRENT] > 0 && trace.seconds[VL_TRACE_INPUT] > 0);
    assert_true(trace.seconds[VL_TRACE_EMBED] > 0 && trace.seconds[VL_TRACE_HEAD] > 0);
    vl_model_close(m);
    vl_store_close(s);
}

/* ---- Damaged models -------------------------------------------------------------------------- */

static void refuse(const vl_store *s, const char *word)
{
    vl_model *m;
    valence_error error = {0};
    assert_int_equal(vl_model_build(&m, s, &error), VALENCE_FORMAT);
    if (!strstr(error.message, word)) fail_msg("'%s' does not name '%s'", error.message, word);
}

static void test_missing(void **state)
{
    (void)state;
    static const char *const needed[] = {"embeddings.word",
                                         "lstm.0.forward.input.weight",
                                         "lstm.0.backward.recurrent.weight",
                                         "lstm.1.forward.bias",
                                         "lstm.0.forward.recurrent.weight",
                                         "lstm.1.backward.input.weight",
                                         "head.out.weight",
                                         "head.attention.weight"};
    static const char *const keys[] = {"lstm.layers", "lstm.max_length"};
    vl_store *s = made_lstm_store(&shapes[4], 1);
    for (size_t i = 0; i < LENGTH(needed); i++) {
        vl_store *without = copy_without(s, needed[i], "");
        refuse(without, needed[i]);
        vl_store_close(without);
    }
    for (size_t i = 0; i < LENGTH(keys); i++) {
        vl_store *without = copy_without(s, "", keys[i]);
        refuse(without, keys[i]);
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
    } wrong[] = {{"lstm.0.forward.input.weight", 2, 128, 16},
                 {"lstm.0.backward.recurrent.weight", 2, 128, 33},
                 {"lstm.1.forward.input.weight", 2, 128, 17},
                 {"lstm.1.backward.bias", 1, 127, 0},
                 {"lstm.0.forward.recurrent.weight", 2, 4, 0},
                 {"lstm.0.forward.recurrent.weight", 2, 1, 5000},
                 {"head.dense.weight", 2, 24, 127},
                 {"head.out.weight", 2, 2, 25},
                 {"lstm.0.forward.recurrent.weight", 2, 120, 32},
                 {"embeddings.word", 2, 0, 17}};
    vl_store *s = made_lstm_store(&shapes[1], 1);
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        made_store m = {.store = copy_without(s, wrong[i].name, "")};
        made_tensor(&m, wrong[i].name, wrong[i].rank, wrong[i].N, wrong[i].K, 0, 1);
        refuse(m.store, wrong[i].name);
        vl_store_close(m.store);
    }
    made_store m = {.store = copy_without(s, "", "")};
    made_tensor(&m, "embeddings.position", 2, 0, 17, 0, 1);
    refuse(m.store, "embeddings.position");
    vl_store_close(m.store);
    vl_store_close(s);
}

/* int8 without its scales. */
static void test_without_scale(void **state)
{
    (void)state;
    static const char *const scales[] = {"lstm.0.forward.input.weight.scale",
                                         "embeddings.word.scale",
                                         "lstm.0.backward.recurrent.weight.scale"};
    vl_store *s = made_lstm_store(&shapes[0], 1), *q;
    assert_int_equal(vl_quantize_store(&q, s, VL_I8, NULL), VALENCE_OK);
    for (size_t i = 0; i < LENGTH(scales); i++) {
        vl_store *without = copy_without(q, scales[i], "");
        refuse(without, scales[i]);
        vl_store_close(without);
    }
    vl_store_close(q);
    vl_store_close(s);
}

static void test_settings(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {{"lstm.layers", "0"},          {"lstm.layers", "9"},
                                           {"lstm.layers", "1x"},         {"lstm.max_length", "-1"},
                                           {"lstm.max_length", "100000"}, {"lstm.pooling", "min"},
                                           {"lstm.problem", "both"}};
    vl_store *s = made_lstm_store(&shapes[0], 1);
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        made_store m = {.store = copy_without(s, "", wrong[i][0])};
        made_setting(&m, wrong[i][0], wrong[i][1]);
        refuse(m.store, wrong[i][0]);
        vl_store_close(m.store);
    }
    vl_store_close(s);
}

/* Texts without tokens, or with more than the model reads. */
static void test_lengths(void **state)
{
    (void)state;
    static const int32_t lengths[] = {0, LONGEST + 1};
    static int32_t ids[LONGEST + 1];
    float logits[K_MOST];
    vl_store *s = made_lstm_store(&shapes[0], 1);
    vl_model *m = built(s);
    void *scratch = vl_alloc(VL_MEM_BATCH, m->class->scratch(m, 1, LONGEST + 1, 1));
    for (int i = 0; i < 2; i++) {
        const int32_t offsets[] = {0, lengths[i]};
        const vl_batch batch = {ids, NULL, offsets, 1};
        assert_int_equal(m->class->forward(m, &batch, &(vl_run){.scratch = scratch}, logits),
                         VALENCE_ARGUMENT);
    }
    vl_free(scratch);
    vl_model_close(m);
    vl_store_close(s);
}

/* Every allocation of building fails once: an error, and nothing is left behind. */
static void sweep(const vl_store *s)
{
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
            assert_true(n > 20);
            vl_model_close(m);
            break;
        }
        assert_int_equal(status, VALENCE_NO_MEMORY);
        assert_null(m);
        assert_int_equal(vl_mem_usage_of(VL_MEM_MODEL).current, before);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    vl_store *s = made_lstm_store(&shapes[4], 1), *q;
    assert_int_equal(vl_quantize_store(&q, s, VL_I8, NULL), VALENCE_OK);
    sweep(s);
    sweep(q);
    vl_store_close(q);
    vl_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formulas),      cmocka_unit_test(test_quantised),
        cmocka_unit_test(test_invariance),    cmocka_unit_test(test_trace),
        cmocka_unit_test(test_missing),       cmocka_unit_test(test_misshapen),
        cmocka_unit_test(test_without_scale), cmocka_unit_test(test_settings),
        cmocka_unit_test(test_lengths),       cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
