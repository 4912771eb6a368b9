/* Asserts: any bytes as config.json beside the tensors of a tiny model of every architecture give
 * an error with a message, or a store whose tensors lie inside theirs and which has every key that
 * docs/format.md asks for; as tokenizer_config.json, never a longer limit. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/hf_config.h"
#include "formats/hf_names.h"

enum { C = 4, I = 6, V = 5, P = 8, K = 2, ROOM = 4096 };

static void expect(int truth)
{
    if (!truth) abort();
}

typedef struct shape {
    const char *name;
    int rows, columns; /* 0: a vector */
} shape;

/* One layer each; %s is the prefix. */
static const shape bert_like[] = {
    {"%s.embeddings.word_embeddings.weight", V, C},
    {"%s.embeddings.position_embeddings.weight", P, C},
    {"%s.embeddings.token_type_embeddings.weight", 2, C},
    {"%s.embeddings.LayerNorm.weight", C, 0},
    {"%s.embeddings.LayerNorm.bias", C, 0},
    {"%s.encoder.layer.0.attention.self.query.weight", C, C},
    {"%s.encoder.layer.0.attention.self.query.bias", C, 0},
    {"%s.encoder.layer.0.attention.self.key.weight", C, C},
    {"%s.encoder.layer.0.attention.self.key.bias", C, 0},
    {"%s.encoder.layer.0.attention.self.value.weight", C, C},
    {"%s.encoder.layer.0.attention.self.value.bias", C, 0},
    {"%s.encoder.layer.0.attention.output.dense.weight", C, C},
    {"%s.encoder.layer.0.attention.output.dense.bias", C, 0},
    {"%s.encoder.layer.0.attention.output.LayerNorm.gamma", C, 0},
    {"%s.encoder.layer.0.attention.output.LayerNorm.beta", C, 0},
    {"%s.encoder.layer.0.intermediate.dense.weight", I, C},
    {"%s.encoder.layer.0.intermediate.dense.bias", I, 0},
    {"%s.encoder.layer.0.output.dense.weight", C, I},
    {"%s.encoder.layer.0.output.dense.bias", C, 0},
    {"%s.encoder.layer.0.output.LayerNorm.weight", C, 0},
    {"%s.encoder.layer.0.output.LayerNorm.bias", C, 0},
};

static const shape others[] = {
    {"distilbert.embeddings.word_embeddings.weight", V, C},
    {"distilbert.embeddings.position_embeddings.weight", P, C},
    {"distilbert.embeddings.LayerNorm.weight", C, 0},
    {"distilbert.embeddings.LayerNorm.bias", C, 0},
    {"distilbert.transformer.layer.0.attention.q_lin.weight", C, C},
    {"distilbert.transformer.layer.0.attention.q_lin.bias", C, 0},
    {"distilbert.transformer.layer.0.attention.k_lin.weight", C, C},
    {"distilbert.transformer.layer.0.attention.k_lin.bias", C, 0},
    {"distilbert.transformer.layer.0.attention.v_lin.weight", C, C},
    {"distilbert.transformer.layer.0.attention.v_lin.bias", C, 0},
    {"distilbert.transformer.layer.0.attention.out_lin.weight", C, C},
    {"distilbert.transformer.layer.0.attention.out_lin.bias", C, 0},
    {"distilbert.transformer.layer.0.sa_layer_norm.weight", C, 0},
    {"distilbert.transformer.layer.0.sa_layer_norm.bias", C, 0},
    {"distilbert.transformer.layer.0.ffn.lin1.weight", I, C},
    {"distilbert.transformer.layer.0.ffn.lin1.bias", I, 0},
    {"distilbert.transformer.layer.0.ffn.lin2.weight", C, I},
    {"distilbert.transformer.layer.0.ffn.lin2.bias", C, 0},
    {"distilbert.transformer.layer.0.output_layer_norm.weight", C, 0},
    {"distilbert.transformer.layer.0.output_layer_norm.bias", C, 0},
    {"pre_classifier.weight", C, C},
    {"pre_classifier.bias", C, 0},
    {"model.embeddings.tok_embeddings.weight", V, C},
    {"model.embeddings.norm.weight", C, 0},
    {"model.layers.0.attn.Wqkv.weight", 3 * C, C},
    {"model.layers.0.attn.Wo.weight", C, C},
    {"model.layers.0.mlp.Wi.weight", 2 * I, C},
    {"model.layers.0.mlp.Wo.weight", C, I},
    {"model.layers.0.mlp_norm.weight", C, 0},
    {"model.layers.1.attn_norm.weight", C, 0},
    {"model.layers.1.attn.Wqkv.weight", 3 * C, C},
    {"model.layers.1.attn.Wo.weight", C, C},
    {"model.layers.1.mlp.Wi.weight", 2 * I, C},
    {"model.layers.1.mlp.Wo.weight", C, I},
    {"model.layers.1.mlp_norm.weight", C, 0},
    {"model.final_norm.weight", C, 0},
    {"head.dense.weight", C, C},
    {"head.norm.weight", C, 0},
    {"electra.embeddings_project.weight", C, C},
    {"classifier.weight", K, C},
    {"classifier.bias", K, 0},
    {"classifier.dense.weight", C, C},
    {"classifier.dense.bias", C, 0},
    {"classifier.out_proj.weight", K, C},
    {"classifier.out_proj.bias", K, 0},
};

