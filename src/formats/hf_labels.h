/* hf_labels.h: the class names of a config.json, in the order of the logits. */
#ifndef VL_HF_LABELS_H
#define VL_HF_LABELS_H

#include "base/json.h"
#include "base/store.h"

/* Sets `labels` in store and *K (at least 2) from the document's id2label, else label2id, else
 * num_labels (LABEL_0, LABEL_1, ..), else two. VALENCE_FORMAT when ids are not 0..K-1;
 * VALENCE_UNSUPPORTED for a single label: a regression or a ranking. */
vl_status vl_hf_labels_read(int32_t *K, vl_store *store, vl_json config, valence_error *error);

#endif
