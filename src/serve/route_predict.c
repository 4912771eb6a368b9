/* route_predict.c: POST /predict. Three forms of body: {"text":".."}, {"texts":[..]}, and TEI's
 * {"inputs":..}, which gets TEI's answer. */
#include "base/decimal.h"
#include "serve/route_list.h"
#include "serve/service.h"

enum { DIGITS = 6, TEXTS_MAX = 10000 };

typedef struct ask {
    vl_exchange *x;
    vl_service *service;
    const vl_served_model *model;
    valence_context *context;
    bool first;
    vl_status status;
} ask;

static vl_status write_answer(vl_buffer *out, const ask *a, const valence_prediction *p)
{
    const valence_model_info *info = &a->model->info;
    VL_TRY(vl_buffer_append_text(out, "{\"prediction\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(p->label)));
    VL_TRY(vl_buffer_append_text(out, ",\"confidence\":"));
    VL_TRY(vl_write_decimal(out, p->score, DIGITS));
    VL_TRY(vl_buffer_append_text(out, ",\"probabilities\":{"));
    for (int k = 0; k < info->label_count; k++) {
        if (k) VL_TRY(vl_buffer_append_byte(out, ','));
        VL_TRY(vl_json_write_string(out, vl_span_of(info->labels[k])));
        VL_TRY(vl_buffer_append_byte(out, ':'));
        VL_TRY(vl_write_decimal(out, (double)p->probabilities[k], DIGITS));
    }
    VL_TRY(vl_buffer_append_byte(out, '}'));
    if (p->empty) VL_TRY(vl_buffer_append_text(out, ",\"empty\":true"));
    VL_TRY(vl_buffer_append_text(out, ",\"model\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(a->model->name)));
    return vl_buffer_append_byte(out, '}');
}

static vl_status answer_text(ask *a, vl_span text)
{
    valence_prediction p;
    VL_TRY(valence_context_predict(a->context, text.ptr, text.len, &p, NULL));
    return write_answer(a->x->out, a, &p);
}

static int answer_each(void *user, vl_span key, vl_json value)
{
    (void)key;
    ask *a = user;
    vl_span text;
    a->status = vl_json_string(value, &text) ? VALENCE_OK : VALENCE_ARGUMENT;
    if (a->status == VALENCE_OK && !a->first) a->status = vl_buffer_append_byte(a->x->out, ',');
    if (a->status == VALENCE_OK) a->status = answer_text(a, text);
    a->first = false;
    return a->status != VALENCE_OK;
}

static void finish(ask *a, vl_status status, const char *member)
{
    if (status == VALENCE_OK) vl_exchange_answer(a->x, 200, "application/json");
    else if (status == VALENCE_ARGUMENT) vl_exchange_error(a->x, 422, "Validation", 0, "%s", member);
    else vl_exchange_error(a->x, 503, "Backend", 0, "out of memory");
}

static void answer_texts(ask *a, vl_json texts)
{
    static const char wrong[] = "\"texts\" must be a list of at most 10000 strings";
    if (vl_json_type_of(texts) != VL_JSON_ARRAY || vl_json_count(texts) > TEXTS_MAX) {
        finish(a, VALENCE_ARGUMENT, wrong);
        return;
    }
    a->first = true;
    vl_status status = vl_buffer_append_text(a->x->out, "{\"predictions\":[");
    if (status == VALENCE_OK) vl_json_each(texts, answer_each, a);
    if (status == VALENCE_OK) status = a->status;
    if (status == VALENCE_OK) status = vl_buffer_append_text(a->x->out, "]}");
    finish(a, status, wrong);
}

/* The model that the request names; NULL: answered with 404. */
static bool choose_model(ask *a, vl_json root)
{
    vl_json value;
    vl_span name = {NULL, 0};
    if (vl_json_get(root, "model", &value) && !vl_json_string(value, &name)) {
        finish(a, VALENCE_ARGUMENT, "\"model\" must be a string");
        return false;
    }
    int i = vl_model_set_find(a->service->set, name);
    if (i < 0) {
        vl_exchange_error(a->x, 404, "NotFound", 0, "no model '%.*s'", (int)(name.len < 100 ? name.len : 100), name.ptr);
        return false;
    }
    a->model = &a->service->set->models[i];
    a->context = a->service->contexts[i];
    return true;
}

void vl_route_predict(vl_exchange *x)
{
    ask a = {.x = x, .service = vl_service_of(x), .status = VALENCE_OK};
    vl_json root, value;
    vl_span text;
    valence_error error = {0};
    vl_span body = x->request.body;
    if (vl_json_parse(a.service->parser, body.ptr, body.len, &root, &error) != VALENCE_OK) {
        vl_exchange_error(x, 400, "Validation", error.byte, "%s", error.message);
        return;
    }
    if (vl_json_type_of(root) != VL_JSON_OBJECT) {
        finish(&a, VALENCE_ARGUMENT, "the body must be a JSON object");
        return;
    }
    if (!choose_model(&a, root)) return;
    if (vl_json_get(root, "texts", &value)) answer_texts(&a, value);
    else if (!vl_json_get(root, "text", &value)) finish(&a, VALENCE_ARGUMENT, "\"text\", \"texts\" or \"inputs\" is missing");
    else if (!vl_json_string(value, &text)) finish(&a, VALENCE_ARGUMENT, "\"text\" must be a string");
    else finish(&a, answer_text(&a, text), "");
}
