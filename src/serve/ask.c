/* ask.c: reads what all prediction routes have in common, and has texts answered. */
#include "serve/ask.h"

#include <limits.h>
#include <math.h>
#include <strings.h>

#include "base/clock.h"
#include "serve/ask_queue.h"
#include "serve/json_where.h"
#include "serve/recall.h"

enum { SPARE_ASKS = 32, KEPT_BYTES = 64 << 10, KEPT_QUESTIONS = 4 };

/* ---- Lending --------------------------------------------------------------------------------- */

static vl_ask *make_ask(void)
{
    vl_ask *a = vl_alloc_zero(VL_MEM_REQUEST, sizeof *a);
    if (a) vl_buffer_init(&a->joined, VL_MEM_REQUEST, SIZE_MAX / 4);
    return a;
}

static void free_ask(vl_ask *a)
{
    vl_buffer_release(&a->joined);
    vl_free(a->questions);
    vl_free(a->order);
    vl_free(a);
}

vl_ask *vl_ask_open(vl_exchange *x, const vl_writer *writer)
{
    vl_service *s = vl_service_of(x);
    vl_ask *a = s->asks;
    if (a) {
        s->asks = a->next;
        s->ask_count--;
    } else if (!(a = make_ask())) {
        return NULL;
    }
    *a = (vl_ask){.x = x,
                  .loop = x->loop,
                  .service = s,
                  .view = s->view,
                  .model = s->view->set->models[0],
                  .context = s->view->contexts[0],
                  .writer = writer,
                  .out = x->out,
                  .content_type = "application/json",
                  .questions = a->questions,
                  .question_capacity = a->question_capacity,
                  .joined = a->joined,
                  .order = a->order,
                  .order_capacity = a->order_capacity};
    a->view->users++;
    return a;
}

vl_ask *vl_ask_begin(vl_exchange *x, const vl_writer *writer)
{
    vl_ask *a = vl_ask_open(x, writer);
    if (!a) vl_exchange_error(x, 503, "Backend", 0, "out of memory");
    return a;
}

void vl_ask_close(vl_ask *a)
{
    vl_service *s = a->service;
    if (a->drop) a->drop(a->extra);
    vl_ask_drop_questions(a);
    vl_view_release(a->view);
    if (s->ask_count == SPARE_ASKS || a->joined.capacity > KEPT_BYTES ||
        a->question_capacity > KEPT_QUESTIONS) {
        free_ask(a);
        return;
    }
    a->next = s->asks;
    s->asks = a;
    s->ask_count++;
}

void vl_asks_release(vl_service *s)
{
    for (vl_ask *a = s->asks, *next; a; a = next) {
        next = a->next;
        free_ask(a);
    }
    s->asks = NULL;
}

/* ---- Body ------------------------------------------------------------------------------------ */

static bool starts_with(vl_span text, const char *word)
{
    size_t len = strlen(word);
    return text.len >= len && strncasecmp(text.ptr, word, len) == 0;
}

/* curl -d says urlencoded, many clients say nothing: only what names another format is refused. */
static vl_status check_type(const vl_ask *a, valence_error *error)
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

