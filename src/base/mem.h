/* mem.h: the one place that calls malloc. Every block has a category, so that --memory and /metrics
 * can say where the bytes are, and tests can make the n-th allocation fail.
 * Blocks are 64-byte aligned and belong to the caller until vl_free. Any thread. */
#ifndef VL_MEM_H
#define VL_MEM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* category, name shown to people */
#define VL_MEM_LIST(X)                                                                             \
    X(MODEL, "model")                                                                              \
    X(BATCH, "batch")                                                                              \
    X(REQUEST, "request")                                                                          \
    X(CACHE, "cache")                                                                              \
    X(TRAINING, "training")                                                                        \
    X(IO, "io")

typedef enum vl_mem_category {
#define VL_MEM_ENUM(name, text) VL_MEM_##name,
    VL_MEM_LIST(VL_MEM_ENUM)
#undef VL_MEM_ENUM
        VL_MEM_CATEGORIES
} vl_mem_category;

/* Uninitialised / zeroed block of size bytes (size 0 gives a valid block), or NULL. */
void *vl_alloc(vl_mem_category category, size_t size);
void *vl_alloc_zero(vl_mem_category category, size_t size);

/* count * size bytes, NULL when the product overflows. */
void *vl_alloc_array(vl_mem_category category, size_t count, size_t size);

/* Grows or shrinks block (NULL: a new one of that category). On failure NULL, block unchanged. */
void *vl_realloc(vl_mem_category category, void *block, size_t size);

/* block may be NULL. */
void vl_free(void *block);

/* A copy of len bytes with a NUL behind. */
char *vl_copy_string(vl_mem_category category, const char *text, size_t len);

typedef struct vl_mem_usage {
    int64_t current;     /* bytes asked for and not yet freed */
    int64_t peak;        /* the largest current so far */
    int64_t allocations; /* calls so far */
} vl_mem_usage;

const char *vl_mem_name(vl_mem_category category);
vl_mem_usage vl_mem_usage_of(vl_mem_category category);
vl_mem_usage vl_mem_usage_total(void);

/* For tests: the n-th allocation from now (1 = the next) and all later ones fail; 0 = none. */
void vl_mem_fail_from(int64_t n);

/* For tests: only the n-th fails: nobody may take it for an answer. True once it has failed. */
void vl_mem_fail_only(int64_t n);
bool vl_mem_has_failed(void);

#endif
