/* tei.h: {"inputs": ..} as Hugging Face's text-embeddings-inference takes it on /predict. */
#ifndef VL_TEI_H
#define VL_TEI_H

#include "serve/ask.h"

/* Writes the answer of a request whose member "inputs" this is, and TEI's timing headers. */
vl_status vl_tei_answer(vl_ask *a, vl_json inputs, valence_error *error);

#endif
