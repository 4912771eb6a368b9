/* forward.c: a batch through the model in parts of bounded size, with scratch memory that is kept.
 * A text that is longer than a part is one of its own. */
#include <string.h>

#include "engine/context.h"

static bool grow(valence_context *c, size_t bytes)
{
    if (bytes <= c->forward_bytes) return true;
    vl_free(c->forward);
    c->forward = vl_alloc(VL_MEM_BATCH, bytes);
    c->forward_bytes = c->forward ? bytes : 0;
    return c->forward != NULL;
}

/* The context's threads, made when they are first wanted: contexts that only encode have none. */
static vl_status find_workers(valence_context *c, vl_workers **workers)
{
    *workers = NULL;
    if (c->alone || c->model->threads == 1) return VALENCE_OK;
    if (!c->workers) VL_TRY(vl_workers_open(&c->workers, c->model->threads, NULL));
    *workers = c->workers;
    return VALENCE_OK;
}

static vl_status run_part(valence_context *c, const vl_batch *part, float *logits)
{
    const vl_model *m = c->model->model;
    vl_workers *workers;
    VL_TRY(find_workers(c, &workers));
    int threads = vl_workers_threads(workers);
    if (!grow(c, m->class->scratch(m, part->B, part->offsets[part->B], threads)))
        return VALENCE_NO_MEMORY;
    const vl_run run = {c->forward, workers, c->traced ? &c->trace : NULL};
    return m->class->forward(m, part, &run, logits);
}

/* How many texts from b on make a part of so many tokens. */
static int32_t part_from(const vl_batch *batch, int32_t b, int32_t tokens)
{
    int32_t end = b + 1;
    while (end < batch->B && batch->offsets[end + 1] - batch->offsets[b] <= tokens) end++;
    return end - b;
}

/* Texts [b, b + n) as a batch of their own, its offsets in c->offsets. */
static vl_status cut_part(valence_context *c, vl_batch *part, const vl_batch *batch, int32_t b,
                          int32_t n)
{
    if (!c->offsets.max) vl_buffer_init(&c->offsets, VL_MEM_BATCH, SIZE_MAX / 4);
    vl_buffer_reset(&c->offsets);
    VL_TRY(vl_buffer_reserve(&c->offsets, ((size_t)n + 1) * sizeof(int32_t)));
    int32_t *offsets = (int32_t *)(void *)c->offsets.data, first = batch->offsets[b];
    for (int32_t i = 0; i <= n; i++) offsets[i] = batch->offsets[b + i] - first;
    *part =
        (vl_batch){batch->ids + first, batch->weights ? batch->weights + first : NULL, offsets, n};
    return VALENCE_OK;
}

vl_status vl_context_forward(valence_context *c, const vl_batch *batch, float *logits,
                             valence_error *error)
{
    const vl_model *m = c->model->model;
    vl_status status = VALENCE_OK;
    for (int32_t b = 0, n; b < batch->B && status == VALENCE_OK; b += n) {
        vl_batch part = *batch;
        n = m->part ? part_from(batch, b, m->part) : batch->B;
        if (n < batch->B) status = cut_part(c, &part, batch, b, n);
        if (status == VALENCE_OK) status = run_part(c, &part, logits + (size_t)b * (size_t)m->K);
    }
    return status == VALENCE_OK
               ? status
               : vl_fail(error, status, "out of memory for a batch of %d texts", batch->B);
}
