/* model_set.h: the models that are served, by name. A set is constant; a reload makes another one,
 * which shares with it what has not changed. The first model is the default.
 * Ownership: sets belong to the keeper (model_keeper.h), who closes one when nobody uses it. */
#ifndef VL_MODEL_SET_H
#define VL_MODEL_SET_H

#include <stdatomic.h>

#include "base/span.h"
#include "serve/served_model.h"

enum { VL_MODELS_MAX = 64 };

typedef struct vl_model_set {
    vl_served_model *models[VL_MODELS_MAX];
    int count;
    uint64_t salt; /* of names and versions, for the cache: answers depend on them all, as the name
                    * of a model that goes turns 200 into 404 */
    atomic_int users;          /* views of loops; and the keeper, while it is the current one */
    struct vl_model_set *next; /* the keeper's list */
} vl_model_set;

/* Of models that belong to this and other sets. NULL: out of memory. */
vl_model_set *vl_model_set_make(vl_served_model *const *models, int count);

/* And closes those models that no other set has. NULL is fine. */
void vl_model_set_close(vl_model_set *s);

/* The index of a name; 0 (the default) for an absent one (ptr NULL); -1: none. */
int vl_model_set_find(const vl_model_set *s, vl_span name);

#endif
