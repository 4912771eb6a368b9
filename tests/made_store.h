/* made_store.h: stores with random weights, for tests of models. */
#ifndef MADE_STORE_H
#define MADE_STORE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/store.h"
#include "test.h"

typedef struct made_store {
    vl_store *store;
    uint64_t seed, drawn;
} made_store;

/* Uniform in offset +- spread. */
static inline void made_tensor(made_store *m, const char *name, int rank, int64_t N, int64_t K,
                               float offset, float spread)
{
    int64_t n = N * (rank == 2 ? K : 1);
    float *data = malloc((size_t)n * sizeof *data);
    for (int64_t i = 0; i < n; i++)
        data[i] =
            offset + spread * ((float)(vl_random_at(m->seed, m->drawn++) >> 40) * 0x1p-23f - 1);
    const vl_tensor t = {.name = name,
                         .dtype = VL_F32,
                         .rank = rank,
                         .shape = {N, K},
                         .data = data,
                         .bytes = (size_t)n * sizeof *data};
    assert_int_equal(vl_store_add_copy(m->store, &t, NULL), VALENCE_OK);
    free(data);
}

static inline void made_linear(made_store *m, const char *name, int64_t N, int64_t K, bool bias)
{
    char full[100];
    snprintf(full, sizeof full, "%.90s.weight", name);
    made_tensor(m, full, 2, N, K, 0, 2.0f / sqrtf((float)K));
    snprintf(full, sizeof full, "%.90s.bias", name);
    if (bias) made_tensor(m, full, 1, N, 0, 0, 0.5f);
}

static inline void made_setting(made_store *m, const char *key, const char *value)
{
    assert_int_equal(vl_store_set(m->store, key, vl_span_of(value), NULL), VALENCE_OK);
}

static inline void made_number(made_store *m, const char *key, int value)
{
    char text[16];
    snprintf(text, sizeof text, "%d", value);
    made_setting(m, key, text);
}

/* Shares all tensors but one, and all metadata but one. */
static inline vl_store *copy_without(const vl_store *s, const char *name, const char *key)
{
    vl_store *out;
    const char *k, *v;
    assert_int_equal(vl_store_open(&out, NULL), VALENCE_OK);
    for (size_t i = 0; i < vl_store_meta_count(s); i++) {
        vl_store_meta_at(s, i, &k, &v);
        if (strcmp(k, key) != 0)
            assert_int_equal(vl_store_set(out, k, vl_span_of(v), NULL), VALENCE_OK);
    }
    for (size_t i = 0; i < vl_store_count(s); i++)
        if (strcmp(vl_store_at(s, i)->name, name) != 0)
            assert_int_equal(vl_store_add(out, vl_store_at(s, i), NULL), VALENCE_OK);
    return out;
}

#endif
