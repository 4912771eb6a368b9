/* labels.h: the set of label names met in data, each with an index, and their final order. The set
 * copies names and owns them. One thread adds; then any may look up. */
#ifndef VL_LABELS_H
#define VL_LABELS_H

#include "base/strmap.h"

enum { VL_MAX_LABELS = 1000 * 1000, VL_MAX_LABEL_BYTES = 64 << 10 };

typedef struct vl_labels {
    vl_strmap index;
    vl_span *names; /* (count) each with a NUL behind */
    int32_t count, capacity;
} vl_labels;

void vl_labels_init(vl_labels *l);
void vl_labels_release(vl_labels *l); /* zeroed struct is fine */

/* Index of the name, which is added if it is new. VALENCE_LIMIT past VL_MAX_LABELS names. */
vl_status vl_labels_add(vl_labels *l, vl_span name, int32_t *index, valence_error *error);

/* -1: there is none. */
int32_t vl_labels_find(const vl_labels *l, vl_span name);

/* Sorts: by value if all names are integers, else by bytes. moved[old index] = new index.
 * moved: (count). */
vl_status vl_labels_sort(vl_labels *l, int32_t *moved, valence_error *error);

#endif
