/* v2_input.c: reads inputs and wishes. Counts and sizes come from the client: all are checked
 * against what is there before anything is taken. */
#include "serve/v2_tensor.h"

vl_v2_call *vl_v2_open(vl_ask *ask)
{
    vl_v2_call *c = vl_alloc_zero(VL_MEM_REQUEST, sizeof *c);
    if (!c) return NULL;
    c->ask = ask;
    vl_buffer_init(&c->id, VL_MEM_REQUEST, SIZE_MAX / 4);
    vl_buffer_init(&c->tail, VL_MEM_REQUEST, SIZE_MAX / 4);
    return c;
}

void vl_v2_close(void *call)
{
    vl_v2_call *c = call;
    if (!c) return;
    vl_free(c->texts);
    vl_free(c->labels);
    vl_free(c->label_indices);
    vl_free(c->scores);
    vl_free(c->logits);
    vl_buffer_release(&c->id);
    vl_buffer_release(&c->tail);
    vl_free(c);
}

static vl_status wrong(valence_error *error, const char *what)
{
    return vl_fail(error, VALENCE_ARGUMENT, "%s", what);
}

static vl_status make_texts(vl_v2_call *c, size_t count, valence_error *error)
{
    VL_TRY(vl_ask_check_count(c->ask, count, error));
    c->texts = vl_alloc_array(VL_MEM_REQUEST, count, sizeof *c->texts);
    return c->texts ? VALENCE_OK : vl_fail_memory(error, count * sizeof *c->texts, "texts");
}

/* ---- Data ------------------------------------------------------------------------------------ */

typedef struct filling {
    vl_v2_call *call;
    size_t wanted;
} filling;

static int take_text(void *user, vl_span key, vl_json value)
{
    (void)key;
    filling *f = user;
    vl_span text;
    if (!vl_json_string(value, &text) || f->call->count == f->wanted) return 1;
    f->call->texts[f->call->count++] = text;
    return 0;
}

/* A string; in a column also a list of one. */
static int take_row(void *user, vl_span key, vl_json value)
{
    filling *f = user;
    bool list =
        vl_json_type_of(value) == VL_JSON_ARRAY && f->call->column && vl_json_count(value) == 1;
    return list ? vl_json_each(value, take_text, f) : take_text(f, key, value);
}

static vl_status read_data(vl_v2_call *c, size_t count, vl_json data, valence_error *error)
{
    filling f = {c, count};
    if (vl_json_type_of(data) != VL_JSON_ARRAY)
        return wrong(error, "\"data\" of input 'text' must be a list of strings");
    VL_TRY(make_texts(c, count, error));
    bool misfit = vl_json_each(data, take_row, &f) != 0;
    if (!misfit && c->count == count) return VALENCE_OK;
    return vl_fail(error, VALENCE_ARGUMENT,
                   "\"data\" of input 'text' must be %zu strings, as its shape says", count);
}

