/* dataset.h: a set of data as named on the command line: FILE[@MAP][:weight=W].
 * MAP is `0=negative,1=positive`: labels on the left are called what stands on the right; `3=`
 * drops the rows of label 3; a label that is not in a given MAP is an error. W > 0 weights the
 * set's rows. A FILE whose name holds '@' or ':' is meant if a file of that whole name exists. */
#ifndef VL_DATASET_H
#define VL_DATASET_H

#include "base/span.h"
#include "base/status.h"

typedef struct vl_label_pair {
    vl_span from, to; /* to.len 0: drop */
} vl_label_pair;

typedef struct vl_dataset_spec {
    char *path;
    vl_label_pair *pairs; /* (pair_count) */
    int pair_count;       /* 0: no MAP, labels stay as they are */
    double weight;
    char *storage; /* what the spans point into */
} vl_dataset_spec;

/* Copies the text. VALENCE_ARGUMENT for a MAP or weight that cannot be read. Does not open FILE. */
vl_status vl_dataset_parse(vl_dataset_spec *d, const char *text, valence_error *error);
void vl_dataset_release(vl_dataset_spec *d); /* zeroed struct is fine */

/* The name a label is to have. out->ptr NULL: the row has no label or is dropped. VALENCE_NOT_FOUND
 * (naming label and file) if there is a MAP and the label is not in it. *out lives as long as
 * label and d. */
vl_status vl_dataset_label(const vl_dataset_spec *d, vl_span label, vl_span *out,
                           valence_error *error);

#endif
