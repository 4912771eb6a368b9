/* test_model.c: the table of families; and a proof that model.h also carries a token model: a small
 * encoder with attention behind the same interface, whose scratch memory is exactly what it asked
 * for, and which says the same of a text alone and in a batch. */
#include "test.h"

#include <math.h>

#include "base/hash.h"
#include "models/model.h"

/* ---- A tiny encoder: embedding, one averaging attention, mean, linear ---------------------------
 */

enum { V = 50, C = 12, CLASSES = 3 };

typedef struct encoder {
    vl_model head;
    const float *embedding; /* (V,C) */
    const float *output;    /* (C,K) */
} encoder;

static void encoder_close(vl_model *m)
{
    vl_free(m);
}

/* Longest text T: its T*C states, and T scores of one token against the others. */
static size_t encoder_scratch(const vl_model *m, int32_t B, int64_t T, int threads)
{
    (void)m, (void)B, (void)threads;
    return (size_t)T * C * sizeof(float) * 2 + (size_t)T * sizeof(float);
}

/* state[t] = sum_s softmax_s(x_t . x_s / sqrt(C)) x_s */
static void attend(float *state, float *scores, const float *x, int32_t T)
{
    for (int32_t t = 0; t < T; t++) {
        float max = -INFINITY, sum = 0;
        for (int32_t s = 0; s < T; s++) {
            scores[s] = 0;
            for (int c = 0; c < C; c++) scores[s] += x[t * C + c] * x[s * C + c];
            scores[s] /= sqrtf(C);
            max = fmaxf(max, scores[s]);
        }
        for (int32_t s = 0; s < T; s++) sum += scores[s] = expf(scores[s] - max);
        for (int c = 0; c < C; c++) state[t * C + c] = 0;
        for (int32_t s = 0; s < T; s++)
            for (int c = 0; c < C; c++) state[t * C + c] += scores[s] / sum * x[s * C + c];
    }
}

static vl_status encoder_forward(const vl_model *model, const vl_batch *batch, const vl_run *run,
                                 float *logits)
{
    const encoder *m = (const encoder *)model;
    int64_t all = batch->offsets[batch->B];
    float *x = run->scratch, *state = x + all * C, *scores = state + all * C;
    for (int64_t i = 0; i < all; i++)
        memcpy(x + i * C, m->embedding + (int64_t)batch->ids[i] * C, C * sizeof *x);
    for (int32_t b = 0; b < batch->B; b++) {
        int32_t from = batch->offsets[b], T = batch->offsets[b + 1] - from;
        attend(state + (int64_t)from * C, scores, x + (int64_t)from * C, T);
        for (int k = 0; k < CLASSES; k++) {
            float sum = 0;
            for (int32_t t = 0; t < T; t++)
                for (int c = 0; c < C; c++)
                    sum +=
                        state[((int64_t)from + t) * C + c] * m->output[c * CLASSES + k] / (float)T;
            logits[b * CLASSES + k] = sum;
        }
    }
    return VALENCE_OK;
}

static vl_status encoder_describe(const vl_model *m, vl_graph *g, valence_error *error)
{
    (void)m, (void)g;
    return vl_fail(error, VALENCE_UNSUPPORTED, "attention is no neutral operator yet");
}

static vl_status encoder_build(vl_model **out, const vl_store *store, valence_error *error);

static const vl_model_class encoder_class = {"tiny-encoder",  encoder_build,    encoder_scratch,
                                             encoder_forward, NULL, encoder_describe, encoder_close};

static vl_status encoder_build(vl_model **out, const vl_store *store, valence_error *error)
{
    const vl_tensor *embedding, *output;
    VL_TRY(vl_store_expect(store, "embedding", VL_F32, 2, (int64_t[]){-1, C}, &embedding, error));
    VL_TRY(vl_store_expect(store, "output", VL_F32, 2, (int64_t[]){C, CLASSES}, &output, error));
    encoder *m = vl_alloc_zero(VL_MEM_MODEL, sizeof *m);
    if (!m) return vl_fail_memory(error, sizeof *m, "an encoder");
    *m = (encoder){{.class = &encoder_class, .K = CLASSES, .inputs = (int32_t)embedding->shape[0]},
                   embedding->data, output->data};
    *out = &m->head;
    return VALENCE_OK;
}

/* ---- Its tests ---------------------------------------------------------------------------------
 */

static vl_store *encoder_store(void)
{
    static float embedding[V * C], output[C * CLASSES];
    vl_store *s;
    for (int i = 0; i < V * C; i++)
        embedding[i] = (float)(vl_random_at(1, (uint64_t)i) >> 40) * 0x1p-23f - 1;
    for (int i = 0; i < C * CLASSES; i++)
        output[i] = (float)(vl_random_at(2, (uint64_t)i) >> 40) * 0x1p-23f - 1;
    assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
    vl_tensor t = {.name = "embedding",
                   .dtype = VL_F32,
                   .rank = 2,
                   .shape = {V, C},
                   .data = embedding,
                   .bytes = sizeof embedding};
    assert_int_equal(vl_store_add(s, &t, NULL), VALENCE_OK);
    t = (vl_tensor){.name = "output",
                    .dtype = VL_F32,
                    .rank = 2,
                    .shape = {C, CLASSES},
                    .data = output,
                    .bytes = sizeof output};
    assert_int_equal(vl_store_add(s, &t, NULL), VALENCE_OK);
    return s;
}

