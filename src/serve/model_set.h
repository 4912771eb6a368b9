/* model_set.h: the models that are served, by name. A set is constant; a reload makes another one.
 * The first model is the default. */
#ifndef VL_MODEL_SET_H
#define VL_MODEL_SET_H

#include "base/span.h"
#include "base/status.h"
#include "valence.h"

enum { VL_MODELS_MAX = 64 };

typedef struct vl_served_model {
    char *name; /* as clients say it: the file's name without folder and ending */
    valence_model *model;
    valence_model_info info;
    uint64_t version; /* rises with each load in this process */
} vl_served_model;

typedef struct vl_model_set {
    vl_served_model models[VL_MODELS_MAX];
    int count;
} vl_model_set;

/* Opens all; VALENCE_ARGUMENT for two of one name. */
vl_status vl_model_set_open(vl_model_set **out, const char *const *names, int count,
                            valence_error *error);
void vl_model_set_close(vl_model_set *s); /* NULL is fine */

/* The index of a name; 0 (the default) for an absent one (ptr NULL); -1: none. */
int vl_model_set_find(const vl_model_set *s, vl_span name);

#endif
