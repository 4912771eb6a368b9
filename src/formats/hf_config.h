/* hf_config.h: what a Hugging Face config.json says about a sequence classifier: its settings as
 * the metadata of docs/format.md, "Transformers", and the sizes that its tensors must have. Which
 * tensor becomes which is hf_names.h's. Ownership: the struct holds no memory; its strings are
 * literals. */
#ifndef VL_HF_CONFIG_H
#define VL_HF_CONFIG_H

#include "base/store.h"

typedef enum vl_hf_architecture {
    VL_HF_BERT, /* MiniLM, too */
    VL_HF_DISTILBERT,
    VL_HF_ROBERTA, /* XLM-R and CamemBERT, too */
    VL_HF_ELECTRA,
    VL_HF_MODERNBERT
} vl_hf_architecture;

typedef struct vl_hf_config {
    vl_hf_architecture architecture;
    /* All at least 1. E: embeddings, C: hidden, I: intermediate, V: vocabulary, P: rows of position
     * embeddings, S: of type embeddings, K: labels. */
    int32_t E, C, I, V, P, S, K, layers, heads;
    int32_t max_length; /* tokens that positions allow, special ones included */
    const char *head;   /* activation behind head.dense */
    bool attention_bias, norm_bias,
        head_bias; /* the tensors are there (all but ModernBERT: always) */
} vl_hf_config;

/* Reads the text of a config.json and sets the metadata in store, except `tokenizer`,
 * `transformer.max_length` and `transformer.head`, which other files decide. VALENCE_UNSUPPORTED
 * for an architecture or setting it does not know, VALENCE_FORMAT for a bad value: both name the
 * key. */
vl_status vl_hf_config_read(vl_hf_config *c, vl_store *store, vl_span json, valence_error *error);

/* The text of a tokenizer_config.json: lowers max_length to its model_max_length. */
vl_status vl_hf_config_limit(vl_hf_config *c, vl_span json, valence_error *error);

/* Python writes "no limit" as an integer of 31 digits, which strict readers of 64-bit integers
 * refuse: rewrites digits behind the 18th of an integer outside strings to blanks, in place. */
void vl_hf_shorten_integers(char *json, size_t len);

#endif
