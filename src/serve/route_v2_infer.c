/* route_v2_infer.c: POST /v2/models/{m}[/versions/{v}]/infer. The body is JSON; with the header
 * Inference-Header-Content-Length: N, N bytes of JSON and binary tensors behind; with N = 0, one
 * binary tensor alone. The tensors are v2_tensor.h's. */
#include "base/decimal.h"
#include "serve/recall.h"
#include "serve/route_list.h"
#include "serve/route_v2.h"
#include "serve/v2_tensor.h"

static bool read_length(vl_span text, size_t *length)
{
    *length = 0;
    if (text.len == 0 || text.len > 12) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
        *length = *length * 10 + (size_t)(text.ptr[i] - '0');
    }
    return true;
}

/* Repeated as it came. */
static vl_status read_id(vl_v2_call *c, vl_json root, valence_error *error)
{
    vl_json value;
    vl_span id;
    if (!vl_json_get(root, "id", &value)) return VALENCE_OK;
    if (!vl_json_string(value, &id))
        return vl_fail(error, VALENCE_ARGUMENT, "\"id\" must be a string");
    return vl_json_write_string(&c->id, id);
}

/* Triton's deadline: {"parameters":{"timeout":microseconds}}; 0: none. */
static vl_status read_timeout(vl_ask *a, vl_json root, valence_error *error)
{
    vl_json parameters, value;
    int64_t microseconds;
    if (!vl_json_get(root, "parameters", &parameters) ||
        !vl_json_get(parameters, "timeout", &value))
        return VALENCE_OK;
    if (!vl_json_integer(value, &microseconds) || microseconds < 0)
        return vl_fail(error, VALENCE_ARGUMENT, "\"timeout\" must be a number of microseconds");
    double deadline = a->x->request.begun + 1e-6 * (double)microseconds;
    if (microseconds == 0 || (a->deadline > 0 && a->deadline <= deadline)) return VALENCE_OK;
    a->deadline = deadline;
    a->deadline_told = false;
    return VALENCE_OK;
}

static vl_status read_tensors(vl_v2_call *c, size_t length, valence_error *error)
{
    const vl_request *r = &c->ask->x->request;
    vl_json root;
    if (length == 0 && r->inference_header.ptr) {
        c->wishes[c->wish_count++] = (vl_v2_wish){.output = VL_V2_LABEL};
        c->wishes[c->wish_count++] = (vl_v2_wish){.output = VL_V2_SCORES};
        return vl_v2_read_raw(c, r->body, error);
    }
    VL_TRY(vl_ask_json(c->ask, (vl_span){r->body.ptr, length}, &root, error));
    VL_TRY(read_id(c, root, error));
    VL_TRY(read_timeout(c->ask, root, error));
    return vl_v2_read(c, root, (vl_span){r->body.ptr + length, r->body.len - length}, error);
}

static vl_status read_request(vl_ask *a, valence_error *error)
{
    const vl_request *r = &a->x->request;
    size_t length = r->body.len;
    VL_TRY(vl_v2_model(a, error));
    if (r->inference_header.ptr &&
        (!read_length(r->inference_header, &length) || length > r->body.len))
        return vl_fail(error, VALENCE_ARGUMENT,
                       "Inference-Header-Content-Length must be a number of bytes within the body");
    VL_TRY(vl_ask_head(a, error));
    if (!r->inference_header.ptr && vl_recall(a, VL_RECALL_V2)) return VALENCE_OK;
    vl_v2_call *c = a->extra = vl_v2_open(a);
    a->drop = vl_v2_close;
    if (!c) return VALENCE_NO_MEMORY;
    VL_TRY(read_tensors(c, length, error));
    VL_TRY(vl_v2_make_columns(c, error));
    for (size_t i = 0; i < c->count; i++) VL_TRY(vl_ask_take(a, c->texts[i], error));
    return VALENCE_OK;
}

/* ---- Answers --------------------------------------------------------------------------------- */

static vl_status add_item(vl_ask *a, const vl_result *r, valence_error *error)
{
    (void)error;
    vl_v2_add(a->extra, a->written, r->prediction);
    return VALENCE_OK;
}

static vl_status write_answer(vl_v2_call *c)
{
    vl_buffer *out = c->ask->out;
    VL_TRY(vl_buffer_append_text(out, "{\"model_name\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(c->ask->model->name)));
    VL_TRY(vl_buffer_append_text(out, ",\"model_version\":\""));
    VL_TRY(vl_write_integer(out, (int64_t)c->ask->model->version));
    VL_TRY(vl_buffer_append_byte(out, '"'));
    if (c->id.len) VL_TRY(vl_buffer_append_text(out, ",\"id\":"));
    VL_TRY(vl_buffer_append(out, c->id.data, c->id.len));
    VL_TRY(vl_buffer_append_text(out, ",\"outputs\":"));
    VL_TRY(vl_v2_write(c, out));
    return vl_buffer_append_byte(out, '}');
}

/* JSON, then the tensors' bytes: with its header such an answer is none for the cache. */
static vl_status append_tail(vl_v2_call *c)
{
    vl_ask *a = c->ask;
    char length[24];
    vl_buffer text = {.data = length, .capacity = sizeof length, .max = sizeof length};
    VL_TRY(vl_write_integer(&text, (int64_t)a->out->len));
    VL_TRY(vl_buffer_append(a->out, c->tail.data, c->tail.len));
    vl_exchange_header(a->x, "Inference-Header-Content-Length", vl_buffer_span(&text));
    a->content_type = "application/octet-stream";
    a->keep = false;
    return VALENCE_OK;
}

static vl_status end(vl_ask *a, valence_error *error)
{
    vl_v2_call *c = a->extra;
    (void)error;
    VL_TRY(write_answer(c));
    return c->tail.len ? append_tail(c) : VALENCE_OK;
}

static const vl_writer writer = {.item = add_item, .end = end, .finish = vl_ask_send};

void vl_route_v2_infer(vl_exchange *x)
{
    valence_error error = {0};
    vl_ask *a = vl_ask_begin(x, &writer);
    if (!a) return;
    a->v2 = true;
    vl_ask_go(a, read_request(a, &error), &error);
}
