/* classic.h: trains naive Bayes and logistic regression: corpus in, model file's store out. */
#ifndef VL_CLASSIC_H
#define VL_CLASSIC_H

#include "base/store.h"
#include "engine/model_names.h"
#include "train/corpus.h"
#include "train/threshold.h"
#include "train/vocabulary.h"
#include "train/weighting.h"

/* A logistic model that is trained further: its table and weights, under the corpus' labels. Its
 * logits are where the new fit begins, and only what is added to them is held small. */
typedef struct vl_classic_base {
    vl_ngram_table table;
    const float *weight; /* (slots,C) real units */
    const float *bias;   /* (K) */
    float temperature;
    const vl_name *names; /* (name_count) of the table's n-grams, as far as they are known */
    int64_t name_count;
} vl_classic_base;

typedef struct vl_classic_options {
    bool logistic;        /* else naive Bayes */
    vl_features pipeline; /* passes, word_flags, max_n, counts; the table is made here */
    vl_vocabulary_options vocabulary;
    vl_weighting weighting;     /* of logistic regression */
    vl_linear_norm norm;        /* likewise */
    double alpha;               /* naive Bayes' smoothing of a class' n-gram counts */
    double cost;                /* logistic: weight of the loss against the regulariser */
    int max_iterations;
    double tolerance;           /* stop when the gradient has shrunk to this share */
    vl_dtype dtype;             /* of the stored weights: VL_I8, VL_F16, VL_F32 */
    int64_t holdout;            /* texts kept apart to calibrate on; -1: a tenth, at most 5000 */
    const vl_classic_base *base; /* logistic: the model to go on from, or NULL */
    double min_precision;       /* abstain so that this share of answers is right; 0: never abstain */
    void (*progress)(void *user, const char *stage, double share); /* or NULL */
    void *user;
} vl_classic_options;

/* The defaults of each family; chosen on IMDb's training half alone (docs/decisions.md). */
vl_classic_options vl_classic_defaults(bool logistic);

typedef struct vl_classic_report {
    int64_t examples, features, held_out;
    double held_out_accuracy, held_out_macro_f1; /* of texts the calibrated model had not seen */
    double temperature;
    vl_threshold threshold; /* chosen on the same texts, where min_precision asks for it */
    int iterations;
    bool converged;
    double count_seconds, fit_seconds;
} vl_classic_report;

/* Trains on the corpus. dev (NULL: none; same labels) takes the place of held-out texts. The store
 * gets tensors and all metadata but card and checksum. */
vl_status vl_classic_train(vl_store *store, vl_classic_report *report, const vl_corpus *corpus,
                           const vl_corpus *dev, const vl_classic_options *options,
                           vl_workers *workers, valence_error *error);

/* Only the held-out figures: trains without the held-out texts and scores them. No threshold. */
vl_status vl_classic_try(vl_classic_report *report, const vl_corpus *corpus, const vl_corpus *dev,
                         const vl_classic_options *options, vl_workers *workers,
                         valence_error *error);

/* What naive Bayes learns from: counts made anywhere (partial.h), of up to VL_COUNT_CLASSES classes. */
typedef struct vl_counted {
    const vl_counts *counts;
    const double *class_texts; /* (2,K) summed text weights: learnt from, held out */
    int64_t examples;          /* texts in all */
    const vl_corpus *held_out; /* all texts below VL_HELD_OUT_BELOW; its labels are the model's */
} vl_counted;

/* The model that vl_classic_train would make of the texts that were counted. */
vl_status vl_naive_bayes_train(vl_store *store, vl_classic_report *report, const vl_counted *counted,
                               const vl_classic_options *options, vl_workers *workers,
                               valence_error *error);

#endif
