/* transformer.c: builds a transformer of a store: settings, then each part with its shapes checked.
 */
#include "models/transformer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/rope.h"
#include "models/settings.h"

enum {
    LAYERS_MAX = 256,
    HEADS_MAX = 256,
    HEAD_MAX = 256,
    WIDTH_MAX = 16384,
    LENGTH_MAX = 65536,
    PART_TOKENS = 1024
};

/* ---- Settings -------------------------------------------------------------------------------- */

static vl_status read_activation(vl_activation *out, const vl_store *s, const char *key,
                                 valence_error *error)
{
    static const char *const words[] = {"gelu", "gelu_tanh", "relu", "silu", "tanh", NULL};
    static const vl_activation kinds[] = {VL_ACT_GELU, VL_ACT_GELU_TANH, VL_ACT_RELU, VL_ACT_SILU,
                                          VL_ACT_TANH};
    int i;
    VL_TRY(vl_setting_word(&i, s, key, words, error));
    *out = kinds[i];
    return VALENCE_OK;
}

static vl_status read_settings(vl_transformer *m, const vl_store *s, valence_error *error)
{
    double eps;
    VL_TRY(vl_setting_integer(&m->layers, s, "transformer.layers", 1, LAYERS_MAX, 0, error));
    VL_TRY(vl_setting_integer(&m->heads, s, "transformer.heads", 1, HEADS_MAX, 0, error));
    VL_TRY(
        vl_setting_integer(&m->head.longest, s, "transformer.max_length", 3, LENGTH_MAX, 0, error));
    VL_TRY(vl_setting_integer(&m->position_offset, s, "transformer.position_offset", 0, LENGTH_MAX,
                              0, error));
    VL_TRY(vl_setting_integer(&m->window, s, "transformer.window", 0, LENGTH_MAX, 0, error));
    VL_TRY(vl_setting_real(&eps, s, "transformer.norm_eps", 1, error));
    VL_TRY(vl_setting_flag(&m->pre_norm, s, "transformer.norm", "post", "pre", error));
    VL_TRY(vl_setting_flag(&m->mean, s, "transformer.pooling", "first", "mean", error));
    VL_TRY(
        vl_setting_flag(&m->head.multi_label, s, "transformer.problem", "single", "multi", error));
    VL_TRY(read_activation(&m->activation, s, "transformer.activation", error));
    VL_TRY(read_activation(&m->head_activation, s, "transformer.head", error));
    m->eps = (float)eps;
    return VALENCE_OK;
}

/* "[0, 3, 6]": which layers see all tokens. */
static vl_status read_global_layers(vl_transformer *m, const vl_store *s, valence_error *error)
{
    static const char key[] = "transformer.global_layers";
    const char *text = vl_store_get(s, key), *at = text;
    for (int32_t i = 0; i < m->layers; i++) m->layer[i].global = !text;
    if (!text) return VALENCE_OK;
    if (*at++ != '[') return vl_setting_bad(key, text, error);
    while (*at == ' ') at++;
    while (*at != ']') {
        char *end;
        long n = strtol(at, &end, 10);
        if (end == at || n < 0 || n >= m->layers) return vl_setting_bad(key, text, error);
        m->layer[n].global = true;
        for (at = end; *at == ' ' || *at == ',';) at++;
    }
    return at[1] ? vl_setting_bad(key, text, error) : VALENCE_OK;
}

/* ---- Parts ----------------------------------------------------------------------------------- */

/* The second dimension of a tensor that decides a size; 0: there is none. */
static int64_t width_of(const vl_store *s, const char *name, int dimension)
{
    const vl_tensor *t = vl_store_find(s, name);
    return t && t->rank == 2 && t->shape[dimension] <= WIDTH_MAX ? t->shape[dimension] : 0;
}

static vl_status find_sizes(vl_transformer *m, const vl_store *s, valence_error *error)
{
    m->E = m->embedding.E;
    m->C = width_of(s, "layer.0.attention.query.weight", 1);
    m->I = width_of(s, "layer.0.ffn.up.weight", 0);
    m->gated = vl_store_find(s, "layer.0.ffn.gate.weight") != NULL;
    if (m->C < 1 || m->I < 1 || m->E > WIDTH_MAX)
        return vl_fail(
            error, VALENCE_FORMAT,
            "tensors 'layer.0.attention.query.weight' and 'layer.0.ffn.up.weight' are missing or "
            "out of bounds");
    m->D = m->C / m->heads;
    if (m->C % m->heads != 0 || m->D > HEAD_MAX)
        return vl_fail(error, VALENCE_FORMAT,
                       "a width of %lld does not go into %d heads of at most %d", (long long)m->C,
                       m->heads, HEAD_MAX);
    if (m->embedding.P && m->embedding.P - m->position_offset < m->head.longest)
        return vl_fail(error, VALENCE_FORMAT, "its %lld positions are too few for %d tokens",
                       (long long)m->embedding.P, m->head.longest);
    return VALENCE_OK;
}

