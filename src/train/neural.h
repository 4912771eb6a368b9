/* neural.h: trains an LSTM or a transformer: labelled texts in, model file's store out, as
 * classic.h does for the classic families. */
#ifndef VL_NEURAL_H
#define VL_NEURAL_H

#include "train/classic.h"
#include "train/fit.h"
#include "train/lstm_net.h"
#include "train/transformer_net.h"
#include "train/wordpieces.h"

typedef enum vl_neural_kind {
    VL_NEURAL_LSTM,
    VL_NEURAL_TRANSFORMER,
    VL_NEURAL_LANGUAGE /* an LSTM without labels, for another to begin with */
} vl_neural_kind;

typedef struct vl_neural_options {
    vl_neural_kind kind;
    int32_t longest; /* tokens of a text that are read in training */
    int64_t holdout; /* texts kept apart where there is no dev data; -1: a tenth, at most 5000 */
    vl_wordpieces_options pieces; /* where no word vectors are given */
    /* V and K are filled in here, and the width of token vectors where they are given. H may be 0:
       as what is begun with has it, else 128. */
    vl_lstm_net_options lstm;
    vl_transformer_net_options encoder; /* longest is the one above */
    vl_fit_options fit;
    bool continues; /* words is a whole model of the same shape and labels: all of it is begun with
                     */
} vl_neural_options;

vl_neural_options vl_neural_defaults(vl_neural_kind kind);

typedef struct vl_neural_report {
    vl_classic_report classic; /* what the card takes */
    vl_fit_result fit;         /* release it */
    int64_t parameters;
    int64_t empty; /* texts without a token, left out */
} vl_neural_report;

/* words: a store of word_vectors.h, whose first LSTM layer an LSTM takes over, too, if it has one;
 * or NULL: a vocabulary of the texts and random vectors. dev: NULL: texts are held out. The store
 * gets tensors and all metadata but card and checksum. */
vl_status vl_neural_train(vl_store *store, vl_neural_report *report, const vl_corpus *corpus,
                          const vl_corpus *dev, const vl_store *words,
                          const vl_neural_options *options, vl_workers *workers,
                          valence_error *error);

#endif
