/* model.h: what every model can do. A model is built from a store, constant afterwards and shared by
 * all threads; whatever a forward pass writes lives in scratch memory of the caller's.
 * Ownership: the model borrows tensor data from its store, which must outlive it. */
#ifndef VL_MODEL_H
#define VL_MODEL_H

#include "base/batch.h"
#include "base/graph.h"
#include "base/store.h"
#include "base/workers.h"

typedef struct vl_model vl_model;
struct vl_trace;

/* What one forward pass may use. The zeroed struct is fine for a model that needs no scratch. */
typedef struct vl_run {
    void *scratch;          /* as much as the model's scratch() says, 64-byte aligned */
    vl_workers *workers;    /* share the work of this one pass; NULL: the calling thread alone */
    struct vl_trace *trace; /* where the time goes is added here; NULL: not wanted */
} vl_run;

typedef struct vl_model_class {
    const char *family; /* one of the names a file's metadata may give */

    /* Makes a model of the store's tensors and metadata. Checks all shapes. */
    vl_status (*build)(vl_model **out, const vl_store *store, valence_error *error);

    /* Bytes of scratch that forward needs for at most B texts of T entries in all, on that many
     * threads. 0: none. */
    size_t (*scratch)(const vl_model *m, int32_t B, int64_t T, int threads);

    /* logits: (B,K) row-major. batch ids must lie in [0, vl_model.inputs). A text's logits do not
     * depend on the other texts of the batch, nor on the number of threads. */
    vl_status (*forward)(const vl_model *m, const vl_batch *batch, const vl_run *run,
                         float *logits);

    /* Of a batch of one text: what each entry adds to class k's logit, out (T); what is left, *bias.
     * NULL: the model's logits are no sums (such models are explained by leaving words out). */
    void (*contributions)(const vl_model *m, const vl_batch *batch, int32_t k, float *out,
                          float *bias);

    /* Writes the model down as neutral operators, for export. VALENCE_UNSUPPORTED if it cannot. */
    vl_status (*describe)(const vl_model *m, vl_graph *graph, valence_error *error);

    void (*close)(vl_model *m);
} vl_model_class;

/* The head of every model; the family's own struct begins with it. */
struct vl_model {
    const vl_model_class *class;
    int32_t K;      /* classes */
    int32_t inputs; /* ids are below this */
    int32_t longest; /* entries of one text; 0: any number, also none. Else at least one */
    int32_t part;    /* entries that one pass takes well: more texts gain nothing; 0: any number */
    bool multi_label; /* classes do not exclude each other: a sigmoid each, no softmax */
};

/* Builds by the store's metadata key "family". Unknown family: VALENCE_UNSUPPORTED. */
vl_status vl_model_build(vl_model **out, const vl_store *store, valence_error *error);
void vl_model_close(vl_model *m); /* NULL is fine */

#endif
