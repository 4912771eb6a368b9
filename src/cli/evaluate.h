/* evaluate.h: a model on labelled data sets: what eval shows and quantize compares. */
#ifndef VL_EVALUATE_H
#define VL_EVALUATE_H

#include "data/dataset.h"
#include "data/source.h"
#include "engine/evaluation.h"
#include "valence.h"

typedef struct cli_evaluated {
    /* To be set: */
    const valence_model *model;
    vl_source_options source;
    int threads;      /* 0: all processors */
    bool keep_scores; /* for average precision and curves */
    /* What was found: */
    valence_model_info info;
    vl_evaluation sum;
    double seconds;
    uint64_t unlabelled, bad_rows, rows;
    /* Inside: */
    vl_dataset_spec spec;
    _Atomic int64_t room; /* for kept scores, all threads' */
} cli_evaluated;

/* Runs the model over all sets (count), each a FILE or FILE@MAP; e->sum is the caller's to release,
 * also after a failure. VALENCE_ARGUMENT if there is no labelled text. */
vl_status cli_evaluate(cli_evaluated *e, char *const *data, int count, valence_error *error);

#endif
