/* route_v2.c: the Open Inference Protocol v2 but for infer: health, metadata, readiness. */
#include "serve/route_v2.h"

#include <stdio.h>

#include "base/decimal.h"
#include "serve/route_list.h"
#include "serve/routes.h"
#include "serve/v2_tensor.h"

vl_status vl_v2_model(vl_ask *a, valence_error *error)
{
    char ours[24];
    vl_span path = a->x->request.path, version = vl_path_segment(path, 4);
    VL_TRY(vl_ask_model(a, vl_path_segment(path, 2), error));
    if (!vl_span_is(vl_path_segment(path, 3), "versions")) return VALENCE_OK;
    snprintf(ours, sizeof ours, "%llu", (unsigned long long)a->model->version);
    if (vl_span_is(version, ours)) return VALENCE_OK;
    return vl_fail(error, VALENCE_NOT_FOUND, "model '%.100s' has no version '%.*s'; it has %s",
                   a->model->name, (int)(version.len < 40 ? version.len : 40), version.ptr, ours);
}

/* Answers with what write appends for the model of the path. */
static void answer_of(vl_exchange *x, vl_status (*write)(vl_buffer *out, const vl_served_model *m))
{
    valence_error error = {0};
    vl_ask *a = vl_ask_begin(x, NULL);
    if (!a) return;
    a->v2 = true;
    vl_status status = vl_v2_model(a, &error);
    if (status == VALENCE_OK) status = write(x->out, a->model);
    vl_ask_send(a, status, &error);
}

static bool refuse_unready(vl_exchange *x)
{
    if (vl_server_ready(vl_service_of(x)->server)) return false;
    vl_exchange_error(x, 503, NULL, 0, "the server is starting or stopping");
    return true;
}

void vl_route_v2_ready(vl_exchange *x)
{
    if (refuse_unready(x)) return;
    vl_buffer_append_text(x->out, "{\"ready\":true}");
    vl_exchange_answer(x, 200, "application/json");
}

void vl_route_v2_server(vl_exchange *x)
{
    vl_buffer_append_text(x->out, "{\"name\":\"valence\",\"version\":\"" VALENCE_VERSION
                                  "\",\"extensions\":[\"classification\",\"binary_tensor_data\",\"model_repository\"]}");
    vl_exchange_answer(x, 200, "application/json");
}

static vl_status write_ready(vl_buffer *out, const vl_served_model *m)
{
    VL_TRY(vl_buffer_append_text(out, "{\"name\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(m->name)));
    return vl_buffer_append_text(out, ",\"ready\":true}");
}

void vl_route_v2_model_ready(vl_exchange *x)
{
    if (!refuse_unready(x)) answer_of(x, write_ready);
}

static vl_status write_tensor(vl_buffer *out, vl_v2_output output, int classes)
{
    bool wide = output == VL_V2_SCORES || output == VL_V2_LOGITS;
    VL_TRY(vl_buffer_printf(out, "%s{\"name\":\"%s\",\"datatype\":\"%s\",\"shape\":[-1",
                            output ? "," : "", vl_v2_name(output), vl_v2_datatype(output)));
    if (wide) VL_TRY(vl_buffer_printf(out, ",%d", classes));
    return vl_buffer_append_text(out, "]}");
}

static vl_status write_metadata(vl_buffer *out, const vl_served_model *m)
{
    VL_TRY(vl_buffer_append_text(out, "{\"name\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(m->name)));
    VL_TRY(vl_buffer_printf(
        out,
        ",\"versions\":[\"%llu\"],\"platform\":\"valence_safetensors\","
        "\"inputs\":[{\"name\":\"text\",\"datatype\":\"BYTES\",\"shape\":[-1]}],\"outputs\":[",
        (unsigned long long)m->version));
    for (int i = 0; i < VL_V2_OUTPUT_COUNT; i++)
        VL_TRY(write_tensor(out, (vl_v2_output)i, m->info.label_count));
    return vl_buffer_append_text(out, "]}");
}

void vl_route_v2_model(vl_exchange *x)
{
    answer_of(x, write_metadata);
}
