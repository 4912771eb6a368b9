/* model_keeper.h: who opens and closes models while the server runs: on a signal, when a model's
 * file has been replaced, or when an administrator asks. One thread of its own, so that no loop
 * waits. A change makes a new set; all loops go on with it at a moment of their own choosing; the
 * old one is closed when no loop, worker or deferred answer uses it. A model that cannot be opened
 * leaves the old one where it is. Ownership: the keeper owns all sets and models. */
#ifndef VL_MODEL_KEEPER_H
#define VL_MODEL_KEEPER_H

#include "serve/model_set.h"

typedef struct vl_model_keeper vl_model_keeper;

typedef struct vl_keeper_options {
    const char *const *models; /* (model_count) files or names of shipped models */
    int model_count;
    const char *folder; /* of models that may be loaded by name, or NULL */
    vl_model_needs needs;
    /* Has all loops go on with a set; each tells vl_keeper_switched once it does, in time. On the
     * keeper's thread. After a failure none may have been told. */
    vl_status (*publish)(void *user, vl_model_set *set, valence_error *error);
    int loops;
    void *user;
} vl_keeper_options;

/* Opens all models: VALENCE_ARGUMENT for two of one name. The thread does not run yet. */
vl_status vl_keeper_open(vl_model_keeper **out, const vl_keeper_options *options,
                         valence_error *error);
vl_status vl_keeper_start(vl_model_keeper *k, valence_error *error);

/* Ends the thread, if it runs, and all queues: every question and every task is done then. */
void vl_keeper_stop(vl_model_keeper *k);
/* Closes all sets; nobody uses one. NULL is fine. */
void vl_keeper_close(vl_model_keeper *k);

/* The first set, before the thread runs. */
vl_model_set *vl_keeper_set(const vl_model_keeper *k);

/* Opens all models again. Any thread; safe in no signal handler. */
void vl_keeper_reload(vl_model_keeper *k);

/* For loops: one of them has gone on with the set that was published last. */
void vl_keeper_switched(vl_model_keeper *k);

enum { VL_TASK_NAME = 128 };

typedef struct vl_keeper_task {
    bool unload; /* else: load, or load again */
    char name[VL_TASK_NAME];
    /* Called once, on the keeper's thread, when it is done. VALENCE_NOT_FOUND: no such model;
     * VALENCE_LIMIT: it is the default one, or there are too many; VALENCE_CANCELLED: the server
     * stops; else why it cannot be opened. */
    void (*done)(struct vl_keeper_task *t);
    vl_status status;
    valence_error error;
    uint64_t version; /* of the model loaded */
    struct vl_keeper_task *next;
} vl_keeper_task;

/* The task belongs to the keeper until done. Any thread. */
void vl_keeper_do(vl_model_keeper *k, vl_keeper_task *t);

/* Whether a name can be one of the folder's: letters, digits, '-', '_' and, but for the first, '.'.
 */
bool vl_keeper_is_name(vl_span name);

/* Calls fn with the name of each model in the folder. Any thread. */
void vl_keeper_each_file(const vl_model_keeper *k, void (*fn)(void *user, const char *name),
                         void *user);

#endif
