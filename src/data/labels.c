/* labels.c: names in order of appearance, found through a map; sorted once at the end. */
#include "data/labels.h"

#include <stdlib.h>

void vl_labels_init(vl_labels *l)
{
    *l = (vl_labels){.count = 0};
    vl_strmap_init(&l->index, VL_MEM_TRAINING, VL_MAX_LABELS);
}

void vl_labels_release(vl_labels *l)
{
    for (int32_t i = 0; i < l->count; i++) vl_free((void *)(uintptr_t)l->names[i].ptr);
    vl_free(l->names);
    vl_strmap_release(&l->index);
    vl_labels_init(l);
}

int32_t vl_labels_find(const vl_labels *l, vl_span name)
{
    int32_t index = -1;
    return vl_strmap_get(&l->index, name, &index) ? index : -1;
}

static vl_status reserve(vl_labels *l, valence_error *error)
{
    if (l->count < l->capacity) return VALENCE_OK;
    int32_t capacity = l->capacity ? 2 * l->capacity : 16;
    vl_span *names = vl_realloc(VL_MEM_TRAINING, l->names, (size_t)capacity * sizeof *names);
    if (!names) return vl_fail_memory(error, (size_t)capacity * sizeof *names, "labels");
    l->names = names;
    l->capacity = capacity;
    return VALENCE_OK;
}

static vl_status append(vl_labels *l, vl_span name, valence_error *error)
{
    if (l->count == VL_MAX_LABELS || name.len > VL_MAX_LABEL_BYTES)
        return vl_fail(error, VALENCE_LIMIT,
                       name.len > VL_MAX_LABEL_BYTES
                           ? "a label is longer than 64 KiB: is the label column right?"
                           : "more than a million labels: is the label column right?");
    VL_TRY(reserve(l, error));
    char *copy = vl_copy_string(VL_MEM_TRAINING, name.ptr, name.len);
    if (!copy) return vl_fail_memory(error, name.len, "a label");
    vl_status status = vl_strmap_put(&l->index, name, l->count);
    if (status != VALENCE_OK) {
        vl_free(copy);
        return vl_fail(error, status, "cannot keep a label: %s", valence_status_text(status));
    }
    l->names[l->count++] = (vl_span){copy, name.len};
    return VALENCE_OK;
}

vl_status vl_labels_add(vl_labels *l, vl_span name, int32_t *index, valence_error *error)
{
    *index = vl_labels_find(l, name);
    if (*index >= 0) return VALENCE_OK;
    VL_TRY(append(l, name, error));
    *index = l->count - 1;
    return VALENCE_OK;
}

/* ---- Order ----------------------------------------------------------------------------------- */

typedef struct ranked {
    vl_span name;
    int64_t value;
    int32_t old;
} ranked;

/* A decimal number that fits; the name has a NUL behind. */
static bool integer_of(vl_span name, int64_t *value)
{
    size_t digits = name.len && (name.ptr[0] == '-' || name.ptr[0] == '+') ? 1 : 0;
    if (digits == name.len) return false;
    int64_t v = 0;
    bool negative = name.ptr[0] == '-';
    for (size_t i = digits; i < name.len; i++) {
        int digit = name.ptr[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, negative ? -digit : digit, &v))
            return false;
    }
    *value = v;
    return true;
}

static int compare_bytes(vl_span a, vl_span b)
{
    int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_ranked(const void *first, const void *second)
{
    const ranked *a = first, *b = second;
    if (a->value != b->value) return a->value < b->value ? -1 : 1;
    return compare_bytes(a->name, b->name);
}

static void fill_ranks(const vl_labels *l, ranked *ranks)
{
    bool integers = true;
    for (int32_t i = 0; i < l->count; i++) {
        ranks[i] = (ranked){.name = l->names[i], .old = i};
        integers = integers && integer_of(l->names[i], &ranks[i].value);
    }
    for (int32_t i = 0; i < l->count && !integers; i++) ranks[i].value = 0;
}

vl_status vl_labels_sort(vl_labels *l, int32_t *moved, valence_error *error)
{
    ranked *ranks = vl_alloc_array(VL_MEM_TRAINING, (size_t)l->count, sizeof *ranks);
    if (!ranks) return vl_fail_memory(error, (size_t)l->count * sizeof *ranks, "sorting labels");
    fill_ranks(l, ranks);
    qsort(ranks, (size_t)l->count, sizeof *ranks, compare_ranked);
    vl_status status = VALENCE_OK;
    for (int32_t i = 0; i < l->count; i++) {
        l->names[i] = ranks[i].name;
        moved[ranks[i].old] = i;
        if (status == VALENCE_OK) status = vl_strmap_put(&l->index, ranks[i].name, i);
    }
    vl_free(ranks);
    return status == VALENCE_OK ? status : vl_fail(error, status, "cannot sort the labels");
}
