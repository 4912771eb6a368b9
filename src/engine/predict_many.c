/* predict_many.c: many encodings as one ragged batch. The windows of a long text are rows of their
 * own; a text's logits are the mean of its windows'. */
#include <assert.h>
#include <string.h>

#include "engine/context.h"

/* The parts of one block, for W windows of T entries in all and N texts of K classes. */
typedef struct room {
    int32_t *ids, *offsets;
    float *weights;       /* NULL: all 1 */
    float *window_logits; /* (W,K) */
    float *logits;        /* (N,K) */
    float *probabilities; /* (N,K) */
} room;

typedef struct sizes {
    size_t N, W, T, K;
    bool weights;
} sizes;

static sizes measure(const valence_encoding *const *encodings, size_t count, int32_t K)
{
    sizes s = {.N = count, .K = (size_t)K};
    for (size_t i = 0; i < count; i++) {
        s.W += (size_t)encodings[i]->windows;
        s.T += (size_t)encodings[i]->offsets[encodings[i]->windows];
        s.weights = s.weights || encodings[i]->weights;
    }
    return s;
}

static vl_status make_room(room *r, vl_buffer *b, const sizes *s)
{
    size_t texts = s->T * (s->weights ? 2 : 1) + s->W + 1, rows = (s->W + 2 * s->N) * s->K;
    if (!b->max) vl_buffer_init(b, VL_MEM_BATCH, SIZE_MAX / 4);
    vl_buffer_reset(b);
    VL_TRY(vl_buffer_reserve(b, (texts + rows) * sizeof(float)));
    r->ids = (int32_t *)(void *)b->data;
    r->offsets = r->ids + s->T;
    r->window_logits = (float *)(r->offsets + s->W + 1);
    r->logits = r->window_logits + s->W * s->K;
    r->probabilities = r->logits + s->N * s->K;
    r->weights = s->weights ? r->probabilities + s->N * s->K : NULL;
    return VALENCE_OK;
}

static void gather(const room *r, const valence_encoding *const *encodings, size_t count)
{
    int32_t at = 0, w = 0;
    for (size_t i = 0; i < count; i++) {
        const valence_encoding *e = encodings[i];
        int32_t n = e->offsets[e->windows];
        memcpy(r->ids + at, e->ids, (size_t)n * sizeof *e->ids);
        if (r->weights) memcpy(r->weights + at, e->weights, (size_t)n * sizeof *e->weights);
        for (int32_t k = 0; k < e->windows; k++) r->offsets[w++] = at + e->offsets[k];
        at += n;
    }
    r->offsets[w] = at;
}

static void average(float *logits, const float *windows, int32_t count, int32_t K)
{
    for (int32_t k = 0; k < K; k++) {
        float sum = 0;
        for (int32_t w = 0; w < count; w++) sum += windows[w * K + k];
        logits[k] = sum / (float)count;
    }
}

vl_status vl_context_answer_encodings(valence_context *c, const valence_encoding *const *encodings,
                                      size_t count, valence_prediction *predictions,
                                      valence_error *error)
{
    int32_t K = c->model->model->K, w = 0;
    room r;
    sizes s = measure(encodings, count, K);
    if (s.T > INT32_MAX || s.W > INT32_MAX)
        return vl_fail(error, VALENCE_LIMIT, "%zu texts of %zu tokens are too much for one batch",
                       s.N, s.T);
    if (make_room(&r, &c->together, &s) != VALENCE_OK)
        return vl_fail(error, VALENCE_NO_MEMORY, "out of memory for a batch of %zu texts", count);
    gather(&r, encodings, count);
    const vl_batch batch = {r.ids, r.weights, r.offsets, (int32_t)s.W};
    VL_TRY(vl_context_forward(c, &batch, r.window_logits, error));
    for (size_t i = 0; i < count; i++) {
        const valence_encoding *e = encodings[i];
        float *logits = r.logits + i * s.K;
        average(logits, r.window_logits + w * K, e->windows, K);
        w += e->windows;
        predictions[i] = (valence_prediction){.empty = e->empty,
                                              .tokens = e->tokens,
                                              .windows = e->windows,
                                              .truncated = e->truncated};
        vl_context_conclude(c, logits, r.probabilities + i * s.K, &predictions[i]);
    }
    return vl_engine_model_check(c->model, error);
}

valence_status valence_context_predict_encodings(valence_context *context,
                                                 const valence_encoding *const *encodings,
                                                 size_t count, valence_prediction *predictions,
                                                 valence_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (encodings[i]->model != context->model)
            return vl_fail(error, VALENCE_ARGUMENT, "text %zu was encoded for another model",
                           i + 1);
    return count ? vl_context_answer_encodings(context, encodings, count, predictions, error)
                 : VALENCE_OK;
}
