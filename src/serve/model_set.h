/* model_set.h: the models that are served, by name. A set is constant; a reload makes another one.
 * The first model is the default. */
#ifndef VL_MODEL_SET_H
#define VL_MODEL_SET_H

#include "base/span.h"
#include "base/status.h"
#include "serve/metrics.h"
#include "serve/model_queue.h"

enum { VL_MODELS_MAX = 64 };

typedef struct vl_served_model {
    char *name; /* as clients say it: the file's name without folder and ending */
    valence_model *model;
    valence_model_info info;
    uint64_t version; /* rises with each load in this process */
    vl_model_meter meter;
    vl_model_queue *queue; /* of a slow model; NULL: answered in the loop */
} vl_served_model;

typedef struct vl_model_set {
    vl_served_model models[VL_MODELS_MAX];
    int count;
    uint64_t salt; /* of names and versions, for the cache: answers depend on them all, as the name of a
                    * model that goes turns 200 into 404 */
} vl_model_set;

/* What models need besides their files; outlives every set. */
typedef struct vl_model_needs {
    const vl_predictor *predictor;
    vl_queue_options queue;
    vl_metrics *metrics;
} vl_model_needs;

/* Opens all; VALENCE_ARGUMENT for two of one name. */
vl_status vl_model_set_open(vl_model_set **out, const char *const *names, int count,
                            const vl_model_needs *needs, valence_error *error);
void vl_model_set_close(vl_model_set *s); /* NULL is fine */

/* Ends all queues: every question is done then. NULL is fine. */
void vl_model_set_stop(vl_model_set *s);

/* The index of a name; 0 (the default) for an absent one (ptr NULL); -1: none. */
int vl_model_set_find(const vl_model_set *s, vl_span name);

#endif
