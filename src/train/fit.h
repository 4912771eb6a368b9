/* fit.h: trains a network on texts, labelled or, where it learns from texts alone (net.h), not:
 * epochs of shuffled batches, each cut into a fixed number of chunks that threads work on, whose
 * gradients are added in order. Same seed, same model to the bit, for any number of threads, and
 * after any number of kills: `checkpoint` holds all that goes on from there. */
#ifndef VL_FIT_H
#define VL_FIT_H

#include "train/batches.h"
#include "train/optimizer.h"

enum { VL_FIT_CHUNKS = 8 };

/* Texts of a corpus that are learnt from, or measured on. */
typedef struct vl_fit_set {
    const vl_token_corpus *texts;
    const int32_t *label; /* (texts->count) */
    const float *weight;  /* (texts->count) */
    const int64_t *index; /* (n) the set's texts */
    int64_t n;
} vl_fit_set;

typedef enum vl_schedule { VL_COSINE, VL_LINEAR } vl_schedule;

/* One line of the curve. */
typedef struct vl_fit_point {
    double step, epoch, tokens, seconds; /* texts' tokens and seconds so far */
    double rate, loss;                   /* mean of the training loss since the last line */
    double dev_loss, dev_accuracy;       /* of a text, or of a guess */
} vl_fit_point;

/* What a progress line needs; point is set where the network has just been measured. */
typedef struct vl_fit_progress {
    int64_t step;
    double share, epoch, loss, tokens_per_second, seconds_left,
        best_accuracy; /* best: -1 before the first */
    const vl_fit_point *point;
} vl_fit_progress;

typedef struct vl_fit_options {
    double epochs; /* may be a part of one */
    vl_batch_limits batch;
    float rate;    /* the largest */
    double warmup; /* share of all steps in which the rate rises */
    vl_schedule schedule;
    float smoothing; /* of the labels */
    int measures;    /* on dev, an epoch */
    int patience;    /* stop after so many measures without a gain; 0: never */
    uint64_t seed;
    vl_optimizer_options optimizer;
    const char *checkpoint; /* path, or NULL: none */
    double checkpoint_seconds;
    bool resume; /* go on from it where there is one */
    bool finish; /* with resume: learn no more, take what did best so far */
    /* After each step; not 0: write a checkpoint and stop. */
    int (*progress)(void *user, const vl_fit_progress *p);
    void *user;
} vl_fit_options;

vl_fit_options vl_fit_defaults(void);

typedef struct vl_fit_result {
    vl_fit_point *curve; /* (points), the caller's to vl_free */
    int64_t points;
    vl_fit_point best; /* the one whose parameters the network has */
    int64_t steps;
    double seconds, tokens; /* of all runs together; tokens learnt from */
    bool stopped_early;
    float *logits; /* (dev->n,K) of the best parameters, in dev's order; likewise the caller's. NULL
                      of networks that learn from texts alone */
} vl_fit_result;

/* Afterwards the network has the parameters that did best on dev. VALENCE_CANCELLED when progress
 * said so. Data that cannot be learnt from, or a loss that is no number, is an error that says what
 * to try. */
vl_status vl_fit(vl_net *net, const vl_fit_set *train, const vl_fit_set *dev,
                 const vl_fit_options *options, vl_workers *workers, vl_fit_result *result,
                 valence_error *error);
void vl_fit_result_release(vl_fit_result *r);

#endif
