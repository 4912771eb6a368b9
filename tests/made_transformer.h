/* made_transformer.h: small transformers with random weights, as stores, for tests. */
#ifndef MADE_TRANSFORMER_H
#define MADE_TRANSFORMER_H

#include "made_store.h"
#include "models/transformer.h"

typedef struct made_shape {
    int layers, heads, C, E, I, K, V, length;
    bool pre_norm; /* like ModernBERT: rotary positions, windows, gated units; else like BERT */
    bool mean;
} made_shape;

typedef made_store made_transformer;

static void made_norm(made_transformer *m, const char *name, int64_t N, bool bias)
{
    char full[100];
    snprintf(full, sizeof full, "%s.weight", name);
    made_tensor(m, full, 1, N, 0, 1, 0.5f);
    snprintf(full, sizeof full, "%s.bias", name);
    if (bias) made_tensor(m, full, 1, N, 0, 0, 0.3f);
}

static void made_settings(made_transformer *m, const made_shape *s)
{
    made_setting(m, "family", "transformer");
    made_number(m, "transformer.layers", s->layers);
    made_number(m, "transformer.heads", s->heads);
    made_number(m, "transformer.max_length", s->length);
    made_setting(m, "transformer.norm_eps", "1e-5");
    made_setting(m, "transformer.norm", s->pre_norm ? "pre" : "post");
    made_setting(m, "transformer.pooling", s->mean ? "mean" : "first");
    made_setting(m, "transformer.head", s->pre_norm ? "gelu" : "tanh");
    if (!s->pre_norm) return;
    made_setting(m, "transformer.positions", "rope");
    made_setting(m, "transformer.rope_global", "160000");
    made_setting(m, "transformer.rope_local", "10000");
    made_number(m, "transformer.window", 3);
    made_setting(m, "transformer.global_layers", "[0]");
}

static void made_layer(made_transformer *m, const made_shape *s, int n)
{
    static const char *const names[] = {"attention.query",  "attention.key", "attention.value",
                                        "attention.output", "ffn.gate",      "ffn.up",
                                        "ffn.down"};
    char full[100];
    bool bias = !s->pre_norm;
    for (int i = 0; i < 7; i++) {
        if (i == 4 && !s->pre_norm) continue;
        snprintf(full, sizeof full, "layer.%d.%s", n, names[i]);
        made_linear(m, full, i == 4 || i == 5 ? s->I : s->C, i == 6 ? s->I : s->C, bias);
    }
    snprintf(full, sizeof full, "layer.%d.attention.norm", n);
    if (!s->pre_norm || n > 0) made_norm(m, full, s->C, bias);
    snprintf(full, sizeof full, "layer.%d.ffn.norm", n);
    made_norm(m, full, s->C, bias);
}

static vl_store *made_transformer_store(const made_shape *s, uint64_t seed)
{
    made_transformer m = {.seed = seed};
    assert_int_equal(vl_store_open(&m.store, NULL), VALENCE_OK);
    made_settings(&m, s);
    made_tensor(&m, "embeddings.word", 2, s->V, s->E, 0, 1);
    if (!s->pre_norm) made_tensor(&m, "embeddings.position", 2, s->length, s->E, 0, 0.5f);
    if (!s->pre_norm) made_tensor(&m, "embeddings.type", 2, 2, s->E, 0, 0.5f);
    made_norm(&m, "embeddings.norm", s->E, !s->pre_norm);
    if (s->E != s->C) made_linear(&m, "embeddings.project", s->C, s->E, true);
    for (int n = 0; n < s->layers; n++) made_layer(&m, s, n);
    if (s->pre_norm) made_norm(&m, "final_norm", s->C, false);
    made_linear(&m, "head.dense", s->C, s->C, true);
    if (s->pre_norm) made_norm(&m, "head.norm", s->C, false);
    made_linear(&m, "head.out", s->K, s->C, true);
    return m.store;
}

#endif
