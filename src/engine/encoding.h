/* encoding.h: what valence_encoding is inside: a text's ids in one or more windows. */
#ifndef VL_ENCODING_H
#define VL_ENCODING_H

#include "engine/engine_model.h"

/* One block of memory: the struct, then offsets, ids and weights. */
struct valence_encoding {
    const valence_model *model;
    int32_t *offsets; /* (windows+1) */
    int32_t *ids;     /* (offsets[windows]) */
    float *weights;   /* likewise, or NULL: all 1 */
    int32_t windows;  /* at least 1 */
    int32_t tokens;   /* as valence_prediction says */
    bool truncated, empty;
};

#endif
