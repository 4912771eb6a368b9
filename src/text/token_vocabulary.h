/* token_vocabulary.h: the tokens of a tokenizer and their ids, both ways. Ids may have holes.
 * The caller holds the struct and releases it; adding from one thread, asking from any. */
#ifndef VL_TOKEN_VOCABULARY_H
#define VL_TOKEN_VOCABULARY_H

#include "base/buffer.h"
#include "text/byte_trie.h"

typedef struct vl_token_vocabulary {
    vl_byte_trie trie;    /* spelling to id, of what the model knows */
    vl_byte_trie extra;   /* of tokens that the model does not know */
    vl_buffer spellings;  /* of all tokens, behind each other */
    vl_buffer places;     /* of each token in spellings, by id */
    int32_t size;         /* ids are below this */
    int32_t count, limit; /* tokens there are; ids may not reach limit */
} vl_token_vocabulary;

/* limit: what ids must stay below. */
vl_status vl_token_vocabulary_init(vl_token_vocabulary *v, int32_t limit);
void vl_token_vocabulary_release(vl_token_vocabulary *v); /* zeroed struct is fine */

/* VALENCE_FORMAT: an id out of range, an id or a token given before. _add_extra: the model never
 * makes the token. */
vl_status vl_token_vocabulary_add(vl_token_vocabulary *v, vl_span token, int64_t id,
                                  valence_error *error);
vl_status vl_token_vocabulary_add_extra(vl_token_vocabulary *v, vl_span token, int64_t id,
                                        valence_error *error);

/* -1: none. _model_id: one that the model knows. */
int32_t vl_token_vocabulary_id(const vl_token_vocabulary *v, vl_span token);
static inline int32_t vl_token_vocabulary_model_id(const vl_token_vocabulary *v, vl_span token)
{
    return vl_byte_trie_get(&v->trie, token);
}

/* Empty for an id without a token. */
vl_span vl_token_vocabulary_token(const vl_token_vocabulary *v, int32_t id);
bool vl_token_vocabulary_has(const vl_token_vocabulary *v, int32_t id);

#endif
