/* transformer.h: BERT-family encoders with a classification head, at prediction time. What differs
 * between BERT, DistilBERT, RoBERTa, ELECTRA, MiniLM and ModernBERT is settings and missing parts,
 * listed in docs/format.md ("Transformers"); whose checkpoint it was, no code here knows.
 *
 * Post-norm (BERT), for rows x of a text:            Pre-norm (ModernBERT):
 *     a = attention(x W_qkv)                              a = attention(norm_a(x) W_qkv)
 *     x = norm_a(x + a W_o)                               x = x + a W_o
 *     x = norm_f(x + act(x W_up) W_down)                  x = x + (act(n W_gate) * n W_up) W_down,
 * n = norm_f(x)
 */
#ifndef VL_TRANSFORMER_H
#define VL_TRANSFORMER_H

#include "layers/embedding.h"
#include "layers/norm.h"
#include "layers/projection.h"
#include "models/model.h"
#include "models/trace.h"

typedef struct vl_transformer_layer {
    vl_projection qkv;      /* (3C,C): query, key, value */
    vl_projection output;   /* (C,C) */
    vl_projection up, down; /* (I,C) or, gated, (2I,C): gate, up; (C,I) */
    vl_norm attention_norm, ffn_norm;
    bool global; /* sees all tokens, not a window */
} vl_transformer_layer;

typedef struct vl_transformer {
    vl_model head;
    int64_t C, E, I, D; /* width, of embeddings, of the feed-forward part, of a head */
    int32_t heads, layers;
    int32_t position_offset, window;
    float eps;
    bool pre_norm, gated, mean;
    bool has_project, has_dense;
    vl_activation activation, head_activation;
    float *rope_global, *rope_local; /* (max_length, D) tables, or NULL */
    vl_embedding embedding;
    vl_norm embedding_norm, final_norm, head_norm;
    vl_projection project, dense, out;
    vl_transformer_layer *layer; /* (layers) */
} vl_transformer;

extern const vl_model_class vl_transformer_class;

/* Of transformer_forward.c, for the class. */
size_t vl_transformer_scratch(const vl_model *model, int32_t B, int64_t T, int threads);
vl_status vl_transformer_forward(const vl_model *model, const vl_batch *batch, const vl_run *run,
                                 float *logits);

#endif
