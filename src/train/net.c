/* net.c: the parameters of a network. */
#include "train/net.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

int64_t vl_net_add(vl_net *net, const char *name, int64_t rows, int64_t columns)
{
    assert(net->parameter_count < VL_PARAMETERS_MAX && !net->vector);
    vl_parameter *p = &net->parameters[net->parameter_count++];
    *p = (vl_parameter){.rank = columns ? 2 : 1,
                        .shape = {rows, columns},
                        .offset = net->size,
                        .count = columns ? rows * columns : rows,
                        .decays = columns > 0};
    snprintf(p->name, sizeof p->name, "%s", name);
    net->size += (p->count + 15) / 16 * 16; /* each begins at a cache line */
    return p->offset;
}

uint64_t vl_net_options_of(const double *numbers, size_t count)
{
    return vl_hash64(numbers, count * sizeof *numbers, 1);
}

vl_status vl_net_allocate(vl_net *net, valence_error *error)
{
    size_t rows = (size_t)net->V * (size_t)net->E;
    net->vector = vl_alloc_zero(VL_MEM_TRAINING, (size_t)net->size * sizeof(float));
    net->table = vl_alloc_zero(VL_MEM_TRAINING, rows * sizeof(float));
    if (net->vector && net->table) return VALENCE_OK;
    return vl_fail_memory(error, (rows + (size_t)net->size) * sizeof(float), "a network");
}

void vl_net_release(vl_net *net)
{
    vl_free(net->vector);
    vl_free(net->table);
}

static const vl_parameter *parameter_at(const vl_net *net, int64_t offset)
{
    for (int i = 0; i < net->parameter_count; i++)
        if (net->parameters[i].offset == offset) return &net->parameters[i];
    assert(!"a parameter");
    return NULL;
}

static void fill(float *to, int64_t n, float range, uint64_t seed)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = range * ((float)(vl_random_at(seed, (uint64_t)i) >> 40) / (1 << 23) - 1);
}

void vl_net_fill(vl_net *net, int64_t offset, float range, uint64_t seed)
{
    const vl_parameter *p = parameter_at(net, offset);
    fill(net->vector + offset, p->count, range, vl_hash64(p->name, strlen(p->name), seed));
}

vl_status vl_net_fill_table(vl_net *net, const vl_tensor *vectors, float scale, uint64_t seed,
                            valence_error *error)
{
    int64_t n = (int64_t)net->V * net->E;
    if (!vectors) {
        fill(net->table, n, scale * sqrtf(3), seed);
        return VALENCE_OK;
    }
    if (vectors->dtype != VL_F32 || vectors->shape[0] != net->V || vectors->shape[1] != net->E)
        return vl_fail(error, VALENCE_FORMAT,
                       "the word vectors do not fit the vocabulary: %lld x %lld instead of %d x %d",
                       (long long)vectors->shape[0], (long long)vectors->shape[1], net->V, net->E);
    memcpy(net->table, vectors->data, (size_t)n * sizeof(float));
    return VALENCE_OK;
}

vl_status vl_net_read_part(vl_net *net, const vl_store *store, const char *begins,
                           valence_error *error)
{
    for (int i = 0; i < net->parameter_count; i++) {
        const vl_parameter *p = &net->parameters[i];
        const vl_tensor *t;
        if (strncmp(p->name, begins, strlen(begins)) != 0) continue;
        VL_TRY(vl_store_expect(store, p->name, VL_F32, p->rank, p->shape, &t, error));
        memcpy(net->vector + p->offset, t->data, t->bytes);
    }
    return VALENCE_OK;
}

vl_status vl_net_read(vl_net *net, const vl_store *store, valence_error *error)
{
    return vl_net_read_part(net, store, "", error);
}

vl_status vl_net_write(const vl_net *net, vl_store *store, valence_error *error)
{
    vl_tensor words = {.name = "embeddings.word",
                       .dtype = VL_F32,
                       .rank = 2,
                       .shape = {net->V, net->E},
                       .data = net->table,
                       .bytes = (size_t)net->V * (size_t)net->E * sizeof(float)};
    VL_TRY(vl_store_add_copy(store, &words, error));
    for (int i = 0; i < net->parameter_count; i++) {
        const vl_parameter *p = &net->parameters[i];
        vl_tensor t = {.name = p->name,
                       .dtype = VL_F32,
                       .rank = p->rank,
                       .shape = {p->shape[0], p->shape[1]},
                       .data = net->vector + p->offset,
                       .bytes = (size_t)p->count * sizeof(float)};
        VL_TRY(vl_store_add_copy(store, &t, error));
    }
    return VALENCE_OK;
}
