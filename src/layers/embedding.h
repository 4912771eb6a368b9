/* embedding.h: rows for token ids: word + position + type. Words are used where they lie in the
 * model file: only the rows of a text's tokens are ever read. */
#ifndef VL_EMBEDDING_H
#define VL_EMBEDDING_H

#include "base/store.h"

typedef struct vl_embedding {
    int64_t V, P, E;       /* words, positions (0: none), width */
    const vl_tensor *word; /* (V,E) F32, F16, BF16 or I8 */
    const float *scale;    /* (V), with I8 */
    float *position;       /* (P,E), or NULL */
    float *type;           /* (types,E), or NULL; the first row is used */
} vl_embedding;

/* embeddings.word with embeddings.word.scale for I8; embeddings.position and embeddings.type where
 * they exist, of floats. The store must outlive it. */
vl_status vl_embedding_open(vl_embedding *e, const vl_store *store, valence_error *error);
void vl_embedding_release(vl_embedding *e); /* zeroed struct is fine */

/* dst (E) = word[id] + position[position] + type; 0 <= id < V, 0 <= position < P. */
void vl_embedding_row(const vl_embedding *e, float *dst, int32_t id, int64_t position);

#endif
