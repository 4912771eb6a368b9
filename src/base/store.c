/* store.c: tensors and metadata in order of adding, found by name through a map. Tensors and names
 * live in an arena, so that what _find and _at give stays valid while more are added. */
#include "base/store.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/strmap.h"

enum { MAX_ENTRIES = 1 << 20, ARENA_BLOCK = 4096 };

typedef struct entry {
    char *key, *value; /* of metadata; the value is allocated singly, as it may be replaced */
} entry;

struct vl_store {
    vl_arena arena; /* tensors and names */
    vl_strmap tensor_index, meta_index;
    vl_tensor **tensors;
    void **copies; /* (tensors) data that belongs to the store, or NULL */
    entry *meta;
    size_t count, capacity, meta_count, meta_capacity;
};

static const struct {
    const char *name;
    size_t size;
} dtypes[VL_DTYPES] = {
#define DTYPE_ROW(name, text, size) {text, size},
    VL_DTYPE_LIST(DTYPE_ROW)
#undef DTYPE_ROW
};

size_t vl_dtype_size(vl_dtype dtype)
{
    return (unsigned)dtype < VL_DTYPES ? dtypes[dtype].size : 0;
}

const char *vl_dtype_name(vl_dtype dtype)
{
    return (unsigned)dtype < VL_DTYPES ? dtypes[dtype].name : "unknown";
}

vl_status vl_dtype_parse(vl_dtype *out, vl_span name)
{
    for (int i = 0; i < VL_DTYPES; i++)
        if (vl_span_is(name, dtypes[i].name)) return *out = (vl_dtype)i, VALENCE_OK;
    return VALENCE_UNSUPPORTED;
}

bool vl_tensor_size(const vl_tensor *t, size_t *bytes)
{
    size_t product = vl_dtype_size(t->dtype);
    if (product == 0 || t->rank < 0 || t->rank > VL_MAX_RANK) return false;
    bool empty = false, overflow = false;
    for (int i = 0; i < t->rank; i++) {
        if (t->shape[i] < 0) return false;
        if (t->shape[i] == 0) empty = true;
        else overflow |= __builtin_mul_overflow(product, (size_t)t->shape[i], &product);
    }
    *bytes = empty ? 0 : product;
    return !overflow;
}

vl_status vl_store_open(vl_store **out, valence_error *error)
{
    vl_store *s = *out = vl_alloc_zero(VL_MEM_MODEL, sizeof *s);
    if (!s) return vl_fail_memory(error, sizeof *s, "a tensor store");
    vl_arena_init(&s->arena, VL_MEM_MODEL, ARENA_BLOCK, (size_t)1 << 32);
    vl_strmap_init(&s->tensor_index, VL_MEM_MODEL, MAX_ENTRIES);
    vl_strmap_init(&s->meta_index, VL_MEM_MODEL, MAX_ENTRIES);
    return VALENCE_OK;
}

void vl_store_close(vl_store *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->count; i++) vl_free(s->copies[i]);
    for (size_t i = 0; i < s->meta_count; i++) vl_free(s->meta[i].value);
    vl_free(s->tensors);
    vl_free(s->copies);
    vl_free(s->meta);
    vl_strmap_release(&s->tensor_index);
    vl_strmap_release(&s->meta_index);
    vl_arena_release(&s->arena);
    vl_free(s);
}

static size_t larger(size_t capacity)
{
    return capacity ? capacity * 2 : 16;
}

/* Makes room for one more tensor; on failure an array may have become larger, which does no harm.
 */
static bool grow_tensors(vl_store *s)
{
    if (s->count < s->capacity) return true;
    size_t capacity = larger(s->capacity);
    vl_tensor **tensors = vl_realloc(VL_MEM_MODEL, s->tensors, capacity * sizeof *tensors);
    if (tensors) s->tensors = tensors;
    void **copies = vl_realloc(VL_MEM_MODEL, s->copies, capacity * sizeof *copies);
    if (copies) s->copies = copies;
    if (!tensors || !copies) return false;
    s->capacity = capacity;
    return true;
}

static bool grow_meta(vl_store *s)
{
    if (s->meta_count < s->meta_capacity) return true;
    size_t capacity = larger(s->meta_capacity);
    entry *meta = vl_realloc(VL_MEM_MODEL, s->meta, capacity * sizeof *meta);
    if (!meta) return false;
    s->meta = meta;
    s->meta_capacity = capacity;
    return true;
}

static vl_status check_tensor(const vl_store *s, const vl_tensor *t, valence_error *error)
{
    size_t bytes;
    if (!vl_tensor_size(t, &bytes))
        return vl_fail(error, VALENCE_ARGUMENT, "tensor '%.100s' has an impossible shape or type",
                       t->name);
    if (bytes != t->bytes || (bytes && !t->data))
        return vl_fail(error, VALENCE_ARGUMENT,
                       "tensor '%.100s' of %zu bytes needs %zu by its shape", t->name, t->bytes,
                       bytes);
    if (vl_store_find(s, t->name))
        return vl_fail(error, VALENCE_ARGUMENT, "tensor '%.100s' is there already", t->name);
    return VALENCE_OK;
}

