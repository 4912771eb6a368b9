/* row_groups.h: which of many gradient rows belong to one row of a table: the sparse gradient of an
 * embedding. Places 0..n-1 are sorted by id, in order of place within an id: a sum over a group has
 * one order, whoever computes it. The caller holds the struct; memory is kept from batch to batch.
 */
#ifndef VL_ROW_GROUPS_H
#define VL_ROW_GROUPS_H

#include "base/buffer.h"

typedef struct vl_row_groups {
    int32_t ids_below; /* ids are below this */
    int32_t *slot;     /* (ids_below) group of an id, or -1; all -1 between two batches */
    int32_t *ids;      /* (count) the id of each group, in order of first place */
    int32_t *starts;   /* (count+1) */
    int32_t *places;   /* (n) */
    int32_t *group_of; /* (n) by place */
    int32_t count;
    int64_t capacity;
} vl_row_groups;

vl_status vl_row_groups_init(vl_row_groups *g, int32_t ids_below);
void vl_row_groups_release(vl_row_groups *g); /* zeroed struct is fine */

/* ids: (n). VALENCE_NO_MEMORY only when n is more than ever before. */
vl_status vl_row_groups_make(vl_row_groups *g, const int32_t *ids, int64_t n);

#endif