/* X-Request-Timeout: milliseconds from the request's first byte, to the moment the model begins. */
static vl_status read_deadline(vl_ask *a, valence_error *error)
{
    vl_span text = a->x->request.timeout;
    uint64_t milliseconds = 0;
    bool fine = text.len > 0 && text.len <= 12;
    for (size_t i = 0; i < text.len && fine; i++) {
        fine = text.ptr[i] >= '0' && text.ptr[i] <= '9';
        milliseconds = milliseconds * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    if (!fine)
        return vl_fail(error, VALENCE_ARGUMENT,
                       "X-Request-Timeout must be a number of milliseconds");
    a->deadline = a->x->request.begun + 1e-3 * (double)milliseconds;
    a->deadline_told = true;
    return VALENCE_OK;
}

vl_status vl_ask_head(vl_ask *a, valence_error *error)
{
    VL_TRY(check_type(a, error));
    return a->x->request.timeout.ptr ? read_deadline(a, error) : VALENCE_OK;
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
    VL_TRY(vl_ask_head(a, error));
    return vl_ask_json(a, a->x->request.body, root, error);
}

/* ---- Options --------------------------------------------------------------------------------- */

vl_status vl_ask_model(vl_ask *a, vl_span name, valence_error *error)
{
    int i = vl_model_set_find(a->view->set, name);
    if (i < 0)
        return vl_fail(error, VALENCE_NOT_FOUND, "no model '%.*s'; GET /models lists them",
                       (int)(name.len < 100 ? name.len : 100), name.ptr);
    a->model = a->view->set->models[i];
    a->index = i;
    a->context = a->view->contexts[i];
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

/* TEI's: truncate null, or not there: as the server has it. */
static vl_status read_truncation(vl_ask *a, vl_json root, valence_error *error)
{
    vl_json value;
    vl_span side;
    bool left = false, truncate = false;
    if (vl_json_get(root, "truncation_direction", &value) &&
        vl_json_type_of(value) != VL_JSON_NULL) {
        bool text = vl_json_string(value, &side);
        left = text && (vl_span_is(side, "Left") || vl_span_is(side, "left"));
        if (!left && !(text && (vl_span_is(side, "Right") || vl_span_is(side, "right"))))
            return vl_fail(error, VALENCE_ARGUMENT,
                           "\"truncation_direction\" must be \"Left\" or \"Right\"");
    }
    if (!vl_json_get(root, "truncate", &value) || vl_json_type_of(value) == VL_JSON_NULL)
        return VALENCE_OK;
    VL_TRY(read_flag(root, "truncate", &truncate, error));
    a->truncation = !truncate ? VALENCE_TRUNCATE_NEVER
                    : left    ? VALENCE_TRUNCATE_LEFT
                              : VALENCE_TRUNCATE_RIGHT;
    return VALENCE_OK;
}

vl_status vl_ask_options(vl_ask *a, vl_json root, valence_error *error)
{
    vl_json value;
    if (vl_json_count(root) == 1) return VALENCE_OK; /* the text alone: the usual request */
    VL_TRY(read_model(a, root, error));
    VL_TRY(read_flag(root, "explain", &a->explain, error));
    VL_TRY(read_flag(root, "raw_scores", &a->raw_scores, error));
    VL_TRY(read_truncation(a, root, error));
    return vl_json_get(root, "top_k", &value) ? vl_ask_top_k(a, value, error) : VALENCE_OK;
}

vl_status vl_ask_check_count(vl_ask *a, size_t count, valence_error *error)
{
    const vl_model_queue *q = a->model->queue;
    size_t most = VL_TEXTS_MAX;
    if (q && (size_t)vl_model_queue_options(q)->size < most)
        most = (size_t)vl_model_queue_options(q)->size;
    if (count == 0) a->trouble = VL_EMPTY_BATCH;
    if (count == 0) return vl_fail(error, VALENCE_ARGUMENT, "the batch is empty");
    if (count <= most) return VALENCE_OK;
    return vl_fail(error, VALENCE_LIMIT,
                   "batch size %zu > maximum allowed batch size %zu; POST /predict/batch takes any",
                   count, most);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

vl_status vl_ask_too_late(vl_ask *a, valence_error *error)
{
    a->trouble = VL_TOO_LATE;
    return vl_fail(error, VALENCE_LIMIT, "the deadline passed before the model began");
}

vl_status vl_ask_write(vl_ask *a, const vl_result *r, double seconds, valence_error *error)
{
    const valence_prediction *p = r->prediction;
    vl_meter_predicted_in(a->service->meter, seconds);
    a->inferred += seconds;
    a->tokens += p->tokens;
    a->label = vl_meter_label(&a->model->info, p);
    vl_meter_prediction(a->service->meter, &a->model->meter, a->label);
    if (!isfinite(p->score))
        return vl_fail(error, VALENCE_CANCELLED, "model '%.100s' gave no number for this text",
                       a->model->name);
    VL_TRY(a->writer->item(a, r, error));
    a->written++;
    return VALENCE_OK;
}

static vl_status answer_now(vl_ask *a, vl_span text, valence_error *error)
{
    valence_prediction p;
    valence_explanation e;
    const vl_result result = {text, &p, a->explain ? &e : NULL};
    double began = vl_clock_seconds();
    if (a->deadline > 0 && began > a->deadline) return vl_ask_too_late(a, error);
    if (a->explain)
        VL_TRY(valence_context_explain(a->context, text.ptr, text.len, -1, &p, &e, error));
    else VL_TRY(valence_context_predict(a->context, text.ptr, text.len, &p, error));
    double took = vl_clock_seconds() - began;
    a->worked += took;
    return vl_ask_write(a, &result, took, error);
}

vl_status vl_ask_take(vl_ask *a, vl_span text, valence_error *error)
{
    vl_status status =
        a->model->queue ? vl_ask_prepare(a, text, error) : answer_now(a, text, error);
    if (status == VALENCE_OK) a->taken++;
    return status;
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

void vl_ask_go(vl_ask *a, vl_status status, valence_error *error)
{
    if (status == VALENCE_OK && a->queued) {
        status = vl_ask_submit(a, error);
        if (status == VALENCE_OK) return;
    } else if (status == VALENCE_OK && !a->recalled && a->writer->end) {
        status = a->writer->end(a, error);
    }
    if (status == VALENCE_OK && a->keep) vl_recall_keep(a);
    a->writer->finish(a, status, error);
}

static vl_refusal refusal_of(const vl_ask *a, const char *message)
{
    switch (a->trouble) {
    case VL_EMPTY_BATCH:
        return (vl_refusal){400, "Empty", message};
    case VL_QUEUE_FULL:
        return (vl_refusal){a->v2 ? 503 : 429, "Overloaded", message};
    case VL_TOO_LATE:
        return (vl_refusal){a->v2 && !a->deadline_told ? 503 : 504, "Overloaded", message};
    case VL_TOKENIZER_FAILED:
        return (vl_refusal){a->v2 ? 400 : 422, "Tokenizer", message};
    default:
        return (vl_refusal){500, "Backend", message};
    }
}

vl_refusal vl_ask_refusal(const vl_ask *a, vl_status status, const valence_error *error)
{
    const char *message = error->message[0] ? error->message : valence_status_text(status);
    if (a->trouble) return refusal_of(a, message);
    switch (status) {
    case VALENCE_FORMAT:
        return (vl_refusal){400, "Validation", message};
    case VALENCE_NOT_FOUND:
        return (vl_refusal){404, "NotFound", message};
    case VALENCE_UNSUPPORTED:
        return (vl_refusal){415, "Validation", message};
    case VALENCE_NO_MEMORY:
        return (vl_refusal){503, "Backend", "out of memory"};
    case VALENCE_ARGUMENT:
    case VALENCE_LIMIT:
        return (vl_refusal){a->v2 ? 400 : 422, "Validation", message};
    default:
        return (vl_refusal){a->v2 ? 500 : 424, "Backend", message};
    }
}

void vl_ask_refuse(vl_ask *a, vl_status status, const valence_error *error)
{
    vl_exchange *x = a->x;
    vl_refusal r = vl_ask_refusal(a, status, error);
    if (a->trouble == VL_QUEUE_FULL) {
        vl_exchange_header(x, "Retry-After", vl_span_of("1"));
        vl_meter_rejected(a->service->meter, VL_REJECTED_OVERLOADED);
    } else if (a->trouble == VL_TOO_LATE) {
        vl_meter_rejected(a->service->meter, VL_REJECTED_DEADLINE);
    }
    vl_exchange_error(x, r.status, a->v2 ? NULL : r.type, error->byte, "%s", r.message);
}

void vl_ask_send(vl_ask *a, vl_status status, const valence_error *error)
{
    if (status == VALENCE_OK) vl_exchange_answer(a->x, 200, a->content_type);
    else vl_ask_refuse(a, status, error);
    vl_ask_close(a);
}
