/* route_predict.c: POST /predict. Three forms of body: {"text":".."}, {"texts":[..]}, and TEI's
 * {"inputs":..}, which gets TEI's answer. */
#include "serve/answer_json.h"
#include "serve/recall.h"
#include "serve/route_list.h"
#include "serve/tei.h"

static vl_status answer_text(vl_ask *a, vl_json value, valence_error *error)
{
    vl_span text;
    vl_buffer *out = a->x->out;
    if (!vl_json_string(value, &text))
        return vl_fail(error, VALENCE_ARGUMENT, "\"text\" must be a string");
    VL_TRY(vl_buffer_append_byte(out, '{'));
    VL_TRY(vl_answer_members(a, out, text, error));
    return vl_buffer_append_byte(out, '}');
}

typedef struct batch {
    vl_ask *ask;
    valence_error *error;
    vl_status status;
    size_t count;
} batch;

static int answer_each(void *user, vl_span key, vl_json value)
{
    (void)key;
    batch *b = user;
    vl_span text;
    if (vl_json_string(value, &text)) {
        b->status = vl_buffer_append_text(b->ask->x->out, b->count++ ? ",{" : "{");
        if (b->status == VALENCE_OK)
            b->status = vl_answer_members(b->ask, b->ask->x->out, text, b->error);
        if (b->status == VALENCE_OK) b->status = vl_buffer_append_byte(b->ask->x->out, '}');
    } else {
        b->status =
            vl_fail(b->error, VALENCE_ARGUMENT, "\"texts\"[%zu] must be a string", b->count);
    }
    return b->status != VALENCE_OK;
}

static vl_status answer_texts(vl_ask *a, vl_json texts, valence_error *error)
{
    batch b = {.ask = a, .error = error};
    if (vl_json_type_of(texts) != VL_JSON_ARRAY)
        return vl_fail(error, VALENCE_ARGUMENT, "\"texts\" must be a list of strings");
    VL_TRY(vl_ask_check_count(a, vl_json_count(texts), error));
    VL_TRY(vl_buffer_append_text(a->x->out, "{\"predictions\":["));
    vl_json_each(texts, answer_each, &b);
    VL_TRY(b.status);
    return vl_buffer_append_text(a->x->out, "]}");
}

static vl_status answer(vl_ask *a, vl_cache_key *key, valence_error *error)
{
    vl_json root, value;
    VL_TRY(vl_ask_check_type(a, error));
    if (vl_recall(a, key)) return VALENCE_OK;
    VL_TRY(vl_ask_json(a, a->x->request.body, &root, error));
    VL_TRY(vl_ask_options(a, root, error));
    if (vl_json_get(root, "text", &value)) {
        VL_TRY(answer_text(a, value, error));
        vl_recall_keep(a, key);
        return VALENCE_OK;
    }
    if (vl_json_get(root, "texts", &value)) return answer_texts(a, value, error);
    if (vl_json_get(root, "inputs", &value)) return vl_tei_answer(a, value, error);
    return vl_fail(error, VALENCE_ARGUMENT, "\"text\", \"texts\" or \"inputs\" is missing");
}

void vl_route_predict(vl_exchange *x)
{
    vl_ask a;
    valence_error error = {0};
    vl_ask_init(&a, x);
    vl_cache_key key;
    vl_status status = answer(&a, &key, &error);
    vl_ask_finish(&a, status, &error);
}
