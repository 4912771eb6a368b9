/* model_config.h: what a model file says besides its tensors: text pipeline, labels, calibration,
 * checksum. Written by train/, read by model_open.c; the keys are listed in docs/format.md. */
#ifndef VL_MODEL_CONFIG_H
#define VL_MODEL_CONFIG_H

#include "base/store.h"
#include "text/features.h"

#define VL_MODEL_FORMAT "valence.model.1"

/* The text pipeline alone: text.passes, text.words, text.features, text.ngrams. Reading leaves the
 * table empty. */
vl_status vl_model_config_read_text(vl_features *f, const vl_store *store, valence_error *error);
vl_status vl_model_config_write_text(vl_store *store, const vl_features *f, valence_error *error);

/* f->table points into the store's tensor features.fingerprints. */
vl_status vl_model_config_read_features(vl_features *f, const vl_store *store, valence_error *error);

/* The pipeline's metadata and a copy of the fingerprints. */
vl_status vl_model_config_write_features(vl_store *store, const vl_features *f,
                                         valence_error *error);

/* *names: one block of K pointers and their strings, freed by vl_free. */
vl_status vl_model_config_read_labels(char ***names, int32_t *K, const vl_store *store,
                                      valence_error *error);
vl_status vl_model_config_write_labels(vl_store *store, const char *const *names, int32_t K,
                                       valence_error *error);

/* calibration.temperature; 1 if the file has none. */
vl_status vl_model_config_read_temperature(float *temperature, const vl_store *store,
                                           valence_error *error);

/* decision.min_confidence: below this probability the model abstains; 0 (never) if the file has none. */
vl_status vl_model_config_read_min_confidence(double *least, const vl_store *store,
                                              valence_error *error);

/* A number over all tensors and metadata but the checksum itself, as 16 hexadecimal digits. */
vl_status vl_model_config_write_checksum(vl_store *store, valence_error *error);
vl_status vl_model_config_check(const vl_store *store, valence_error *error);
vl_status vl_model_config_check_sum(const vl_store *store, valence_error *error); /* only the number */

#endif