static const char room[ROOM]; /* all tensors begin here */

static void add(vl_store *s, const shape *t, const char *prefix)
{
    char name[128];
    const char *rest = strncmp(t->name, "%s", 2) == 0 ? t->name + 2 : t->name;
    int len = snprintf(name, sizeof name, "%s%s", rest == t->name ? "" : prefix, rest);
    vl_tensor tensor = {.name = name,
                        .dtype = VL_F32,
                        .rank = t->columns ? 2 : 1,
                        .shape = {t->rows, t->columns},
                        .data = room};
    expect(len > 0 && len < (int)sizeof name);
    expect(vl_tensor_size(&tensor, &tensor.bytes) && tensor.bytes <= ROOM);
    expect(vl_store_add(s, &tensor, NULL) == VALENCE_OK);
}

static vl_store *weights(void)
{
    static vl_store *s;
    static const char *const prefixes[] = {"bert", "roberta", "electra"};
    if (s) return s;
    expect(vl_store_open(&s, NULL) == VALENCE_OK);
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        for (size_t k = 0; k < sizeof bert_like / sizeof bert_like[0]; k++)
            add(s, &bert_like[k], prefixes[i]);
    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++) add(s, &others[k], "");
    return s;
}

static void check(const vl_store *s)
{
    static const char *const keys[] = {"family",
                                       "labels",
                                       "transformer.architecture",
                                       "transformer.layers",
                                       "transformer.heads",
                                       "transformer.norm",
                                       "transformer.norm_eps",
                                       "transformer.activation",
                                       "transformer.positions",
                                       "transformer.position_offset",
                                       "transformer.pooling",
                                       "transformer.problem"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) expect(vl_store_get(s, keys[i]) != 0);
    for (size_t i = 0; i < vl_store_count(s); i++) {
        const vl_tensor *t = vl_store_at(s, i);
        size_t from = (size_t)((const char *)t->data - room);
        expect(from <= ROOM && t->bytes <= ROOM - from);
    }
    expect(vl_store_find(s, "embeddings.word") && vl_store_find(s, "head.out.bias"));
    expect(vl_store_find(s, "layer.0.attention.value.weight") != NULL);
}

static void read_config(vl_span text)
{
    vl_hf_config c;
    vl_store *s, *raw = weights();
    valence_error error = {0};
    expect(vl_store_open(&s, NULL) == VALENCE_OK);
    vl_status status = vl_hf_config_read(&c, s, text, &error);
    if (status == VALENCE_OK) {
        expect(c.C % c.heads == 0 && c.K >= 2 && c.max_length >= 1);
        status = vl_hf_names_map(s, &c, &raw, 1, &error);
    }
    if (status == VALENCE_OK) check(s);
    else expect(error.code == status && error.message[0]);
    vl_store_close(s);
}

static void read_limit(vl_span text)
{
    vl_hf_config c = {.max_length = 512};
    valence_error error = {0};
    vl_status status = vl_hf_config_limit(&c, text, &error);
    expect(c.max_length >= 1 && c.max_length <= 512);
    expect(status == VALENCE_OK || (error.code == status && error.message[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    vl_hf_shorten_integers(text, size);
    read_config((vl_span){text, size});
    read_limit((vl_span){text, size});
    free(text);
    return 0;
}