/* A little-endian length of four bytes before each element. */
static bool next_element(vl_span *bytes, vl_span *text)
{
    if (bytes->len < 4) return false;
    const unsigned char *p = (const unsigned char *)bytes->ptr;
    size_t len = (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
    if (len > bytes->len - 4) return false;
    *text = (vl_span){bytes->ptr + 4, len};
    *bytes = (vl_span){bytes->ptr + 4 + len, bytes->len - 4 - len};
    return true;
}

static vl_status read_bytes(vl_v2_call *c, size_t count, vl_span bytes, valence_error *error)
{
    VL_TRY(make_texts(c, count, error));
    while (c->count < count && next_element(&bytes, &c->texts[c->count])) c->count++;
    if (c->count == count && bytes.len == 0) return VALENCE_OK;
    return vl_fail(
        error, VALENCE_ARGUMENT,
        "the binary data of input 'text' is not %zu elements, each behind its length of 4 bytes",
        count);
}

vl_status vl_v2_read_raw(vl_v2_call *c, vl_span body, valence_error *error)
{
    size_t count = 0;
    vl_span rest = body, text;
    while (next_element(&rest, &text)) count++;
    return read_bytes(c, count, body, error);
}

/* ---- Inputs ---------------------------------------------------------------------------------- */

typedef struct shape {
    int64_t sizes[2];
    int rank;
} shape;

static int take_size(void *user, vl_span key, vl_json value)
{
    (void)key;
    shape *s = user;
    if (s->rank == 2 || !vl_json_integer(value, &s->sizes[s->rank]) || s->sizes[s->rank] < 0)
        return 1;
    s->rank++;
    return 0;
}

static vl_status read_shape(vl_v2_call *c, vl_json input, size_t *count, valence_error *error)
{
    vl_json value;
    shape s = {.rank = 0};
    bool fits = vl_json_get(input, "shape", &value) && vl_json_type_of(value) == VL_JSON_ARRAY &&
                vl_json_each(value, take_size, &s) == 0 && s.rank > 0 &&
                (s.rank == 1 || s.sizes[1] == 1);
    if (!fits) return wrong(error, "the shape of input 'text' must be [n] or [n,1]");
    c->column = s.rank == 2;
    *count = (size_t)s.sizes[0];
    return VALENCE_OK;
}

/* parameters.binary_data_size: that many bytes of the tail, all of it, as there is one input. */
static bool is_binary(vl_json input, int64_t *size)
{
    vl_json parameters, value;
    return vl_json_get(input, "parameters", &parameters) &&
           vl_json_get(parameters, "binary_data_size", &value) &&
           (vl_json_integer(value, size) || (*size = -1));
}

static vl_status read_input(vl_v2_call *c, vl_json input, vl_span tail, valence_error *error)
{
    vl_json value;
    vl_span name, datatype;
    size_t count = 0;
    int64_t size;
    if (!vl_json_get(input, "name", &value) || !vl_json_string(value, &name) ||
        !vl_span_is(name, "text"))
        return wrong(error, "the input must be called 'text'");
    if (!vl_json_get(input, "datatype", &value) || !vl_json_string(value, &datatype) ||
        !vl_span_is(datatype, "BYTES"))
        return wrong(error, "the datatype of input 'text' must be \"BYTES\"");
    VL_TRY(read_shape(c, input, &count, error));
    if (is_binary(input, &size)) {
        if (size < 0 || (uint64_t)size != tail.len)
            return wrong(error, "\"binary_data_size\" is not the number of bytes behind the JSON");
        return read_bytes(c, count, tail, error);
    }
    if (tail.len)
        return wrong(error,
                     "there are bytes behind the JSON, but no input has \"binary_data_size\"");
    if (!vl_json_get(input, "data", &value)) return wrong(error, "input 'text' has no \"data\"");
    return read_data(c, count, value, error);
}

/* ---- Outputs --------------------------------------------------------------------------------- */

typedef struct wishing {
    vl_v2_call *call;
    bool binary; /* what an output does not say */
    valence_error *error;
    vl_status status;
} wishing;

static vl_status find_output(vl_span name, vl_v2_output *output, valence_error *error)
{
    for (int i = 0; i < VL_V2_OUTPUT_COUNT; i++) {
        *output = (vl_v2_output)i;
        if (vl_span_is(name, vl_v2_name(*output))) return VALENCE_OK;
    }
    return vl_fail(error, VALENCE_ARGUMENT,
                   "no output '%.*s'; there are label, label_index, scores and logits",
                   (int)(name.len < 100 ? name.len : 100), name.ptr);
}

static vl_status read_parameters(vl_v2_wish *wish, vl_json parameters, valence_error *error)
{
    vl_json value;
    int64_t k;
    if (vl_json_get(parameters, "binary_data", &value) && !vl_json_boolean(value, &wish->binary))
        return wrong(error, "\"binary_data\" must be true or false");
    if (!vl_json_get(parameters, "classification", &value)) return VALENCE_OK;
    if (wish->output != VL_V2_SCORES && wish->output != VL_V2_LOGITS)
        return wrong(error, "\"classification\" goes with scores or logits");
    if (!vl_json_integer(value, &k) || k < 1)
        return wrong(error, "\"classification\" must be an integer from 1");
    wish->classification = k < INT32_MAX ? (int)k : INT32_MAX;
    return VALENCE_OK;
}

static vl_status add_wish(wishing *w, vl_json output)
{
    vl_v2_call *c = w->call;
    vl_json value, parameters;
    vl_span name;
    if (c->wish_count == VL_V2_WISHES_MAX)
        return wrong(w->error, "more than 16 outputs are asked for");
    vl_v2_wish *wish = &c->wishes[c->wish_count++];
    *wish = (vl_v2_wish){.binary = w->binary};
    if (!vl_json_get(output, "name", &value) || !vl_json_string(value, &name))
        return wrong(w->error, "an output needs a \"name\"");
    VL_TRY(find_output(name, &wish->output, w->error));
    return vl_json_get(output, "parameters", &parameters)
               ? read_parameters(wish, parameters, w->error)
               : VALENCE_OK;
}

static int take_output(void *user, vl_span key, vl_json value)
{
    (void)key;
    wishing *w = user;
    w->status = add_wish(w, value);
    return w->status != VALENCE_OK;
}

/* Nothing asked for: all but the logits. */
static void wish_usual(vl_v2_call *c, bool binary)
{
    for (int i = 0; i < VL_V2_LOGITS; i++)
        c->wishes[c->wish_count++] = (vl_v2_wish){.output = (vl_v2_output)i, .binary = binary};
}

static vl_status read_outputs(vl_v2_call *c, vl_json root, valence_error *error)
{
    vl_json value, parameters;
    wishing w = {.call = c, .error = error};
    if (vl_json_get(root, "parameters", &parameters) &&
        vl_json_get(parameters, "binary_data_output", &value) && !vl_json_boolean(value, &w.binary))
        return wrong(error, "\"binary_data_output\" must be true or false");
    if (vl_json_get(root, "outputs", &value)) {
        if (vl_json_type_of(value) != VL_JSON_ARRAY)
            return wrong(error, "\"outputs\" must be a list");
        vl_json_each(value, take_output, &w);
    }
    if (c->wish_count == 0) wish_usual(c, w.binary);
    return w.status;
}

static int take_input(void *user, vl_span key, vl_json value)
{
    (void)key;
    *(vl_json *)user = value;
    return 0;
}

vl_status vl_v2_read(vl_v2_call *c, vl_json root, vl_span tail, valence_error *error)
{
    vl_json inputs, input;
    if (!vl_json_get(root, "inputs", &inputs) || vl_json_type_of(inputs) != VL_JSON_ARRAY ||
        vl_json_count(inputs) != 1)
        return wrong(error, "\"inputs\" must be a list of one input, 'text'");
    vl_json_each(inputs, take_input, &input);
    VL_TRY(read_outputs(c, root, error));
    return read_input(c, input, tail, error);
}
