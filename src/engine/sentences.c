/* sentences.c: each sentence of a text, and the document as their aggregate. */
#include "engine/engine_model.h"

valence_status valence_context_sentences(valence_context *context, const char *text, size_t len,
                                         valence_prediction *document,
                                         const valence_sentence **sentences, size_t *count,
                                         valence_error *error)
{
    (void)text, (void)len, (void)context, (void)document, (void)sentences;
    *count = 0;
    return vl_fail(error, VALENCE_UNSUPPORTED, "not yet");
}
