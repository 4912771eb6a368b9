/* fit_state.c: the checkpoint is a safetensors file; numbers that are no tensors are one row of
 * doubles. */
#include "train/fit_state.h"

#include <stdio.h>
#include <string.h>

#include "base/mapped_file.h"
#include "formats/safetensors.h"

static const char format[] = "valence.checkpoint.1";

vl_status vl_fit_state_open(vl_fit_state *s, vl_net *net, const vl_optimizer_options *o,
                            valence_error *error)
{
    size_t size = (size_t)net->size * sizeof(float),
           table = (size_t)net->V * (size_t)net->E * sizeof(float);
    *s = (vl_fit_state){.net = net};
    vl_buffer_init(&s->curve, VL_MEM_TRAINING, (size_t)1 << 32);
    VL_TRY(vl_optimizer_open(&s->optimizer, net, o, error));
    s->best_vector = vl_alloc_zero(VL_MEM_TRAINING, size);
    s->best_table = vl_alloc_zero(VL_MEM_TRAINING, table);
    return s->best_vector && s->best_table ? VALENCE_OK
                                           : vl_fail_memory(error, size + table, "a training run");
}

void vl_fit_state_close(vl_fit_state *s)
{
    vl_optimizer_close(&s->optimizer);
    vl_free(s->best_vector);
    vl_free(s->best_table);
    vl_buffer_release(&s->curve);
}

/* ---- What is kept ---------------------------------------------------------------------------- */

enum { ARRAYS = 8, NUMBERS = 16, POINT = sizeof(vl_fit_point) / sizeof(double) };

typedef struct array {
    const char *name;
    float *data; /* NULL: the optimiser has none */
    int64_t n;
} array;

static void list_arrays(array a[ARRAYS], const vl_fit_state *s)
{
    int64_t size = s->net->size, table = (int64_t)s->net->V * s->net->E;
    const vl_optimizer *p = &s->optimizer;
    const array all[ARRAYS] = {{"vector", s->net->vector, size},
                               {"table", s->net->table, table},
                               {"mean", p->mean, size},
                               {"square", p->square, size},
                               {"table_mean", p->table_mean, table},
                               {"table_square", p->table_square, table},
                               {"best_vector", s->best_vector, size},
                               {"best_table", s->best_table, table}};
    memcpy(a, all, sizeof all);
}

/* Counts stay below 2^53. */
static void list_numbers(double n[NUMBERS], const vl_fit_state *s)
{
    const double all[NUMBERS] = {
        (double)s->epoch,   (double)s->batch, (double)s->since, s->loss,
        s->losses,          s->tokens,        s->seconds,       (double)s->optimizer.step,
        s->has_best ? 1 : 0};
    memcpy(n, all, sizeof all);
}

static void take_numbers(vl_fit_state *s, const double n[NUMBERS])
{
    s->epoch = (int64_t)n[0];
    s->batch = (int64_t)n[1];
    s->since = (int64_t)n[2];
    s->loss = n[3];
    s->losses = n[4];
    s->tokens = n[5];
    s->seconds = n[6];
    s->optimizer.step = (int64_t)n[7];
    s->has_best = n[8] > 0;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static vl_status add(vl_store *store, const char *name, vl_dtype dtype, int64_t rows,
                     int64_t columns, const void *data, valence_error *error)
{
    vl_tensor t = {.name = name, .dtype = dtype, .rank = 2, .shape = {rows, columns}, .data = data};
    t.bytes = (size_t)(rows * columns) * vl_dtype_size(dtype);
    return vl_store_add(store, &t, error);
}

static vl_status fill(vl_store *store, const vl_fit_state *s, const double *numbers,
                      valence_error *error)
{
    char fingerprint[32];
    array a[ARRAYS];
    list_arrays(a, s);
    snprintf(fingerprint, sizeof fingerprint, "%016llx", (unsigned long long)s->fingerprint);
    VL_TRY(vl_store_set(store, "format", vl_span_of(format), error));
    VL_TRY(vl_store_set(store, "fingerprint", vl_span_of(fingerprint), error));
    for (int i = 0; i < ARRAYS; i++)
        if (a[i].data) VL_TRY(add(store, a[i].name, VL_F32, 1, a[i].n, a[i].data, error));
    VL_TRY(add(store, "numbers", VL_F64, 1, NUMBERS, numbers, error));
    VL_TRY(add(store, "best", VL_F64, 1, POINT, &s->best, error));
    int64_t points = (int64_t)(s->curve.len / sizeof(vl_fit_point));
    return add(store, "curve", VL_F64, points, POINT, s->curve.data, error);
}

vl_status vl_fit_state_write(const vl_fit_state *s, const char *path, valence_error *error)
{
    double numbers[NUMBERS];
    vl_store *store;
    list_numbers(numbers, s);
    VL_TRY(vl_store_open(&store, error));
    vl_status status = fill(store, s, numbers, error);
    if (status == VALENCE_OK) status = vl_safetensors_write(store, path, error);
    vl_store_close(store);
    return status;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static vl_status check_owner(const vl_fit_state *s, const vl_store *store, const char *path,
                             valence_error *error)
{
    char fingerprint[32];
    const char *has = vl_store_get(store, "fingerprint"), *is = vl_store_get(store, "format");
    snprintf(fingerprint, sizeof fingerprint, "%016llx", (unsigned long long)s->fingerprint);
    if (!is || strcmp(is, format) != 0 || !has)
        return vl_fail(error, VALENCE_FORMAT, "'%s' is no checkpoint of a training run", path);
    if (strcmp(has, fingerprint) == 0) return VALENCE_OK;
    return vl_fail(error, VALENCE_ARGUMENT,
                   "'%s' is of a run with other data or options: give the same as then, or "
                   "leave out --resume to begin anew",
                   path);
}

static vl_status take(vl_fit_state *s, const vl_store *store, valence_error *error)
{
    const vl_tensor *t;
    array a[ARRAYS];
    list_arrays(a, s);
    for (int i = 0; i < ARRAYS; i++) {
        if (!a[i].data) continue;
        VL_TRY(
            vl_store_expect(store, a[i].name, VL_F32, 2, (const int64_t[]){1, a[i].n}, &t, error));
        memcpy(a[i].data, t->data, t->bytes);
    }
    VL_TRY(vl_store_expect(store, "best", VL_F64, 2, (const int64_t[]){1, POINT}, &t, error));
    memcpy(&s->best, t->data, t->bytes);
    VL_TRY(vl_store_expect(store, "curve", VL_F64, 2, (const int64_t[]){-1, POINT}, &t, error));
    vl_buffer_reset(&s->curve);
    if (vl_buffer_append(&s->curve, t->data, t->bytes) != VALENCE_OK)
        return vl_fail_memory(error, t->bytes, "the curve");
    VL_TRY(vl_store_expect(store, "numbers", VL_F64, 2, (const int64_t[]){1, NUMBERS}, &t, error));
    const double *n = t->data;
    for (int i = 0; i < NUMBERS; i++)
        if (!(n[i] >= -1 && n[i] < 0x1p53))
            return vl_fail(error, VALENCE_FORMAT, "the checkpoint is damaged");
    take_numbers(s, n);
    return VALENCE_OK;
}

vl_status vl_fit_state_read(vl_fit_state *s, const char *path, valence_error *error)
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
