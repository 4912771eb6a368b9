/* store.h: named tensors and string metadata: what models are built from and what formats read and
 * write, so that neither knows the other. Tensor data is borrowed unless added with _copy; it must
 * outlive the store. Names and metadata are copied. What _find, _at and _expect give is valid until
 * _close; a metadata value until it is set anew. Reading from any thread. */
#ifndef VL_STORE_H
#define VL_STORE_H

#include <stdint.h>

#include "base/mem.h"
#include "base/span.h"

/* name, safetensors' spelling, bytes per element */
#define VL_DTYPE_LIST(X)                                                                           \
    X(BOOL, "BOOL", 1)                                                                             \
    X(U8, "U8", 1)                                                                                 \
    X(I8, "I8", 1)                                                                                 \
    X(U16, "U16", 2)                                                                               \
    X(I16, "I16", 2)                                                                               \
    X(F16, "F16", 2)                                                                               \
    X(BF16, "BF16", 2)                                                                             \
    X(U32, "U32", 4)                                                                               \
    X(I32, "I32", 4)                                                                               \
    X(F32, "F32", 4)                                                                               \
    X(U64, "U64", 8)                                                                               \
    X(I64, "I64", 8)                                                                               \
    X(F64, "F64", 8)

typedef enum vl_dtype {
#define VL_DTYPE_ENUM(name, text, size) VL_##name,
    VL_DTYPE_LIST(VL_DTYPE_ENUM)
#undef VL_DTYPE_ENUM
        VL_DTYPES
} vl_dtype;

size_t vl_dtype_size(vl_dtype dtype);
const char *vl_dtype_name(vl_dtype dtype);
vl_status vl_dtype_parse(vl_dtype *out, vl_span name); /* VALENCE_UNSUPPORTED if unknown */

enum { VL_MAX_RANK = 8 };

typedef struct vl_tensor {
    const char *name; /* the store's copy */
    vl_dtype dtype;
    int rank;
    int64_t shape[VL_MAX_RANK];
    const void *data; /* row-major, little-endian */
    size_t bytes;     /* product(shape) * element size */
} vl_tensor;

/* product(shape) * element size; false when the rank is not 0..8, a dimension is negative, or the
 * product of the non-zero dimensions overflows. */
bool vl_tensor_size(const vl_tensor *t, size_t *bytes);

/* "[2, *, 3]"; negative dimensions become a star. */
enum { VL_SHAPE_TEXT = 192 };
void vl_shape_text(char out[VL_SHAPE_TEXT], int rank, const int64_t *shape);

typedef struct vl_store vl_store;

vl_status vl_store_open(vl_store **out, valence_error *error);
void vl_store_close(vl_store *s); /* NULL is fine */

/* Adds a tensor; shape's product and bytes must agree (VALENCE_ARGUMENT), the name must be new. */
vl_status vl_store_add(vl_store *s, const vl_tensor *tensor, valence_error *error);
/* The same, the store keeps its own copy of the data. */
vl_status vl_store_add_copy(vl_store *s, const vl_tensor *tensor, valence_error *error);

/* NULL if there is none of that name. The i-th in order of adding. */
const vl_tensor *vl_store_find(const vl_store *s, const char *name);
size_t vl_store_count(const vl_store *s);
const vl_tensor *vl_store_at(const vl_store *s, size_t i);

/* The tensor of that name with that type and shape (rank entries; -1: any size), or VALENCE_FORMAT
 * with a message that names it. dtype VL_DTYPES: any type. */
vl_status vl_store_expect(const vl_store *s, const char *name, vl_dtype dtype, int rank,
                          const int64_t *shape, const vl_tensor **out, valence_error *error);

/* Metadata, strings without NUL: set replaces. get gives NULL if missing. */
vl_status vl_store_set(vl_store *s, const char *key, vl_span value, valence_error *error);
const char *vl_store_get(const vl_store *s, const char *key);
size_t vl_store_meta_count(const vl_store *s);
void vl_store_meta_at(const vl_store *s, size_t i, const char **key, const char **value);

#endif
