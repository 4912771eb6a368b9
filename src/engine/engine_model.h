/* engine_model.h: what valence_model is inside: a model with its text pipeline, labels, calibration
 * and rules for deciding. Constant once open, but for what lock guards. */
#ifndef VL_ENGINE_MODEL_H
#define VL_ENGINE_MODEL_H

#include <pthread.h>

#include "base/mapped_file.h"
#include "base/store.h"
#include "engine/model_names.h"
#include "formats/hf_directory.h"
#include "models/model.h"
#include "text/features.h"
#include "text/token_windows.h"

enum { VL_RESERVE = 64 };

struct valence_model {
    vl_mapped_file file; /* data NULL: the bytes are the embedded model's, or there is a folder */
    vl_span bytes;
    vl_hf_directory folder; /* of a Hugging Face model; then store is its */
    vl_store *store;
    vl_features features;    /* of linear models */
    vl_tokenizer *tokenizer; /* of the others, else NULL */
    vl_window_rule windows;  /* likewise */
    valence_truncation truncation;
    int threads;             /* of one call */
    vl_model *model;
    char **labels; /* (K) */
    float temperature;
    int32_t neutral; /* index of the label "neutral", or -1 */
    double neutral_band, min_confidence; /* in force */
    double load_seconds;
    char *name, *path;
    pthread_mutex_t lock;
    valence_context *reserve[VL_RESERVE]; /* idle contexts of valence_predict */
    int reserved;
    vl_name *names; /* (name_count) as terms.c reads them at the first call */
    int64_t name_count;
    bool names_read;
};

/* Makes a model of bytes already in memory (file->data NULL) or of a mapping, which it takes over
 * even on failure. name and path are for messages and info. */
vl_status vl_engine_model_make(valence_model **out, vl_mapped_file *file, vl_span bytes,
                               const char *name, const char *path,
                               const valence_model_options *options, valence_error *error);

/* The same of a Hugging Face folder. */
vl_status vl_engine_model_make_of_folder(valence_model **out, const char *name, const char *path,
                                         const valence_model_options *options, valence_error *error);

/* VALENCE_IO if a page of the model's file was gone when a prediction read it: ask after predicting. */
vl_status vl_engine_model_check(const valence_model *m, valence_error *error);

#endif
