/* occlusion.h: explanations for models whose logits are no sums: each word is left out in turn. */
#ifndef VL_OCCLUSION_H
#define VL_OCCLUSION_H

#include "base/buffer.h"
#include "valence.h"

/* What an explanation's answer points at; belongs to a context. */
typedef struct vl_occlusion {
    vl_buffer reasons, places;    /* valence_reason, valence_place: one each for a unit */
    vl_buffer units;              /* int32: the unit of each token */
    vl_buffer ids, offsets, rows; /* the batch; of each row its window and unit */
    vl_buffer logits;
} vl_occlusion;

void vl_occlusion_release(vl_occlusion *o); /* zeroed struct is fine */

/* valence_context_explain for a context of a model that reads tokens. */
vl_status vl_occlusion_explain(valence_context *c, const char *text, size_t len, int label_index,
                               valence_prediction *prediction, valence_explanation *explanation,
                               valence_error *error);

#endif