/* Runs the model as the engine does: scratch of the size it names, 64-byte aligned, guarded. */
static void forward(const vl_model *m, const vl_batch *batch, float *logits)
{
    enum { GUARD = 256 };
    size_t size = m->class->scratch(m, batch->B, batch->offsets[batch->B], 1);
    assert_int_equal(size % sizeof(float), 0);
    char *block = aligned_alloc(64, (size + GUARD + 63 + 64) / 64 * 64), *scratch = block + 64;
    memset(block, 0xA5, size + GUARD);
    assert_int_equal(m->class->forward(m, batch, &(vl_run){.scratch = scratch}, logits), VALENCE_OK);
    for (size_t i = 0; i < 64; i++) assert_int_equal((unsigned char)block[i], 0xA5);
    for (size_t i = 64 + size; i < size + GUARD; i++)
        assert_int_equal((unsigned char)block[i], 0xA5);
    free(block);
}

static void test_token_model(void **state)
{
    (void)state;
    enum { B = 9 };
    static const int32_t offsets[B + 1] = {0, 1, 5, 35, 36, 100, 103, 110, 111, 300};
    int32_t ids[300];
    float batched[B * CLASSES], alone[CLASSES];
    for (int i = 0; i < 300; i++) ids[i] = (int32_t)(vl_random_at(3, (uint64_t)i) % V);
    vl_store *store = encoder_store();
    vl_model *m;
    assert_int_equal(encoder_class.build(&m, store, NULL), VALENCE_OK);
    assert_int_equal(m->inputs, V);
    vl_batch batch = {ids, NULL, offsets, B};
    int64_t before = vl_mem_usage_total().allocations;
    forward(m, &batch, batched);
    assert_int_equal(vl_mem_usage_total().allocations, before);
    bool differ = false;
    for (int b = 0; b < B; b++) {
        int32_t one[2] = {0, offsets[b + 1] - offsets[b]};
        vl_batch single = {ids + offsets[b], NULL, one, 1};
        forward(m, &single, alone);
        assert_memory_equal(alone, batched + b * CLASSES, sizeof alone);
        differ |= b && alone[0] != batched[0];
        for (int k = 0; k < CLASSES; k++) assert_true(isfinite(alone[k]));
    }
    assert_true(differ);
    valence_error error;
    assert_int_equal(m->class->describe(m, NULL, &error), VALENCE_UNSUPPORTED);
    vl_model_close(m); /* through the head */
    vl_store_close(store);
}

/* ---- The table of families ---------------------------------------------------------------------
 */

static void test_families(void **state)
{
    (void)state;
    static const char *const families[] = {"naive-bayes", "logistic"};
    static const float weight[8], bias[2] = {1, 2};
    for (size_t i = 0; i < LENGTH(families); i++) {
        vl_store *s;
        vl_model *m;
        float logits[2];
        assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
        vl_tensor t = {.name = "linear.weight",
                       .dtype = VL_F32,
                       .rank = 2,
                       .shape = {8, 1},
                       .data = weight,
                       .bytes = sizeof weight};
        vl_store_add(s, &t, NULL);
        t = (vl_tensor){.name = "linear.bias",
                        .dtype = VL_F32,
                        .rank = 1,
                        .shape = {2},
                        .data = bias,
                        .bytes = sizeof bias};
        vl_store_add(s, &t, NULL);
        vl_store_set(s, "linear.norm", vl_span_of("count"), NULL);
        vl_store_set(s, "family", vl_span_of(families[i]), NULL);
        assert_int_equal(vl_model_build(&m, s, NULL), VALENCE_OK);
        assert_string_equal(m->class->family, families[i]);
        m->class->forward(m, &(vl_batch){NULL, NULL, (int32_t[]){0, 0}, 1}, &(vl_run){0}, logits);
        assert_memory_equal(logits, bias, sizeof bias);
        vl_model_close(m);
        vl_store_close(s);
    }
    vl_model_close(NULL);
}

static void test_unknown_family(void **state)
{
    (void)state;
    vl_store *s = encoder_store();
    vl_model *m = (vl_model *)1;
    valence_error error;
    assert_int_equal(vl_model_build(&m, s, &error), VALENCE_FORMAT);
    assert_null(m);
    vl_store_set(s, "family", vl_span_of("tiny-encoder"), NULL);
    assert_int_equal(vl_model_build(&m, s, &error), VALENCE_UNSUPPORTED);
    assert_non_null(strstr(error.message, "tiny-encoder"));
    vl_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_model),
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_unknown_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
