/* explain.c: what each n-gram of a text adds to a logit: the text goes the way of a prediction, with
 * offsets, and the model says what each feature is worth. */
#include "engine/context.h"

static vl_status prepare(valence_context *c, valence_error *error)
{
    const vl_features *f = &c->model->features;
    if (c->places.scratch) return VALENCE_OK;
    vl_buffer_init(&c->weights, VL_MEM_REQUEST,
                   ((size_t)f->table.buckets * VL_BUCKET + 1) * sizeof(float));
    return vl_feature_places_init(&c->places, f, error);
}

static vl_status weigh(valence_context *c, const vl_batch *batch, valence_explanation *e)
{
    const vl_model *m = c->model->model;
    size_t count = c->places.reason_count;
    float bias;
    vl_buffer_reset(&c->weights);
    VL_TRY(vl_buffer_reserve(&c->weights, (count + 1) * sizeof(float)));
    float *weights = (float *)(void *)c->weights.data;
    m->class->contributions(m, batch, e->label_index, weights, &bias);
    for (size_t i = 0; i < count; i++) c->places.reasons[i].weight = weights[i];
    e->bias = bias;
    return VALENCE_OK;
}

static vl_status explain(valence_context *c, vl_span text, int label_index,
                         valence_prediction *prediction, valence_explanation *e)
{
    vl_batch batch;
    VL_TRY(vl_features_places(&c->model->features, c->scratch, &c->places, text, &batch));
    VL_TRY(vl_context_score(c, &batch, c->places.words, prediction));
    *e = (valence_explanation){.label_index = label_index < 0 ? prediction->label_index : label_index,
                               .reasons = c->places.reasons,
                               .reason_count = c->places.reason_count,
                               .places = c->places.places,
                               .place_count = c->places.place_count};
    VL_TRY(weigh(c, &batch, e));
    e->logit = c->logits[e->label_index];
    return VALENCE_OK;
}

valence_status valence_context_explain(valence_context *context, const char *text, size_t len,
                                       int label_index, valence_prediction *prediction,
                                       valence_explanation *explanation, valence_error *error)
{
    if (label_index < -1 || label_index >= context->model->model->K)
        return vl_fail(error, VALENCE_ARGUMENT, "cannot explain label number %d: the model has 0 to %d",
                       label_index, context->model->model->K - 1);
    if (context->model->tokenizer)
        return vl_occlusion_explain(context, text, len, label_index, prediction, explanation, error);
    VL_TRY(prepare(context, error));
    vl_status status =
        explain(context, (vl_span){text, len}, label_index, prediction, explanation);
    if (status == VALENCE_OK) return vl_engine_model_check(context->model, error);
    return vl_fail(error, status, "out of memory for explaining a text of %zu bytes", len);
}
