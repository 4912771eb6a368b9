/* predictor.c: the usual one. */
#include "serve/predictor.h"

static int slow(const valence_model_info *info)
{
    return info->slow;
}

const vl_predictor vl_predictor_usual = {.slow = slow,
                                         .encode = valence_context_encode,
                                         .predict = valence_context_predict_encodings,
                                         .explain = valence_context_explain};
