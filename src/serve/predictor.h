/* predictor.h: the calls by which the server asks models: valence.h's, unless a test puts a slow
 * model of its own in their place. */
#ifndef VL_PREDICTOR_H
#define VL_PREDICTOR_H

#include "valence.h"

typedef struct vl_predictor {
    /* 1: texts go through a queue to workers, who answer many at once; 0: they are answered in the
     * loop. */
    int (*slow)(const valence_model_info *info);
    valence_status (*encode)(valence_context *context, const char *text, size_t len,
                             valence_truncation truncation, valence_encoding **encoding,
                             valence_error *error);
    valence_status (*predict)(valence_context *context, const valence_encoding *const *encodings,
                              size_t count, valence_prediction *predictions, valence_error *error);
    valence_status (*explain)(valence_context *context, const char *text, size_t len,
                              int label_index, valence_prediction *prediction,
                              valence_explanation *explanation, valence_error *error);
} vl_predictor;

extern const vl_predictor vl_predictor_usual;

#endif
