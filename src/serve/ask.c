/* ask.c: reads what all prediction routes have in common. */
#include "serve/ask.h"

#include <limits.h>
#include <math.h>
#include <strings.h>

#include "base/clock.h"
#include "serve/json_where.h"

void vl_ask_init(vl_ask *a, vl_exchange *x)
{
    *a = (vl_ask){.x = x, .service = vl_service_of(x)};
    a->model = &a->service->set->models[0];
    a->context = a->service->contexts[0];
    vl_buffer_init(&a->joined, VL_MEM_REQUEST, x->loop->limits->body_bytes + 1);
}

void vl_ask_release(vl_ask *a)
{
    vl_buffer_release(&a->joined);
    vl_free(a->order);
    a->order = NULL;
}

/* ---- Body ------------------------------------------------------------------------------------ */

static bool starts_with(vl_span text, const char *word)
{
    size_t len = strlen(word);
    return text.len >= len && strncasecmp(text.ptr, word, len) == 0;
}

/* curl -d says urlencoded, many clients say nothing: only what names another format is refused. */
vl_status vl_ask_check_type(const vl_ask *a, valence_error *error)
{
    static const char *const fine[] = {"application/json",
                                       "application/x-www-form-urlencoded",
                                       "text/plain",
                                       "application/octet-stream",
                                       "application/x-ndjson",
                                       "application/jsonl",
                                       "application/x-jsonlines",
                                       "text/json"};
    vl_span type = a->x->request.content_type;
    if (type.len == 0) return VALENCE_OK;
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        if (starts_with(type, fine[i])) return VALENCE_OK;
    if (starts_with(type, "application/") && memmem(type.ptr, type.len, "+json", 5))
        return VALENCE_OK;
    return vl_fail(error, VALENCE_UNSUPPORTED, "the content type is '%.*s', not application/json",
                   (int)(type.len < 80 ? type.len : 80), type.ptr);
}

vl_status vl_ask_json(vl_ask *a, vl_span text, vl_json *root, valence_error *error)
{
    vl_status status = vl_json_parse(a->service->parser, text.ptr, text.len, root, error);
    if (status == VALENCE_FORMAT && error->byte == 0) error->byte = vl_json_where(text) + 1;
    if (status != VALENCE_OK) return status;
    if (vl_json_type_of(*root) == VL_JSON_OBJECT) return VALENCE_OK;
    return vl_fail(error, VALENCE_ARGUMENT, "a JSON object is needed here: {\"text\": \"..\"}");
}

vl_status vl_ask_body(vl_ask *a, vl_json *root, valence_error *error)
{
    VL_TRY(vl_ask_check_type(a, error));
    return vl_ask_json(a, a->x->request.body, root, error);
}

/* ---- Options --------------------------------------------------------------------------------- */

vl_status vl_ask_model(vl_ask *a, vl_span name, valence_error *error)
{
    int i = vl_model_set_find(a->service->set, name);
    if (i < 0)
        return vl_fail(error, VALENCE_NOT_FOUND, "no model '%.*s'; GET /models lists them",
                       (int)(name.len < 100 ? name.len : 100), name.ptr);
    a->model = &a->service->set->models[i];
    a->context = a->service->contexts[i];
    return VALENCE_OK;
}

static vl_status read_model(vl_ask *a, vl_json root, valence_error *error)
{
    vl_json value;
    vl_span name;
    if (!vl_json_get(root, "model", &value)) return VALENCE_OK;
    if (!vl_json_string(value, &name))
        return vl_fail(error, VALENCE_ARGUMENT, "\"model\" must be a string");
    return vl_ask_model(a, name, error);
}

static vl_status read_flag(vl_json root, const char *key, bool *flag, valence_error *error)
{
    vl_json value;
    if (!vl_json_get(root, key, &value) || vl_json_type_of(value) == VL_JSON_NULL)
        return VALENCE_OK;
    if (vl_json_boolean(value, flag)) return VALENCE_OK;
    return vl_fail(error, VALENCE_ARGUMENT, "\"%s\" must be true or false", key);
}

