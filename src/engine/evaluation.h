/* evaluation.h: figures of merit from predictions and true labels. A vl_evaluation belongs to one
 * thread; threads' sums are merged at the end.
 *
 * Sums take the same few kilobytes however many texts there are. Some figures need each text's scores
 * (choosing among fewer classes, average precision, curves): these are kept in a room that all threads
 * share, and once it is full those figures are not given. */
#ifndef VL_EVALUATION_H
#define VL_EVALUATION_H

#include <stdint.h>

#include "base/buffer.h"

enum {
    VL_EVAL_BINS = 15,
    VL_EVAL_CONFUSION_MAX = 64, /* classes with a whole confusion matrix and all their scores kept */
    VL_EVAL_ROOM = 64 << 20     /* bytes of kept scores: 5 million texts of two classes */
};

typedef struct vl_evaluation {
    int32_t K;
    int64_t examples, right;
    int64_t *hit, *said, *is; /* (K) each: right ones, predictions, true labels of each class */
    int64_t *confusion;       /* (K,K) true x predicted; NULL for K > VL_EVAL_CONFUSION_MAX */
    double log_loss;          /* sum of -log p(true label) */
    int64_t bin_count[VL_EVAL_BINS]; /* by the predicted class' probability */
    int64_t bin_right[VL_EVAL_BINS];
    double bin_score[VL_EVAL_BINS];
    float min_confidence; /* set it after init: below it the model abstains; 0: never */
    int64_t answered, answered_right; /* where it does not */
    _Atomic int64_t *room; /* bytes that may still be kept, by all that share it; NULL: keep nothing */
    vl_buffer kept;        /* rows of floats: label, K probabilities; beyond VL_EVAL_CONFUSION_MAX
                            * classes: label, predicted class, its probability */
} vl_evaluation;

vl_status vl_evaluation_init(vl_evaluation *e, int32_t K, _Atomic int64_t *room,
                             valence_error *error);
void vl_evaluation_release(vl_evaluation *e); /* zeroed struct is fine */

/* probabilities (K), label in [0, K). */
vl_status vl_evaluation_add(vl_evaluation *e, const float *probabilities, int32_t label);
vl_status vl_evaluation_merge(vl_evaluation *to, const vl_evaluation *from);

typedef struct vl_figures {
    double accuracy, macro_f1; /* macro-F1 over the classes that occur in the data */
    double ece;                /* expected calibration error, 15 equal bins (Guo et al. 2017) */
    double log_loss;
    double confidence;         /* mean probability of the predicted class */
    double coverage;           /* share of texts answered with min_confidence */
    double selective_accuracy; /* of those */
    int32_t classes_present;
    bool restricted;            /* fewer classes in the data than in the model, and >= 2: */
    double restricted_accuracy; /* the best of those classes only */
    double restricted_macro_f1;
} vl_figures;

vl_figures vl_evaluation_figures(const vl_evaluation *e);

/* Precision, recall, F1 of class k; 0 where undefined. */
void vl_evaluation_class(const vl_evaluation *e, int32_t k, double *precision, double *recall,
                         double *f1);

/* ---- From kept scores ------------------------------------------------------------------------ */

/* True if every text's row was kept. */
bool vl_evaluation_kept(const vl_evaluation *e);

/* One key (ranking.h) for each text, sorted; *keys is the caller's, to vl_free. Needs
 * vl_evaluation_kept. Of class k (K <= VL_EVAL_CONFUSION_MAX): its probability, and whether it is the
 * label. Of confidence: the predicted class' probability, and whether it is right. */
vl_status vl_evaluation_rank_class(uint32_t **keys, const vl_evaluation *e, int32_t k,
                                   valence_error *error);
vl_status vl_evaluation_rank_confidence(uint32_t **keys, const vl_evaluation *e,
                                        valence_error *error);

/* The n classes with the most wrong texts, as label or prediction, in the model's order; counts (n,n)
 * true x predicted among them. n <= K. With the confusion matrix, or vl_evaluation_kept. */
vl_status vl_evaluation_most_confused(int32_t *classes, int64_t *counts, int32_t n,
                                      const vl_evaluation *e, valence_error *error);

#endif
