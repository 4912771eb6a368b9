/* evaluation.h: figures of merit from predictions and true labels. A vl_evaluation belongs to one
 * thread; threads' sums are merged at the end. */
#ifndef VL_EVALUATION_H
#define VL_EVALUATION_H

#include <stdint.h>

#include "base/buffer.h"

enum { VL_EVAL_BINS = 15, VL_EVAL_CONFUSION_MAX = 64, VL_EVAL_KEPT_MAX = 1 << 22 };

typedef struct vl_evaluation {
    int32_t K;
    int64_t examples, right;
    int64_t *hit, *said, *is; /* (K) each: right ones, predictions, true labels of each class */
    int64_t *confusion;       /* (K,K) true x predicted; NULL for K > VL_EVAL_CONFUSION_MAX */
    double log_loss;          /* sum of -log p(true label) */
    int64_t bin_count[VL_EVAL_BINS]; /* by the predicted class' probability */
    int64_t bin_right[VL_EVAL_BINS];
    double bin_score[VL_EVAL_BINS];
    vl_buffer kept; /* K > 2: (label, K probabilities) of each example, to score fewer classes */
} vl_evaluation;

vl_status vl_evaluation_init(vl_evaluation *e, int32_t K, valence_error *error);
void vl_evaluation_release(vl_evaluation *e); /* zeroed struct is fine */

/* probabilities (K), label in [0, K). */
vl_status vl_evaluation_add(vl_evaluation *e, const float *probabilities, int32_t label);
vl_status vl_evaluation_merge(vl_evaluation *to, const vl_evaluation *from);

typedef struct vl_figures {
    double accuracy, macro_f1; /* macro-F1 over the classes that occur in the data */
    double ece;                /* expected calibration error, 15 equal bins (Guo et al. 2017) */
    double log_loss;
    int32_t classes_present;
    bool restricted;            /* fewer classes in the data than in the model, and >= 2: */
    double restricted_accuracy; /* the best of those classes only */
    double restricted_macro_f1;
} vl_figures;

vl_figures vl_evaluation_figures(const vl_evaluation *e);

/* Precision, recall, F1 of class k; 0 where undefined. */
void vl_evaluation_class(const vl_evaluation *e, int32_t k, double *precision, double *recall,
                         double *f1);

#endif
