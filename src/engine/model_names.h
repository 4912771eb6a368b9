/* model_names.h: the metadata features.names: how the strongest n-grams are spelt, which a model's
 * table knows as hashes only. Found in training (train/names.h), listed by terms.c; no prediction
 * depends on it. */
#ifndef VL_MODEL_NAMES_H
#define VL_MODEL_NAMES_H

#include "base/store.h"

enum { VL_NAMES_MAX = 65536, VL_NAME_BYTES = 255 };

typedef struct vl_name {
    int32_t slot;
    const char *text; /* words with one blank between, at most VL_NAME_BYTES */
} vl_name;

/* *names: (count) in rising order of slots, one block with its texts, freed by vl_free; NULL and 0
 * for a file without names. Every slot lies in [0, slots). */
vl_status vl_model_names_read(vl_name **names, int64_t *count, const vl_store *store, int64_t slots,
                              valence_error *error);

/* names: in rising order of slots, at most VL_NAMES_MAX. Sets nothing where there are none. */
vl_status vl_model_names_write(vl_store *store, const vl_name *names, int64_t count,
                               valence_error *error);

/* The name of a slot, or NULL. */
const char *vl_model_names_find(const vl_name *names, int64_t count, int32_t slot);

#endif