vl_status vl_ask_top_k(vl_ask *a, vl_json value, valence_error *error)
{
    int64_t k;
    if (vl_json_type_of(value) == VL_JSON_NULL) return VALENCE_OK;
    if (!vl_json_integer(value, &k) || k < 1)
        return vl_fail(error, VALENCE_ARGUMENT, "\"top_k\" must be an integer from 1");
    a->top_k = k < INT_MAX ? (int)k : INT_MAX;
    return VALENCE_OK;
}

vl_status vl_ask_options(vl_ask *a, vl_json root, valence_error *error)
{
    vl_json value;
    bool truncate;
    if (vl_json_count(root) == 1) return VALENCE_OK; /* the text alone: the usual request */
    VL_TRY(read_model(a, root, error));
    VL_TRY(read_flag(root, "explain", &a->explain, error));
    VL_TRY(read_flag(root, "raw_scores", &a->raw_scores, error));
    VL_TRY(read_flag(root, "truncate", &truncate, error));
    return vl_json_get(root, "top_k", &value) ? vl_ask_top_k(a, value, error) : VALENCE_OK;
}

vl_status vl_ask_check_count(vl_ask *a, size_t count, valence_error *error)
{
    a->empty_batch = count == 0;
    if (count == 0) return vl_fail(error, VALENCE_ARGUMENT, "the batch is empty");
    if (count <= VL_TEXTS_MAX) return VALENCE_OK;
    return vl_fail(error, VALENCE_LIMIT,
                   "batch size %zu > maximum allowed batch size %d; POST /predict/batch takes any",
                   count, VL_TEXTS_MAX);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

vl_status vl_ask_predict(vl_ask *a, vl_span text, valence_prediction *p,
                         valence_explanation *explanation, valence_error *error)
{
    double began = vl_clock_seconds();
    if (explanation)
        VL_TRY(valence_context_explain(a->context, text.ptr, text.len, -1, p, explanation, error));
    else VL_TRY(valence_context_predict(a->context, text.ptr, text.len, p, error));
    vl_meter_predicted_in(a->service->meter, vl_clock_seconds() - began);
    a->label = vl_meter_label(a->model, p);
    vl_meter_prediction(a->service->meter, (int)(a->model - a->service->set->models), a->label);
    if (isfinite(p->score)) return VALENCE_OK;
    return vl_fail(error, VALENCE_CANCELLED, "model '%.100s' gave no number for this text",
                   a->model->name);
}

vl_status vl_ask_join(vl_ask *a, vl_span first, vl_span second, vl_span *text)
{
    vl_buffer_reset(&a->joined);
    VL_TRY(vl_buffer_append(&a->joined, first.ptr, first.len));
    VL_TRY(vl_buffer_append_byte(&a->joined, ' '));
    VL_TRY(vl_buffer_append(&a->joined, second.ptr, second.len));
    *text = vl_buffer_span(&a->joined);
    return VALENCE_OK;
}

/* ---- Answering ------------------------------------------------------------------------------- */

vl_refusal vl_ask_refusal(const vl_ask *a, vl_status status, const valence_error *error)
{
    const char *message = error->message[0] ? error->message : valence_status_text(status);
    int wrong = a->v2 ? 400 : 422;
    switch (status) {
    case VALENCE_FORMAT:
        return (vl_refusal){400, "Validation", message};
    case VALENCE_NOT_FOUND:
        return (vl_refusal){404, "NotFound", message};
    case VALENCE_UNSUPPORTED:
        return (vl_refusal){415, "Validation", message};
    case VALENCE_NO_MEMORY:
        return (vl_refusal){503, "Backend", "out of memory"};
    case VALENCE_CANCELLED:
        return (vl_refusal){a->v2 ? 500 : 424, "Backend", message};
    case VALENCE_ARGUMENT:
    case VALENCE_LIMIT:
        if (a->empty_batch) return (vl_refusal){400, "Empty", message};
        return (vl_refusal){wrong, "Validation", message};
    default:
        return (vl_refusal){500, "Backend", message};
    }
}

void vl_ask_finish(vl_ask *a, vl_status status, const valence_error *error)
{
    vl_exchange *x = a->x;
    vl_ask_release(a);
    if (status == VALENCE_OK) {
        vl_exchange_answer(x, 200, "application/json");
        return;
    }
    vl_refusal r = vl_ask_refusal(a, status, error);
    vl_exchange_error(x, r.status, a->v2 ? NULL : r.type, error->byte, "%s", r.message);
}
