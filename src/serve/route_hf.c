/* route_hf.c: POST /hf/{model}, the shape of Hugging Face's inference API for text classification:
 * {"inputs":".."} gets [[{"label":..,"score":..},..]] (one list more than TEI), a list of texts one
 * list for each. Parameters top_k and function_to_apply. */
#include <math.h>

#include "serve/answer_json.h"
#include "serve/route_list.h"
#include "serve/routes.h"

typedef enum function { SOFTMAX, SIGMOID, NONE } function;

typedef struct work {
    vl_ask *ask;
    valence_error *error;
    vl_status status;
    function function;
    float *values; /* (label_count) sigmoids */
    size_t items;
} work;

static vl_status read_function(work *w, vl_json parameters)
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
        return vl_fail(w->error, VALENCE_ARGUMENT,
                       "\"function_to_apply\" must be \"softmax\", \"sigmoid\" or \"none\"");
    return VALENCE_OK;
}

static vl_status read_parameters(work *w, vl_json root)
{
    vl_json parameters, value;
    if (!vl_json_get(root, "parameters", &parameters) ||
        vl_json_type_of(parameters) == VL_JSON_NULL)
        return VALENCE_OK;
    if (vl_json_type_of(parameters) != VL_JSON_OBJECT)
        return vl_fail(w->error, VALENCE_ARGUMENT, "\"parameters\" must be an object");
    VL_TRY(read_function(w, parameters));
    return vl_json_get(parameters, "top_k", &value) ? vl_ask_top_k(w->ask, value, w->error)
                                                    : VALENCE_OK;
}

static vl_status apply(work *w, const valence_prediction *p, const float **values)
{
    int count = w->ask->model->info.label_count;
    *values = w->function == SOFTMAX ? p->probabilities : p->logits;
    if (w->function != SIGMOID) return VALENCE_OK;
    if (!w->values) w->values = vl_alloc_array(VL_MEM_REQUEST, (size_t)count, sizeof *w->values);
    if (!w->values) return VALENCE_NO_MEMORY;
    for (int k = 0; k < count; k++) w->values[k] = 1 / (1 + expf(-p->logits[k]));
    *values = w->values;
    return VALENCE_OK;
}

static vl_status answer_text(work *w, vl_json value)
{
    vl_span text;
    valence_prediction p;
    const float *values;
    vl_buffer *out = w->ask->x->out;
    if (!vl_json_string(value, &text))
        return vl_fail(w->error, VALENCE_ARGUMENT,
                       "\"inputs\" must be a string or a list of strings");
    if (w->items++) VL_TRY(vl_buffer_append_byte(out, ','));
    VL_TRY(vl_ask_predict(w->ask, text, &p, NULL, w->error));
    VL_TRY(apply(w, &p, &values));
    return vl_answer_ranking(w->ask, out, values, VL_RANKING_HF);
}

static int answer_each(void *user, vl_span key, vl_json value)
{
    (void)key;
    work *w = user;
    w->status = answer_text(w, value);
    return w->status != VALENCE_OK;
}

static vl_status answer_inputs(work *w, vl_json root)
{
    vl_json inputs;
    vl_buffer *out = w->ask->x->out;
    if (!vl_json_get(root, "inputs", &inputs))
        return vl_fail(w->error, VALENCE_ARGUMENT, "\"inputs\" is missing");
    VL_TRY(vl_buffer_append_byte(out, '['));
    if (vl_json_type_of(inputs) == VL_JSON_ARRAY) {
        VL_TRY(vl_ask_check_count(w->ask, vl_json_count(inputs), w->error));
        vl_json_each(inputs, answer_each, w);
        VL_TRY(w->status);
    } else {
        VL_TRY(answer_text(w, inputs));
    }
    return vl_buffer_append_byte(out, ']');
}

static vl_status answer(work *w)
{
    vl_json root;
    VL_TRY(vl_ask_model(w->ask, vl_path_segment(w->ask->x->request.path, 1), w->error));
    VL_TRY(vl_ask_body(w->ask, &root, w->error));
    VL_TRY(read_parameters(w, root));
    return answer_inputs(w, root);
}

void vl_route_hf(vl_exchange *x)
{
    vl_ask a;
    valence_error error = {0};
    vl_ask_init(&a, x);
    work w = {.ask = &a, .error = &error};
    vl_status status = answer(&w);
    vl_free(w.values);
    vl_ask_finish(&a, status, &error);
}
