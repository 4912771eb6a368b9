/* served_model.h: one model as it is served: its name, what it counts, its queue if it is slow. It
 * is constant once open; a reload makes another one. */
#ifndef VL_SERVED_MODEL_H
#define VL_SERVED_MODEL_H

#include "serve/metrics.h"
#include "serve/model_queue.h"

typedef struct vl_served_model {
    char *name;   /* as clients say it: the file's name without folder and ending */
    char *source; /* what it was opened from: a path, or a shipped model's name */
    valence_model *model;
    valence_model_info info;
    uint64_t version; /* rises with each load of the name in this process */
    vl_model_meter meter;
    vl_model_queue *queue; /* of a slow model; NULL: answered in the loop */
    /* The keeper's own (model_keeper.c): */
    uint64_t mark;   /* of the files it was opened from */
    uint64_t seen;   /* the mark that the last look found */
    uint64_t failed; /* the mark of files that could not be opened instead */
    int sets;        /* that have it */
} vl_served_model;

/* What models need besides their files; outlives them all. */
typedef struct vl_model_needs {
    const vl_predictor *predictor;
    vl_queue_options queue;
    vl_metrics *metrics;
} vl_model_needs;

/* Opens a model; counts that it was loaded, or could not be. */
vl_status vl_served_model_open(vl_served_model **out, const char *name, const char *source,
                               uint64_t version, const vl_model_needs *needs, valence_error *error);
void vl_served_model_close(vl_served_model *m); /* NULL is fine */

/* Ends its queue: every question is done then. */
void vl_served_model_stop(vl_served_model *m);

/* The name of a path: without folders, slashes behind and ".safetensors". NULL: out of memory. */
char *vl_served_model_name(const char *path);

/* Says by inode, size and time of change which files are at a path: a model file, or those of a
 * folder that a model is read from. 0: there are none. */
uint64_t vl_model_mark(const char *path);
/* Of where the model came from, as it is now; 0 for the embedded one, too. */
uint64_t vl_served_model_mark(const vl_served_model *m);

#endif