/* "layer.N.PART" */
static const char *name_in(char name[64], int32_t n, const char *part)
{
    snprintf(name, 64, "layer.%d.%s", n, part);
    return name;
}

static vl_status build_layer(vl_transformer *m, int32_t n, const vl_store *s, valence_error *error)
{
    char a[64], b[64], c[64];
    vl_transformer_layer *l = &m->layer[n];
    const char *const three[] = {name_in(a, n, "attention.query"), name_in(b, n, "attention.key"),
                                 name_in(c, n, "attention.value")};
    VL_TRY(vl_projection_open(&l->qkv, s, three, 3, m->C, m->C, error));
    const char *one = name_in(a, n, "attention.output");
    VL_TRY(vl_projection_open(&l->output, s, &one, 1, m->C, m->C, error));
    const char *const two[] = {name_in(a, n, m->gated ? "ffn.gate" : "ffn.up"),
                               name_in(b, n, "ffn.up")};
    VL_TRY(vl_projection_open(&l->up, s, two, m->gated ? 2 : 1, m->I, m->C, error));
    one = name_in(a, n, "ffn.down");
    VL_TRY(vl_projection_open(&l->down, s, &one, 1, m->C, m->I, error));
    VL_TRY(vl_norm_open(&l->ffn_norm, s, name_in(a, n, "ffn.norm"), m->C, m->eps, true, error));
    return vl_norm_open(&l->attention_norm, s, name_in(a, n, "attention.norm"), m->C, m->eps,
                        !m->pre_norm, error);
}

static vl_status build_head(vl_transformer *m, const vl_store *s, valence_error *error)
{
    static const char *const dense[] = {"head.dense"}, *const out[] = {"head.out"};
    const vl_tensor *w = vl_store_find(s, "head.out.weight");
    if (!w || w->rank != 2 || w->shape[0] < 1 || w->shape[0] > WIDTH_MAX)
        return vl_fail(error, VALENCE_FORMAT,
                       "tensor 'head.out.weight' is missing or out of bounds");
    m->head.K = (int32_t)w->shape[0];
    m->has_dense = vl_store_find(s, "head.dense.weight") != NULL;
    if (m->has_dense) VL_TRY(vl_projection_open(&m->dense, s, dense, 1, m->C, m->C, error));
    VL_TRY(vl_norm_open(&m->head_norm, s, "head.norm", m->C, m->eps, false, error));
    return vl_projection_open(&m->out, s, out, 1, m->head.K, m->C, error);
}

static vl_status make_rope(float **table, const vl_transformer *m, const vl_store *s,
                           const char *key, valence_error *error)
{
    double theta;
    size_t count = (size_t)m->head.longest * (size_t)m->D;
    VL_TRY(vl_setting_real(&theta, s, key, 1e9, error));
    if (m->D % 2) return vl_fail(error, VALENCE_FORMAT, "rotary positions need heads of even size");
    *table = vl_alloc_array(VL_MEM_MODEL, count, sizeof **table);
    if (!*table) return vl_fail_memory(error, count * sizeof **table, "positions");
    vl_rope_table(*table, m->head.longest, (int32_t)m->D, theta);
    return VALENCE_OK;
}

static vl_status build_positions(vl_transformer *m, const vl_store *s, valence_error *error)
{
    bool rope;
    VL_TRY(vl_setting_flag(&rope, s, "transformer.positions", "learned", "rope", error));
    if (!rope) return VALENCE_OK;
    VL_TRY(make_rope(&m->rope_global, m, s, "transformer.rope_global", error));
    if (!m->window) return VALENCE_OK;
    return make_rope(&m->rope_local, m, s, "transformer.rope_local", error);
}

