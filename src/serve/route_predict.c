/* route_predict.c: POST /predict. Three forms of body: {"text":".."}, {"texts":[..]}, and TEI's
 * {"inputs":..}, which gets TEI's answer. */
#include "serve/answer_json.h"
#include "serve/recall.h"
#include "serve/route_list.h"
#include "serve/tei.h"

/* ---- Answers --------------------------------------------------------------------------------- */

static vl_status write_item(vl_ask *a, const vl_result *r, valence_error *error)
{
    (void)error;
    VL_TRY(vl_buffer_append_text(a->out, a->written ? ",{" : "{"));
    VL_TRY(vl_answer_members(a, r));
    return vl_buffer_append_byte(a->out, '}');
}

static vl_status end_texts(vl_ask *a, valence_error *error)
{
    (void)error;
    return vl_buffer_append_text(a->out, "]}");
}

static const vl_writer text_writer = {.item = write_item, .finish = vl_ask_send},
                       texts_writer = {.item = write_item, .end = end_texts, .finish = vl_ask_send};

/* ---- Requests -------------------------------------------------------------------------------- */

static vl_status take_text(vl_ask *a, vl_json value, valence_error *error)
{
    vl_span text;
    if (vl_json_string(value, &text)) return vl_ask_take(a, text, error);
    return vl_fail(error, VALENCE_ARGUMENT, "\"text\" must be a string");
}

typedef struct batch {
    vl_ask *ask;
    valence_error *error;
    vl_status status;
} batch;

static int take_each(void *user, vl_span key, vl_json value)
{
    (void)key;
    batch *b = user;
    vl_span text;
    if (vl_json_string(value, &text)) b->status = vl_ask_take(b->ask, text, b->error);
    else
        b->status =
            vl_fail(b->error, VALENCE_ARGUMENT, "\"texts\"[%zu] must be a string", b->ask->taken);
    return b->status != VALENCE_OK;
}

static vl_status take_texts(vl_ask *a, vl_json texts, valence_error *error)
{
    batch b = {.ask = a, .error = error};
    if (vl_json_type_of(texts) != VL_JSON_ARRAY)
        return vl_fail(error, VALENCE_ARGUMENT, "\"texts\" must be a list of strings");
    VL_TRY(vl_ask_check_count(a, vl_json_count(texts), error));
    a->writer = &texts_writer;
    VL_TRY(vl_buffer_append_text(a->out, "{\"predictions\":["));
    vl_json_each(texts, take_each, &b);
    return b.status;
}

static vl_status read_request(vl_ask *a, valence_error *error)
{
    vl_json root, value;
    VL_TRY(vl_ask_head(a, error));
    if (vl_recall(a, VL_RECALL_PREDICT)) return VALENCE_OK;
    VL_TRY(vl_ask_json(a, a->x->request.body, &root, error));
    VL_TRY(vl_ask_options(a, root, error));
    if (vl_json_get(root, "text", &value)) return take_text(a, value, error);
    if (vl_json_get(root, "texts", &value)) return take_texts(a, value, error);
    if (vl_json_get(root, "inputs", &value)) return vl_tei_take(a, value, error);
    return vl_fail(error, VALENCE_ARGUMENT, "\"text\", \"texts\" or \"inputs\" is missing");
}

void vl_route_predict(vl_exchange *x)
{
    valence_error error = {0};
    vl_ask *a = vl_ask_begin(x, &text_writer);
    if (a) vl_ask_go(a, read_request(a, &error), &error);
}
