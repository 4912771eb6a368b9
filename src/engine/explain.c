/* explain.c: what each n-gram of a text adds to a logit. */
#include "engine/engine_model.h"

valence_status valence_context_explain(valence_context *context, const char *text, size_t len,
                                       int label_index, valence_prediction *prediction,
                                       valence_explanation *explanation, valence_error *error)
{
    (void)context, (void)text, (void)len, (void)label_index, (void)prediction, (void)explanation;
    return vl_fail(error, VALENCE_UNSUPPORTED, "not yet");
}
