/* hf_tokenizer.h: the tokenizer.json of a Hugging Face folder, made from the older files where it
 * is not there. What is in it, text/tokenizer.h reads. */
#ifndef VL_HF_TOKENIZER_H
#define VL_HF_TOKENIZER_H

#include "base/buffer.h"

/* Appends its text to out. config: the text of tokenizer_config.json, or empty. VALENCE_NOT_FOUND
 * for a folder without a vocabulary, VALENCE_UNSUPPORTED for one that only SentencePiece reads. */
vl_status vl_hf_tokenizer_read(vl_buffer *out, const char *folder, vl_span config,
                               valence_error *error);

#endif