/* Appends the tensor; own: memory that the store shall free, taken over on success only. */
static vl_status append(vl_store *s, const vl_tensor *tensor, void *own, valence_error *error)
{
    vl_span name = vl_span_of(tensor->name);
    vl_tensor *t = vl_arena_alloc(&s->arena, sizeof *t, _Alignof(vl_tensor));
    char *copy = vl_arena_copy_string(&s->arena, name.ptr, name.len);
    if (!t || !copy || !grow_tensors(s))
        return vl_fail_memory(error, sizeof *t + name.len, "a tensor's name");
    vl_status status = vl_strmap_put(&s->tensor_index, name, (int32_t)s->count);
    if (status != VALENCE_OK)
        return vl_fail(error, status, "cannot add tensor '%.100s': %s", tensor->name,
                       valence_status_text(status));
    *t = *tensor;
    t->name = copy;
    if (own) t->data = own;
    s->tensors[s->count] = t;
    s->copies[s->count++] = own;
    return VALENCE_OK;
}

vl_status vl_store_add(vl_store *s, const vl_tensor *tensor, valence_error *error)
{
    VL_TRY(check_tensor(s, tensor, error));
    return append(s, tensor, NULL, error);
}

vl_status vl_store_add_copy(vl_store *s, const vl_tensor *tensor, valence_error *error)
{
    VL_TRY(check_tensor(s, tensor, error));
    void *own = vl_alloc(VL_MEM_MODEL, tensor->bytes);
    if (!own) return vl_fail_memory(error, tensor->bytes, "a tensor");
    if (tensor->bytes) memcpy(own, tensor->data, tensor->bytes);
    vl_status status = append(s, tensor, own, error);
    if (status != VALENCE_OK) vl_free(own);
    return status;
}

const vl_tensor *vl_store_find(const vl_store *s, const char *name)
{
    int32_t i;
    return vl_strmap_get(&s->tensor_index, vl_span_of(name), &i) ? s->tensors[i] : NULL;
}

size_t vl_store_count(const vl_store *s)
{
    return s->count;
}

const vl_tensor *vl_store_at(const vl_store *s, size_t i)
{
    return s->tensors[i];
}

void vl_shape_text(char out[VL_SHAPE_TEXT], int rank, const int64_t *shape)
{
    int len = snprintf(out, VL_SHAPE_TEXT, "[");
    for (int i = 0; i < rank && i < VL_MAX_RANK; i++) {
        const char *comma = i ? ", " : "";
        size_t left = VL_SHAPE_TEXT - (size_t)len;
        if (shape[i] < 0) len += snprintf(out + len, left, "%s*", comma);
        else len += snprintf(out + len, left, "%s%lld", comma, (long long)shape[i]);
    }
    snprintf(out + len, VL_SHAPE_TEXT - (size_t)len, "]");
}

static bool shape_fits(const vl_tensor *t, int rank, const int64_t *shape)
{
    bool fits = t->rank == rank;
    for (int i = 0; fits && i < rank; i++) fits = shape[i] < 0 || shape[i] == t->shape[i];
    return fits;
}

vl_status vl_store_expect(const vl_store *s, const char *name, vl_dtype dtype, int rank,
                          const int64_t *shape, const vl_tensor **out, valence_error *error)
{
    const vl_tensor *t = vl_store_find(s, name);
    if (!t) return vl_fail(error, VALENCE_FORMAT, "tensor '%.100s' is missing", name);
    if (dtype != VL_DTYPES && t->dtype != dtype)
        return vl_fail(error, VALENCE_FORMAT, "tensor '%.100s' has type %s, expected %s", name,
                       vl_dtype_name(t->dtype), vl_dtype_name(dtype));
    if (!shape_fits(t, rank, shape)) {
        char has[VL_SHAPE_TEXT], wanted[VL_SHAPE_TEXT];
        vl_shape_text(has, t->rank, t->shape);
        vl_shape_text(wanted, rank, shape);
        return vl_fail(error, VALENCE_FORMAT, "tensor '%.100s' has shape %.120s, expected %.120s",
                       name, has, wanted);
    }
    *out = t;
    return VALENCE_OK;
}

static vl_status add_entry(vl_store *s, const char *key, char *value)
{
    vl_span name = vl_span_of(key);
    char *copy = vl_arena_copy_string(&s->arena, name.ptr, name.len);
    if (!copy || !grow_meta(s)) return VALENCE_NO_MEMORY;
    VL_TRY(vl_strmap_put(&s->meta_index, name, (int32_t)s->meta_count));
    s->meta[s->meta_count++] = (entry){copy, value};
    return VALENCE_OK;
}

vl_status vl_store_set(vl_store *s, const char *key, vl_span value, valence_error *error)
{
    char *copy = vl_copy_string(VL_MEM_MODEL, value.ptr, value.len);
    if (!copy) return vl_fail_memory(error, value.len, "metadata");
    int32_t i;
    if (vl_strmap_get(&s->meta_index, vl_span_of(key), &i)) {
        vl_free(s->meta[i].value);
        s->meta[i].value = copy;
        return VALENCE_OK;
    }
    vl_status status = add_entry(s, key, copy);
    if (status == VALENCE_OK) return VALENCE_OK;
    vl_free(copy);
    return vl_fail(error, status, "cannot add metadata '%.100s': %s", key,
                   valence_status_text(status));
}

const char *vl_store_get(const vl_store *s, const char *key)
{
    int32_t i;
    return vl_strmap_get(&s->meta_index, vl_span_of(key), &i) ? s->meta[i].value : NULL;
}

size_t vl_store_meta_count(const vl_store *s)
{
    return s->meta_count;
}

void vl_store_meta_at(const vl_store *s, size_t i, const char **key, const char **value)
{
    *key = s->meta[i].key;
    *value = s->meta[i].value;
}
