/* route_hf.c: POST /hf/{model}, the shape of Hugging Face's inference API for text classification:
 * {"inputs":".."} gets [[{"label":..,"score":..},..]] (one list more than TEI), a list of texts one
 * list for each. Parameters top_k and function_to_apply. */
#include <math.h>

#include "serve/answer_json.h"
#include "serve/recall.h"
#include "serve/route_list.h"
#include "serve/routes.h"

typedef enum function { SOFTMAX, SIGMOID, NONE } function;

typedef struct wish { /* the ask's extra */
    function function;
    float values[]; /* (label_count) sigmoids */
} wish;

/* ---- Answers --------------------------------------------------------------------------------- */

static const float *values_of(const vl_ask *a, const valence_prediction *p)
{
    wish *w = a->extra;
    if (w->function == SOFTMAX) return p->probabilities;
    if (w->function == NONE) return p->logits;
    for (int k = 0; k < a->model->info.label_count; k++)
        w->values[k] = 1 / (1 + expf(-p->logits[k]));
    return w->values;
}

static vl_status write_item(vl_ask *a, const vl_result *r, valence_error *error)
{
    (void)error;
    VL_TRY(vl_buffer_append_byte(a->out, a->written ? ',' : '['));
    return vl_answer_ranking(a, values_of(a, r->prediction), VL_RANKING_HF);
}

static vl_status end(vl_ask *a, valence_error *error)
{
    (void)error;
    return vl_buffer_append_byte(a->out, ']');
}

static const vl_writer writer = {.item = write_item, .end = end, .finish = vl_ask_send};

/* ---- Requests -------------------------------------------------------------------------------- */

static vl_status read_function(wish *w, vl_json parameters, valence_error *error)
{
    vl_json value;
    vl_span name;
    if (!vl_json_get(parameters, "function_to_apply", &value) ||
        vl_json_type_of(value) == VL_JSON_NULL)
        return VALENCE_OK;
    bool known = vl_json_string(value, &name);
    if (known && vl_span_is(name, "sigmoid")) w->function = SIGMOID;
    else if (known && vl_span_is(name, "none")) w->function = NONE;
    else if (!known || !vl_span_is(name, "softmax"))
        return vl_fail(error, VALENCE_ARGUMENT,
                       "\"function_to_apply\" must be \"softmax\", \"sigmoid\" or \"none\"");
    return VALENCE_OK;
}

static vl_status read_parameters(vl_ask *a, vl_json root, valence_error *error)
{
    vl_json parameters, value;
    if (!vl_json_get(root, "parameters", &parameters) ||
        vl_json_type_of(parameters) == VL_JSON_NULL)
        return VALENCE_OK;
    if (vl_json_type_of(parameters) != VL_JSON_OBJECT)
        return vl_fail(error, VALENCE_ARGUMENT, "\"parameters\" must be an object");
    VL_TRY(read_function(a->extra, parameters, error));
    return vl_json_get(parameters, "top_k", &value) ? vl_ask_top_k(a, value, error) : VALENCE_OK;
}

typedef struct reading {
    vl_ask *ask;
    valence_error *error;
    vl_status status;
} reading;

static int take_each(void *user, vl_span key, vl_json value)
{
    (void)key;
    reading *r = user;
    vl_span text;
    if (vl_json_string(value, &text)) r->status = vl_ask_take(r->ask, text, r->error);
    else
        r->status =
            vl_fail(r->error, VALENCE_ARGUMENT, "\"inputs\" must be a string or a list of strings");
    return r->status != VALENCE_OK;
}

static vl_status take_inputs(vl_ask *a, vl_json root, valence_error *error)
{
    vl_json inputs;
    reading r = {.ask = a, .error = error};
    if (!vl_json_get(root, "inputs", &inputs))
        return vl_fail(error, VALENCE_ARGUMENT, "\"inputs\" is missing");
    if (vl_json_type_of(inputs) != VL_JSON_ARRAY) {
        take_each(&r, (vl_span){"", 0}, inputs);
        return r.status;
    }
    VL_TRY(vl_ask_check_count(a, vl_json_count(inputs), error));
    vl_json_each(inputs, take_each, &r);
    return r.status;
}

static vl_status read_request(vl_ask *a, valence_error *error)
{
    vl_json root;
    VL_TRY(vl_ask_model(a, vl_path_segment(a->x->request.path, 1), error));
    VL_TRY(vl_ask_head(a, error));
    if (vl_recall(a, VL_RECALL_HF)) return VALENCE_OK;
    size_t values = (size_t)a->model->info.label_count * sizeof(float);
    a->extra = vl_alloc_zero(VL_MEM_REQUEST, sizeof(wish) + values);
    a->drop = vl_free;
    if (!a->extra) return VALENCE_NO_MEMORY;
    VL_TRY(vl_ask_json(a, a->x->request.body, &root, error));
    VL_TRY(read_parameters(a, root, error));
    return take_inputs(a, root, error);
}

void vl_route_hf(vl_exchange *x)
{
    valence_error error = {0};
    vl_ask *a = vl_ask_begin(x, &writer);
    if (a) vl_ask_go(a, read_request(a, &error), &error);
}
