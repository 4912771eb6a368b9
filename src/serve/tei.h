/* tei.h: the body and the answer of text-embeddings-inference's POST /predict. */
#ifndef VL_TEI_H
#define VL_TEI_H

#include "serve/ask.h"

/* Takes the texts of {"inputs":..}; options are read already. Changes the ask's writer. */
vl_status vl_tei_take(vl_ask *a, vl_json inputs, valence_error *error);

/* TEI's headers for an answer that came from the cache. */
void vl_tei_recalled(vl_ask *a, uint32_t characters, uint32_t tokens);

/* What x-compute-tokens says: the model's tokens, or words where it has none. */
int64_t vl_tei_tokens(const vl_ask *a);

#endif
