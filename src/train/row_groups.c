/* row_groups.c: a counting sort over the ids that occur. */
#include "train/row_groups.h"

#include <assert.h>

vl_status vl_row_groups_init(vl_row_groups *g, int32_t ids_below)
{
    *g = (vl_row_groups){.ids_below = ids_below};
    g->slot = vl_alloc_array(VL_MEM_TRAINING, (size_t)ids_below + 1, sizeof *g->slot);
    if (!g->slot) return VALENCE_NO_MEMORY;
    for (int32_t i = 0; i < ids_below; i++) g->slot[i] = -1;
    return VALENCE_OK;
}

void vl_row_groups_release(vl_row_groups *g)
{
    vl_free(g->slot);
    vl_free(g->ids);
    vl_free(g->starts);
    vl_free(g->places);
    vl_free(g->group_of);
    *g = (vl_row_groups){0};
}

static vl_status grow(vl_row_groups *g, int64_t n)
{
    if (n <= g->capacity && g->ids) return VALENCE_OK;
    int32_t **arrays[] = {&g->ids, &g->starts, &g->places, &g->group_of};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        vl_free(*arrays[i]);
        *arrays[i] = vl_alloc_array(VL_MEM_TRAINING, (size_t)n + 1, sizeof(int32_t));
    }
    g->capacity = 0;
    if (!g->ids || !g->starts || !g->places || !g->group_of) return VALENCE_NO_MEMORY;
    g->capacity = n;
    return VALENCE_OK;
}

vl_status vl_row_groups_make(vl_row_groups *g, const int32_t *ids, int64_t n)
{
    assert(n < INT32_MAX);
    VL_TRY(grow(g, n));
    g->count = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t *slot = &g->slot[ids[i]];
        if (*slot < 0) {
            *slot = g->count;
            g->ids[g->count] = ids[i];
            g->starts[g->count++] = 0;
        }
        g->group_of[i] = *slot;
        g->starts[*slot]++;
    }
    int32_t at = 0;
    for (int32_t k = 0; k < g->count; k++) {
        int32_t size = g->starts[k];
        g->starts[k] = at;
        at += size;
        g->slot[g->ids[k]] = -1;
    }
    for (int64_t i = 0; i < n; i++) g->places[g->starts[g->group_of[i]]++] = (int32_t)i;
    for (int32_t k = g->count; k > 0; k--) g->starts[k] = g->starts[k - 1];
    g->starts[0] = 0;
    return VALENCE_OK;
}
