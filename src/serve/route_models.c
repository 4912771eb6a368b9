/* route_models.c: which models are served: GET /models in our shape, GET /info of the default one
 * in that of text-embeddings-inference. */
#include "base/cpu.h"
#include "base/decimal.h"
#include "serve/answer_json.h"
#include "serve/route_list.h"

/* ---- /models --------------------------------------------------------------------------------- */

/* The accuracy on what training held out, as the model's card says; null without one. */
static vl_status write_accuracy(vl_ask *a, const char *card)
{
    vl_json root, held_out, value;
    double accuracy;
    vl_status status = vl_json_parse_copy(a->service->parser, vl_span_of(card), &root, NULL);
    if (status == VALENCE_NO_MEMORY) return status;
    bool known = status == VALENCE_OK && vl_json_get(root, "held_out", &held_out) &&
                 vl_json_get(held_out, "accuracy", &value) && vl_json_number(value, &accuracy);
    return known ? vl_json_write_number(a->x->out, accuracy)
                 : vl_buffer_append_text(a->x->out, "null");
}

static vl_status write_model(vl_ask *a, const vl_served_model *m, bool first)
{
    vl_buffer *out = a->x->out;
    const valence_model_info *info = &m->info;
    VL_TRY(vl_buffer_append_text(out, first ? "{\"name\":" : ",{\"name\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(m->name)));
    VL_TRY(vl_buffer_printf(out, ",\"version\":\"%llu\",\"default\":%s,\"family\":",
                            (unsigned long long)m->version, first ? "true" : "false"));
    VL_TRY(vl_json_write_string(out, vl_span_of(info->family)));
    VL_TRY(vl_buffer_append_text(out, ",\"dtype\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(info->dtype)));
    VL_TRY(vl_buffer_append_text(out, m->queue ? ",\"slow\":true" : ",\"slow\":false"));
    VL_TRY(vl_buffer_append_text(out, ",\"labels\":"));
    VL_TRY(vl_answer_labels(out, info));
    VL_TRY(vl_buffer_append_text(out, ",\"bytes\":"));
    VL_TRY(vl_write_integer(out, (int64_t)info->bytes));
    VL_TRY(vl_buffer_append_text(out, ",\"accuracy\":"));
    VL_TRY(write_accuracy(a, info->card));
    return vl_buffer_append_byte(out, '}');
}

void vl_route_models(vl_exchange *x)
{
    valence_error error = {0};
    vl_ask *a = vl_ask_begin(x, NULL);
    if (!a) return;
    vl_status status = vl_buffer_append_text(x->out, "{\"models\":[");
    const vl_model_set *set = a->view->set;
    for (int i = 0; i < set->count && status == VALENCE_OK; i++)
        status = write_model(a, set->models[i], i == 0);
    if (status == VALENCE_OK) status = vl_buffer_append_text(x->out, "]}");
    vl_ask_send(a, status, &error);
}

/* ---- /info ----------------------------------------------------------------------------------- */

static const char *dtype_of(const char *type)
{
    static const char *const names[][2] = {
        {"I8", "int8"}, {"F16", "float16"}, {"BF16", "bfloat16"}, {"F32", "float32"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(type, names[i][0]) == 0) return names[i][1];
    return type;
}

static vl_status write_classes(vl_buffer *out, const valence_model_info *info)
{
    VL_TRY(vl_buffer_append_text(out, "{\"classifier\":{\"id2label\":{"));
    for (int k = 0; k < info->label_count; k++) {
        VL_TRY(vl_buffer_printf(out, "%s\"%d\":", k ? "," : "", k));
        VL_TRY(vl_json_write_string(out, vl_span_of(info->labels[k])));
    }
    VL_TRY(vl_buffer_append_text(out, "},\"label2id\":{"));
    for (int k = 0; k < info->label_count; k++) {
        if (k) VL_TRY(vl_buffer_append_byte(out, ','));
        VL_TRY(vl_json_write_string(out, vl_span_of(info->labels[k])));
        VL_TRY(vl_buffer_printf(out, ":%d", k));
    }
    return vl_buffer_append_text(out, "}}}");
}

/* A classic model reads a text of any length that fits a body, each for itself; a slow one has a queue
 * and batches. Nothing is truncated unless a request says so. */
static vl_status write_limits(vl_buffer *out, const vl_served_model *m, const vl_limits *l)
{
    const vl_queue_options *q = m->queue ? vl_model_queue_options(m->queue) : NULL;
    int64_t body = (int64_t)l->body_bytes;
    VL_TRY(vl_buffer_printf(
        out,
        ",\"max_concurrent_requests\":%d,\"max_input_length\":%lld,\"max_batch_tokens\":%lld,"
        "\"max_batch_requests\":",
        q ? q->size : l->connections, (long long)(m->info.max_length ? m->info.max_length : body),
        (long long)(q ? q->batch_tokens : body)));
    VL_TRY(q ? vl_write_integer(out, q->batch_texts) : vl_buffer_append_text(out, "null"));
    return vl_buffer_printf(
        out,
        ",\"max_client_batch_size\":%d,\"auto_truncate\":false,\"tokenization_workers\":%d,"
        "\"version\":\"" VALENCE_VERSION "\",\"sha\":null,\"docker_label\":null}",
        q && q->size < VL_TEXTS_MAX ? q->size : VL_TEXTS_MAX, vl_cpu_count());
}

static vl_status write_info(vl_ask *a)
{
    vl_buffer *out = a->x->out;
    VL_TRY(vl_buffer_append_text(out, "{\"model_id\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(a->model->name)));
    VL_TRY(vl_buffer_append_text(out, ",\"model_sha\":null,\"model_dtype\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(dtype_of(a->model->info.dtype))));
    VL_TRY(vl_buffer_append_text(out, ",\"served_model_name\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(a->model->name)));
    VL_TRY(vl_buffer_append_text(out, ",\"model_type\":"));
    VL_TRY(write_classes(out, &a->model->info));
    return write_limits(out, a->model, a->x->loop->limits);
}

void vl_route_info(vl_exchange *x)
{
    valence_error error = {0};
    vl_ask *a = vl_ask_begin(x, NULL);
    if (a) vl_ask_send(a, write_info(a), &error);
}
