/* net.h: a network as the training loop sees it: a vector of parameters with names, a table of
 * token vectors beside it (whose gradient is sparse), and a way there and back over some texts.
 * Ownership: a net owns its parameters. During a step they are read by all threads and written by
 * none; what a pass needs lies in scratch of the caller's. */
#ifndef VL_NET_H
#define VL_NET_H

#include "base/store.h"
#include "base/hash.h"

enum { VL_PARAMETERS_MAX = 256, VL_PARAMETER_NAME = 64 };

typedef struct vl_parameter {
    char name[VL_PARAMETER_NAME]; /* the tensor's in the model file */
    int rank;
    int64_t shape[2];
    int64_t offset, count; /* place in the vector */
    bool decays;           /* matrices do, norms and biases do not */
} vl_parameter;

/* Some texts of a batch. */
typedef struct vl_net_texts {
    const int32_t *ids;     /* (T) */
    const int32_t *offsets; /* (B+1), from 0; no text is empty */
    int32_t B;
    int64_t first_text,
        first_token; /* their places in the batch: dropout's numbers follow from them */
    bool learning;   /* dropout */
    uint64_t seed, step;
} vl_net_texts;

typedef struct vl_net vl_net;

/* How well a network guessed what it was to learn. */
typedef struct vl_net_score {
    double loss; /* summed */
    int64_t guesses, right;
} vl_net_score;

typedef struct vl_net_class {
    const char *family;
    /* Floats of scratch for a pass over at most B texts with T tokens. */
    size_t (*scratch)(const vl_net *net, int32_t B, int64_t T);
    /* logits: (B,K) */
    void (*forward)(const vl_net *net, const vl_net_texts *texts, float *logits, float *scratch);
    /* After forward with the same scratch. Adds to gradient (size of the vector); sets rows: (T,E),
     * the gradient by each token's vector. */
    void (*back)(const vl_net *net, const vl_net_texts *texts, const float *dlogits,
                 float *gradient, float *rows, float *scratch);
    /* Of networks that learn from texts alone, in place of the two above: NULL elsewhere. gradient
     * and rows likewise, of the loss times scale; gradient NULL: only the score. */
    vl_net_score (*learn)(const vl_net *net, const vl_net_texts *texts, float scale,
                          float *gradient, float *rows, float *scratch);
    void (*close)(vl_net *net);
} vl_net_class;

/* The head of every network; the family's own struct begins with it. */
struct vl_net {
    const vl_net_class *class;
    int32_t V, E, K;
    uint64_t options; /* hash of what the parameters do not show: a checkpoint goes with it */
    float *table;     /* (V,E) "embeddings.word" */
    float *vector;    /* (size) */
    int64_t size;
    vl_parameter parameters[VL_PARAMETERS_MAX];
    int parameter_count;
};

/* ---- For the families --------------------------------------------------------------------------
 */

/* Cuts floats off a block of scratch, each piece at a cache line; block NULL: only counts. */
static inline float *vl_net_cut(float *block, size_t *used, size_t floats)
{
    float *p = block ? block + *used : NULL;
    *used += (floats + 15) / 16 * 16;
    return p;
}

/* Adds a parameter of the vector's; returns its place. Rank 1: columns 0. */
int64_t vl_net_add(vl_net *net, const char *name, int64_t rows, int64_t columns);

/* What options is, of (count) numbers. */
uint64_t vl_net_options_of(const double *numbers, size_t count);

/* Allocates vector and table, all zero. */
vl_status vl_net_allocate(vl_net *net, valence_error *error);
void vl_net_release(vl_net *net);

/* Fills a parameter with numbers even in [-range, range), of the seed and the parameter's name. */
void vl_net_fill(vl_net *net, int64_t offset, float range, uint64_t seed);

/* The table from vectors (V,E) of type F32, or random with that root mean square (NULL). */
vl_status vl_net_fill_table(vl_net *net, const vl_tensor *vectors, float scale, uint64_t seed,
                            valence_error *error);

/* The parameters of a store that has them all, as F32; another network's have other names or
 * shapes. */
vl_status vl_net_read(vl_net *net, const vl_store *store, valence_error *error);

/* Those whose name begins so, which the store must all have, as F32 in the same shape. */
vl_status vl_net_read_part(vl_net *net, const vl_store *store, const char *begins,
                           valence_error *error);

/* Adds all parameters as F32 tensors, which the store copies. */
vl_status vl_net_write(const vl_net *net, vl_store *store, valence_error *error);

static inline void vl_net_close(vl_net *net)
{
    if (net) net->class->close(net);
}

#endif
