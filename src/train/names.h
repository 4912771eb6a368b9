/* names.h: how the strongest n-grams of a trained model are spelt. The table knows them as hashes,
 * so texts go through the pipeline once more, and the words of those that are wanted are written
 * down.
 *
 * For each class the VL_NAMES_PER_CLASS n-grams that add most to its logit are named, fewer where
 * that would be more than VL_NAMES_WANTED in all (none at all above that many classes).
 *
 * Logistic regression finds all of them: its rows say which texts hold which n-gram. Naive Bayes
 * looks in the held-out texts alone, because merged counts (partial.h) have no others: there the
 * strongest of those that occur in them are named, whatever the order or the sharding of the texts.
 * Nor does the number of threads matter. */
#ifndef VL_NAMES_H
#define VL_NAMES_H

#include "base/store.h"
#include "engine/model_names.h"
#include "train/corpus.h"
#include "train/rows.h"
#include "train/vocabulary.h"

enum { VL_NAMES_PER_CLASS = 200, VL_NAMES_WANTED = 4096 };

typedef struct vl_naming {
    const vl_features *f;            /* the pipeline with the model's table */
    const vl_vocabulary *vocabulary; /* its slots and what is in them */
    const float *weight;             /* (slots,C) real units */
    const float *square;             /* (slots) with norm l2, or NULL */
    int32_t K, C;
    const vl_corpus *corpus;
    const vl_rows *rows;  /* of the whole corpus, transposed; NULL: read its held-out texts alone */
    const vl_name *known; /* (known_count) names of a model that is gone on from; they stay */
    int64_t known_count;
} vl_naming;

/* Adds the metadata of model_names.h, if any name is found. */
vl_status vl_names_write(vl_store *store, const vl_naming *naming, vl_workers *workers,
                         valence_error *error);

#endif
