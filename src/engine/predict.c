/* predict.c: one text through pipeline, model and decision. */
#include <assert.h>
#include <string.h>

#include "engine/context.h"
#include "kernels/argmax.h"
#include "kernels/softmax.h"

static vl_status open_parts(valence_context *c, valence_error *error)
{
    const valence_model *m = c->model;
    c->logits = vl_alloc_array(VL_MEM_REQUEST, (size_t)m->model->K * 2, sizeof *c->logits);
    if (!c->logits) return vl_fail_memory(error, (size_t)m->model->K * 8, "logits");
    c->probabilities = c->logits + m->model->K;
    return m->tokenizer ? vl_token_scratch_open(&c->tokens, m->tokenizer, error)
                        : vl_feature_scratch_open(&c->scratch, &m->features, error);
}

valence_status valence_context_open(valence_context **context, const valence_model *model,
                                    valence_error *error)
{
    *context = NULL;
    valence_context *c = vl_alloc_zero(VL_MEM_REQUEST, sizeof *c);
    if (!c) return vl_fail_memory(error, sizeof *c, "a context");
    c->model = model;
    vl_status status = open_parts(c, error);
    if (status != VALENCE_OK) {
        valence_context_close(c);
        return status;
    }
    *context = c;
    return VALENCE_OK;
}

void valence_context_close(valence_context *c)
{
    if (!c) return;
    vl_feature_scratch_close(c->scratch);
    vl_token_scratch_close(c->tokens);
    vl_workers_close(c->workers);
    vl_free(c->forward);
    vl_buffer_release(&c->encoded);
    vl_buffer_release(&c->offsets);
    vl_feature_places_release(&c->places);
    vl_buffer_release(&c->weights);
    vl_occlusion_release(&c->occlusion);
    vl_sentence_scratch_release(&c->sentences);
    vl_buffer_release(&c->together);
    vl_free(c->logits);
    vl_free(c);
}

/* The label a person is told: the best class, unless the options ask to abstain. */
static const char *decide(const valence_model *m, const float *p, int best)
{
    if (p[best] < (float)m->min_confidence) return "uncertain";
    if (m->model->K == 2 && p[best] - 0.5f < (float)m->neutral_band) return "neutral";
    return m->labels[best];
}

void vl_context_decide(const valence_context *c, const float *probabilities,
                       valence_prediction *prediction)
{
    int best = vl_argmax(probabilities, c->model->model->K);
    prediction->label = decide(c->model, probabilities, best);
    prediction->label_index = best;
    prediction->score = probabilities[best];
    prediction->probabilities = probabilities;
}

void vl_context_conclude(const valence_context *c, const float *logits, float *probabilities,
                         valence_prediction *prediction)
{
    const valence_model *m = c->model;
    assert(m->temperature > 0);
    if (m->model->multi_label || m->model->K == 1) vl_sigmoid(probabilities, logits, m->model->K, m->temperature);
    else vl_softmax(probabilities, logits, 1, m->model->K, m->temperature);
    vl_context_decide(c, probabilities, prediction);
    prediction->logits = logits;
}

vl_status vl_context_score(valence_context *c, const vl_batch *batch, uint64_t words,
                           valence_prediction *prediction)
{
    const vl_model *m = c->model->model;
    assert(batch->B == 1);
    VL_TRY(m->class->forward(m, batch, &(vl_run){0}, c->logits));
    *prediction = (valence_prediction){.empty = words == 0, .windows = 1};
    vl_context_conclude(c, c->logits, c->probabilities, prediction);
    return VALENCE_OK;
}

/* The short way of one text to a linear model. */
static vl_status predict_features(valence_context *c, vl_span text, valence_prediction *prediction,
                                  uint64_t *words, valence_error *error)
{
    vl_batch batch;
    vl_status status = vl_features_of_text(&c->model->features, c->scratch, text, &batch, words);
    if (status != VALENCE_OK)
        return vl_fail(error, status, "out of memory for a text of %zu bytes", text.len);
    VL_TRY(vl_context_score(c, &batch, *words, prediction));
    return vl_engine_model_check(c->model, error);
}

vl_status vl_context_predict(valence_context *c, vl_span text, valence_prediction *prediction,
                             uint64_t *words, valence_error *error)
{
    const valence_encoding *encoding;
    if (!c->model->tokenizer) return predict_features(c, text, prediction, words, error);
    VL_TRY(vl_context_encode(c, text, VALENCE_AS_MODEL, &encoding, error));
    *words = encoding->empty ? 0 : (uint64_t)encoding->tokens;
    return vl_context_answer_encodings(c, &encoding, 1, prediction, error);
}

valence_status valence_context_predict(valence_context *c, const char *text, size_t len,
                                       valence_prediction *prediction, valence_error *error)
{
    uint64_t words;
    return vl_context_predict(c, (vl_span){text, len}, prediction, &words, error);
}

void valence_context_threads(valence_context *context, int threads)
{
    context->alone = threads == 1;
}

/* ---- Where the time goes --------------------------------------------------------------------- */

void valence_context_trace(valence_context *context, int on)
{
    context->traced = on != 0;
    context->trace = (vl_trace){0};
}

int valence_context_times(const valence_context *context, valence_time *times, int max)
{
#define NAME(part, text) text,
    static const char *const names[] = {VL_TRACE_LIST(NAME)};
#undef NAME
    int n = context->model->tokenizer && max > 0 ? (max < VL_TRACE_PARTS ? max : VL_TRACE_PARTS) : 0;
    for (int i = 0; i < n; i++) times[i] = (valence_time){names[i], context->trace.seconds[i]};
    return n;
}

/* ---- Without a context: the model keeps a few ------------------------------------------------- */

static valence_context *take_context(valence_model *m)
{
    pthread_mutex_lock(&m->lock);
    valence_context *c = m->reserved > 0 ? m->reserve[--m->reserved] : NULL;
    pthread_mutex_unlock(&m->lock);
    return c;
}

static void return_context(valence_model *m, valence_context *c)
{
    pthread_mutex_lock(&m->lock);
    if (m->reserved < VL_RESERVE) {
        m->reserve[m->reserved++] = c;
        c = NULL;
    }
    pthread_mutex_unlock(&m->lock);
    valence_context_close(c);
}

valence_status valence_predict(valence_model *model, const char *text, size_t len,
                               valence_prediction *prediction, valence_error *error)
{
    valence_context *c = take_context(model);
    if (!c) VL_TRY(valence_context_open(&c, model, error));
    vl_status status = valence_context_predict(c, text, len, prediction, error);
    prediction->probabilities = prediction->logits = NULL;
    return_context(model, c);
    return status;
}
