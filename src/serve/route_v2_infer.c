/* route_v2_infer.c: POST /v2/models/{m}[/versions/{v}]/infer. The body is JSON; with the header
 * Inference-Header-Content-Length: N, N bytes of JSON and binary tensors behind; with N = 0, one
 * binary tensor alone. The tensors are v2_tensor.h's. */
#include "base/decimal.h"
#include "serve/answer_json.h"
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

static vl_status read_id(vl_json root, vl_span *id, valence_error *error)
{
    vl_json value;
    if (!vl_json_get(root, "id", &value)) return VALENCE_OK;
    return vl_json_string(value, id) ? VALENCE_OK
                                     : vl_fail(error, VALENCE_ARGUMENT, "\"id\" must be a string");
}

static vl_status read_request(vl_v2_call *c, vl_span *id, valence_error *error)
{
    const vl_request *r = &c->ask->x->request;
    vl_json root;
    size_t length = r->body.len;
    if (r->inference_header.ptr &&
        (!read_length(r->inference_header, &length) || length > r->body.len))
        return vl_fail(error, VALENCE_ARGUMENT,
                       "Inference-Header-Content-Length must be a number of bytes within the body");
    VL_TRY(vl_ask_check_type(c->ask, error));
    if (length == 0 && r->inference_header.ptr) {
        c->wishes[c->wish_count++] = (vl_v2_wish){.output = VL_V2_LABEL};
        c->wishes[c->wish_count++] = (vl_v2_wish){.output = VL_V2_SCORES};
        return vl_v2_read_raw(c, r->body, error);
    }
    VL_TRY(vl_ask_json(c->ask, (vl_span){r->body.ptr, length}, &root, error));
    VL_TRY(read_id(root, id, error));
    return vl_v2_read(c, root, (vl_span){r->body.ptr + length, r->body.len - length}, error);
}

static vl_status write_answer(vl_v2_call *c, vl_span id)
{
    vl_buffer *out = c->ask->x->out;
    VL_TRY(vl_buffer_append_text(out, "{\"model_name\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(c->ask->model->name)));
    VL_TRY(vl_buffer_append_text(out, ",\"model_version\":\""));
    VL_TRY(vl_write_integer(out, (int64_t)c->ask->model->version));
    VL_TRY(vl_buffer_append_byte(out, '"'));
    if (id.ptr) VL_TRY(vl_buffer_append_text(out, ",\"id\":"));
    if (id.ptr) VL_TRY(vl_json_write_string(out, id));
    VL_TRY(vl_buffer_append_text(out, ",\"outputs\":"));
    VL_TRY(vl_v2_write(c, out));
    return vl_buffer_append_byte(out, '}');
}

static vl_status answer(vl_v2_call *c, valence_error *error)
{
    vl_span id = {NULL, 0};
    VL_TRY(vl_v2_model(c->ask, error));
    VL_TRY(read_request(c, &id, error));
    VL_TRY(vl_v2_predict(c, error));
    return write_answer(c, id);
}

/* JSON, then the tensors' bytes. */
static vl_status append_tail(vl_v2_call *c)
{
    vl_exchange *x = c->ask->x;
    char length[24];
    vl_buffer text = {.data = length, .capacity = sizeof length, .max = sizeof length};
    VL_TRY(vl_write_integer(&text, (int64_t)x->out->len));
    VL_TRY(vl_buffer_append(x->out, c->tail.data, c->tail.len));
    vl_exchange_header(x, "Inference-Header-Content-Length", vl_buffer_span(&text));
    return VALENCE_OK;
}

void vl_route_v2_infer(vl_exchange *x)
{
    vl_ask a;
    vl_v2_call c;
    valence_error error = {0};
    vl_ask_init(&a, x);
    a.v2 = true;
    vl_v2_init(&c, &a);
    vl_status status = answer(&c, &error);
    bool binary = status == VALENCE_OK && c.tail.len > 0;
    if (binary) status = append_tail(&c);
    vl_v2_release(&c);
    if (!binary || status != VALENCE_OK) {
        vl_ask_finish(&a, status, &error);
        return;
    }
    vl_ask_release(&a);
    vl_exchange_answer(x, 200, "application/octet-stream");
}