static vl_status build_embedding(vl_transformer *m, const vl_store *s, valence_error *error)
{
    static const char *const project[] = {"embeddings.project"};
    VL_TRY(vl_norm_open(&m->embedding_norm, s, "embeddings.norm", m->E, m->eps, false, error));
    m->has_project = vl_store_find(s, "embeddings.project.weight") != NULL;
    if (m->has_project) return vl_projection_open(&m->project, s, project, 1, m->C, m->E, error);
    return m->E == m->C ? VALENCE_OK
                        : vl_fail(error, VALENCE_FORMAT, "embeddings are %lld wide, layers %lld",
                                  (long long)m->E, (long long)m->C);
}

/* Packing is most of loading, and each layer's is its own: layers are built side by side. */
typedef struct building {
    vl_transformer *m;
    const vl_store *store;
    vl_status status[LAYERS_MAX];
    valence_error error[LAYERS_MAX];
} building;

static void build_one(void *argument, int64_t n, int thread)
{
    (void)thread;
    building *b = argument;
    b->status[n] = build_layer(b->m, (int32_t)n, b->store, &b->error[n]);
}

static vl_status build_layers(vl_transformer *m, const vl_store *s, valence_error *error)
{
    vl_workers *w;
    building *b = vl_alloc_zero(VL_MEM_MODEL, sizeof *b);
    if (!b) return vl_fail_memory(error, sizeof *b, "layers");
    b->m = m;
    b->store = s;
    vl_status status = vl_workers_open(&w, 0, error);
    if (status == VALENCE_OK) vl_workers_run(w, build_one, b, m->layers);
    vl_workers_close(w);
    for (int32_t n = 0; n < m->layers && status == VALENCE_OK; n++) {
        status = b->status[n];
        if (status != VALENCE_OK && error) *error = b->error[n];
    }
    vl_free(b);
    return status;
}

static vl_status build(vl_transformer *m, const vl_store *s, valence_error *error)
{
    VL_TRY(read_settings(m, s, error));
    m->layer = vl_alloc_zero(VL_MEM_MODEL, (size_t)m->layers * sizeof *m->layer);
    if (!m->layer) return vl_fail_memory(error, (size_t)m->layers * sizeof *m->layer, "layers");
    VL_TRY(vl_embedding_open(&m->embedding, s, error));
    m->head.inputs = (int32_t)m->embedding.V;
    VL_TRY(find_sizes(m, s, error));
    VL_TRY(read_global_layers(m, s, error));
    VL_TRY(build_positions(m, s, error));
    VL_TRY(build_embedding(m, s, error));
    VL_TRY(build_layers(m, s, error));
    VL_TRY(vl_norm_open(&m->final_norm, s, "final_norm", m->C, m->eps, m->pre_norm, error));
    return build_head(m, s, error);
}

static void close_layer(vl_transformer_layer *l)
{
    vl_projection_release(&l->qkv);
    vl_projection_release(&l->output);
    vl_projection_release(&l->up);
    vl_projection_release(&l->down);
    vl_norm_release(&l->attention_norm);
    vl_norm_release(&l->ffn_norm);
}

static void close_transformer(vl_model *model)
{
    vl_transformer *m = (vl_transformer *)model;
    for (int32_t n = 0; m->layer && n < m->layers; n++) close_layer(&m->layer[n]);
    vl_free(m->layer);
    vl_free(m->rope_global);
    vl_free(m->rope_local);
    vl_embedding_release(&m->embedding);
    vl_norm_release(&m->embedding_norm);
    vl_norm_release(&m->final_norm);
    vl_norm_release(&m->head_norm);
    vl_projection_release(&m->project);
    vl_projection_release(&m->dense);
    vl_projection_release(&m->out);
    vl_free(m);
}

static vl_status build_transformer(vl_model **out, const vl_store *store, valence_error *error)
{
    vl_transformer *m = vl_alloc_zero(VL_MEM_MODEL, sizeof *m);
    if (!m) return vl_fail_memory(error, sizeof *m, "a model");
    m->head.class = &vl_transformer_class;
    m->head.part = PART_TOKENS;
    vl_status status = build(m, store, error);
    if (status != VALENCE_OK) {
        close_transformer(&m->head);
        return status;
    }
    *out = &m->head;
    return VALENCE_OK;
}

static vl_status describe(const vl_model *m, vl_graph *graph, valence_error *error)
{
    (void)m, (void)graph;
    return vl_fail(error, VALENCE_UNSUPPORTED, "transformers cannot be written as a graph yet");
}

const vl_model_class vl_transformer_class = {.family = "transformer",
                                             .build = build_transformer,
                                             .scratch = vl_transformer_scratch,
                                             .forward = vl_transformer_forward,
                                             .describe = describe,
                                             .close = close_transformer};
