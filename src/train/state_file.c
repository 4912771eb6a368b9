/* state_file.c: there and back. */
#include "train/state_file.h"

#include <stdio.h>
#include <string.h>

#include "base/mapped_file.h"
#include "formats/safetensors.h"

static const char format[] = "valence.checkpoint.1";

enum { HEX = 32 };

static void write_hex(char text[HEX], uint64_t number)
{
    snprintf(text, HEX, "%016llx", (unsigned long long)number);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static vl_status add(vl_store *store, const char *name, vl_dtype dtype, int64_t rows,
                     int64_t columns, const void *data, valence_error *error)
{
    vl_tensor t = {.name = name, .dtype = dtype, .rank = 2, .shape = {rows, columns}, .data = data};
    t.bytes = (size_t)(rows * columns) * vl_dtype_size(dtype);
    return vl_store_add(store, &t, error);
}

static vl_status fill(vl_store *store, const vl_state_file *s, valence_error *error)
{
    char fingerprint[HEX];
    write_hex(fingerprint, s->fingerprint);
    VL_TRY(vl_store_set(store, "format", vl_span_of(format), error));
    VL_TRY(vl_store_set(store, "fingerprint", vl_span_of(fingerprint), error));
    for (int i = 0; i < s->array_count; i++) {
        const vl_state_array *a = &s->arrays[i];
        if (a->data) VL_TRY(add(store, a->name, VL_F32, 1, a->n, a->data, error));
    }
    VL_TRY(add(store, "numbers", VL_F64, 1, s->number_count, s->numbers, error));
    if (!s->rows) return VALENCE_OK;
    int64_t rows = (int64_t)(s->rows->len / sizeof(double)) / s->columns;
    return add(store, "rows", VL_F64, rows, s->columns, s->rows->data, error);
}

vl_status vl_state_file_write(const vl_state_file *s, const char *path, valence_error *error)
{
    vl_store *store;
    VL_TRY(vl_store_open(&store, error));
    vl_status status = fill(store, s, error);
    if (status == VALENCE_OK) status = vl_safetensors_write(store, path, error);
    vl_store_close(store);
    return status;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static vl_status check_owner(const vl_state_file *s, const vl_store *store, const char *path,
                             valence_error *error)
{
    char fingerprint[HEX];
    const char *has = vl_store_get(store, "fingerprint"), *is = vl_store_get(store, "format");
    write_hex(fingerprint, s->fingerprint);
    if (!is || strcmp(is, format) != 0 || !has)
        return vl_fail(error, VALENCE_FORMAT, "'%s' is no checkpoint of a training run", path);
    if (strcmp(has, fingerprint) == 0) return VALENCE_OK;
    return vl_fail(error, VALENCE_ARGUMENT,
                   "'%s' is of a run with other data or options: give the same as then, or "
                   "leave out --resume to begin anew",
                   path);
}

static vl_status take_rows(const vl_state_file *s, const vl_store *store, valence_error *error)
{
    const vl_tensor *t;
    VL_TRY(vl_store_expect(store, "rows", VL_F64, 2, (const int64_t[]){-1, s->columns}, &t, error));
    vl_buffer_reset(s->rows);
    if (vl_buffer_append(s->rows, t->data, t->bytes) == VALENCE_OK) return VALENCE_OK;
    return vl_fail_memory(error, t->bytes, "the curve");
}

static vl_status take(const vl_state_file *s, const vl_store *store, valence_error *error)
{
    const vl_tensor *t;
    for (int i = 0; i < s->array_count; i++) {
        const vl_state_array *a = &s->arrays[i];
        if (!a->data) continue;
        VL_TRY(vl_store_expect(store, a->name, VL_F32, 2, (const int64_t[]){1, a->n}, &t, error));
        memcpy(a->data, t->data, t->bytes);
    }
    if (s->rows) VL_TRY(take_rows(s, store, error));
    const int64_t shape[] = {1, s->number_count};
    VL_TRY(vl_store_expect(store, "numbers", VL_F64, 2, shape, &t, error));
    memcpy(s->numbers, t->data, t->bytes);
    for (int i = 0; i < s->number_count; i++)
        if (!(s->numbers[i] >= -1 && s->numbers[i] < 0x1p53))
            return vl_fail(error, VALENCE_FORMAT, "the checkpoint is damaged");
    return VALENCE_OK;
}

vl_status vl_state_file_read(const vl_state_file *s, const char *path, valence_error *error)
{
    vl_mapped_file file;
    vl_store *store = NULL;
    vl_status status = vl_mapped_file_open(&file, path, error);
    if (status != VALENCE_OK) return status;
    status = vl_safetensors_read(&store, (vl_span){file.data, file.size}, path, error);
    if (status == VALENCE_OK) status = check_owner(s, store, path, error);
    if (status == VALENCE_OK) status = take(s, store, error);
    vl_store_close(store);
    vl_mapped_file_release(&file);
    return status;
}
