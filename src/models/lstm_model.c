/* lstm_model.c: builds an LSTM model of a store: settings, then each part with its shapes checked.
 */
#include "models/lstm_model.h"

#include <stdio.h>

#include "base/mem.h"
#include "layers/floats.h"
#include "models/settings.h"

enum { LAYERS_MAX = 8, WIDTH_MAX = 16384, LENGTH_MAX = 65536, PART_TOKENS = 8192 };

enum { MAX_MEAN, MAX, MEAN, ATTENTION };

static vl_status read_settings(vl_lstm_model *m, int *pooling, const vl_store *s,
                               valence_error *error)
{
    static const char *const poolings[] = {"max+mean", "max", "mean", "attention", NULL};
    VL_TRY(vl_setting_integer(&m->layers, s, "lstm.layers", 1, LAYERS_MAX, 0, error));
    VL_TRY(vl_setting_integer(&m->head.longest, s, "lstm.max_length", 1, LENGTH_MAX, 0, error));
    VL_TRY(vl_setting_flag(&m->head.multi_label, s, "lstm.problem", "single", "multi", error));
    VL_TRY(vl_setting_word(pooling, s, "lstm.pooling", poolings, error));
    m->max = *pooling == MAX_MEAN || *pooling == MAX;
    m->mean = *pooling == MAX_MEAN || *pooling == MEAN;
    return VALENCE_OK;
}

/* The rows or columns of a matrix that decides a size, in [1, most]. */
static vl_status find_size(int64_t *size, const vl_store *s, const char *name, int dimension,
                           int64_t most, valence_error *error)
{
    const vl_tensor *t = vl_store_find(s, name);
    *size = t && t->rank == 2 ? t->shape[dimension] : 0;
    if (*size >= 1 && *size <= most) return VALENCE_OK;
    return vl_fail(error, VALENCE_FORMAT, "tensor '%s' is missing or out of bounds", name);
}

/* Nothing depends on a token's place or type. */
static vl_status build_embedding(vl_lstm_model *m, const vl_store *s, valence_error *error)
{
    VL_TRY(vl_embedding_open(&m->embedding, s, error));
    m->head.inputs = (int32_t)m->embedding.V;
    if (m->embedding.E > WIDTH_MAX)
        return vl_fail(error, VALENCE_FORMAT, "tensor 'embeddings.word' has a size out of bounds");
    if (!m->embedding.position && !m->embedding.type) return VALENCE_OK;
    return vl_fail(error, VALENCE_FORMAT,
                   "an LSTM has no 'embeddings.position' or 'embeddings.type'");
}

static vl_status build_layers(vl_lstm_model *m, const vl_store *s, valence_error *error)
{
    int64_t H;
    VL_TRY(find_size(&H, s, "lstm.0.forward.recurrent.weight", 1, VL_LSTM_UNITS_MAX, error));
    m->H = (int32_t)H;
    m->layer = vl_alloc_zero(VL_MEM_MODEL, (size_t)m->layers * sizeof *m->layer);
    if (!m->layer) return vl_fail_memory(error, (size_t)m->layers * sizeof *m->layer, "layers");
    for (int32_t n = 0; n < m->layers; n++) {
        char name[32];
        snprintf(name, sizeof name, "lstm.%d", n);
        VL_TRY(vl_lstm_open(&m->layer[n], s, name, n ? 2 * m->H : (int32_t)m->embedding.E, m->H,
                            error));
    }
    return VALENCE_OK;
}

static vl_status build_head(vl_lstm_model *m, int pooling, const vl_store *s, valence_error *error)
{
    static const char *const dense[] = {"head.dense"}, *const out[] = {"head.out"};
    const int64_t both = 2 * (int64_t)m->H;
    int64_t K, D = m->F = pooling == MAX_MEAN ? 2 * both : both;
    VL_TRY(find_size(&K, s, "head.out.weight", 0, WIDTH_MAX, error));
    m->head.K = (int32_t)K;
    if (pooling == ATTENTION)
        VL_TRY(vl_floats_take(&m->attention, s, "head.attention.weight", 1, &both, error));
    m->has_dense = vl_store_find(s, "head.dense.weight") != NULL;
    if (m->has_dense) {
        VL_TRY(find_size(&D, s, "head.dense.weight", 0, WIDTH_MAX, error));
        VL_TRY(vl_projection_open(&m->dense, s, dense, 1, D, m->F, error));
    }
    return vl_projection_open(&m->out, s, out, 1, K, D, error);
}

static vl_status build(vl_lstm_model *m, const vl_store *s, valence_error *error)
{
    int pooling;
    VL_TRY(read_settings(m, &pooling, s, error));
    VL_TRY(build_embedding(m, s, error));
    VL_TRY(build_layers(m, s, error));
    return build_head(m, pooling, s, error);
}

static void close_lstm(vl_model *model)
{
    vl_lstm_model *m = (vl_lstm_model *)model;
    for (int32_t n = 0; m->layer && n < m->layers; n++) vl_lstm_release(&m->layer[n]);
    vl_free(m->layer);
    vl_free(m->attention);
    vl_embedding_release(&m->embedding);
    vl_projection_release(&m->dense);
    vl_projection_release(&m->out);
    vl_free(m);
}

static vl_status build_lstm(vl_model **out, const vl_store *store, valence_error *error)
{
    vl_lstm_model *m = vl_alloc_zero(VL_MEM_MODEL, sizeof *m);
    if (!m) return vl_fail_memory(error, sizeof *m, "a model");
    m->head.class = &vl_lstm_class;
    m->head.part = PART_TOKENS;
    vl_status status = build(m, store, error);
    if (status != VALENCE_OK) {
        close_lstm(&m->head);
        return status;
    }
    *out = &m->head;
    return VALENCE_OK;
}

static vl_status describe(const vl_model *m, vl_graph *graph, valence_error *error)
{
    (void)m, (void)graph;
    return vl_fail(error, VALENCE_UNSUPPORTED, "LSTMs cannot be written as a graph yet");
}

const vl_model_class vl_lstm_class = {.family = "lstm",
                                      .build = build_lstm,
                                      .scratch = vl_lstm_model_scratch,
                                      .forward = vl_lstm_model_forward,
                                      .describe = describe,
                                      .close = close_lstm};
