/* hf_config.c: config.json key by key. Architectures differ in how they spell the sizes (a table)
 * and in a few settings of their own (a function each); what would change the arithmetic in a way
 * that no metadata key can say is refused by name. Keys of transformers before and after version 5
 * are understood; what is absent has the default that transformers gives it, except sizes, which
 * must be there. */
#include "formats/hf_config.h"

#include <math.h>
#include <stdio.h>

#include "base/decimal.h"
#include "base/json.h"
#include "formats/hf_labels.h"

enum { MAX_JSON = 1 << 26, MAX_SIZE = 1 << 24, MAX_HIDDEN = 1 << 16, MAX_LAYERS = 1024 };

static const char file[] = "config.json";

typedef struct reader {
    vl_hf_config *c;
    vl_store *store;
    vl_json root;
    valence_error *error;
} reader;

/* ---- Values ---------------------------------------------------------------------------------- */

/* False for a key that is absent or null: transformers takes the default then. */
static bool find(const reader *r, const char *key, vl_json *out)
{
    return vl_json_get(r->root, key, out) && vl_json_type_of(*out) != VL_JSON_NULL;
}

static vl_status read_integer(const reader *r, const char *key, int64_t min, int64_t max,
                              int32_t *out)
{
    vl_json value;
    int64_t n;
    if (!find(r, key, &value))
        return vl_fail(r->error, VALENCE_FORMAT, "%s: '%s' is missing", file, key);
    if (!vl_json_integer(value, &n) || n < min || n > max)
        return vl_fail(r->error, VALENCE_FORMAT, "%s: '%s' is not an integer from %lld to %lld",
                       file, key, (long long)min, (long long)max);
    *out = (int32_t)n;
    return VALENCE_OK;
}

static vl_status read_integer_or(const reader *r, const char *key, int64_t min, int64_t max,
                                 int32_t absent, int32_t *out)
{
    vl_json value;
    *out = absent;
    return find(r, key, &value) ? read_integer(r, key, min, max, out) : VALENCE_OK;
}

static vl_status read_number_or(const reader *r, vl_json object, const char *key, double absent,
                                double *out)
{
    vl_json value;
    *out = absent;
    if (!vl_json_get(object, key, &value) || vl_json_type_of(value) == VL_JSON_NULL)
        return VALENCE_OK;
    if (vl_json_number(value, out) && *out > 0 && isfinite((float)*out)) return VALENCE_OK;
    return vl_fail(r->error, VALENCE_FORMAT, "%s: '%s' is not a number above 0", file, key);
}

static vl_status read_flag_or(const reader *r, const char *key, bool absent, bool *out)
{
    vl_json value;
    *out = absent;
    if (!find(r, key, &value) || vl_json_boolean(value, out)) return VALENCE_OK;
    return vl_fail(r->error, VALENCE_FORMAT, "%s: '%s' is neither true nor false", file, key);
}

static vl_status read_string_or(const reader *r, const char *key, const char *absent, vl_span *out)
{
    vl_json value;
    *out = vl_span_of(absent);
    if (!find(r, key, &value) || vl_json_string(value, out)) return VALENCE_OK;
    return vl_fail(r->error, VALENCE_FORMAT, "%s: '%s' is not a string", file, key);
}

/* As much of a value as belongs into a message. */
static int shown(vl_span s)
{
    return s.len < 60 ? (int)s.len : 60;
}

static vl_status refuse_value(const reader *r, const char *key, vl_span value)
{
    return vl_fail(r->error, VALENCE_UNSUPPORTED, "%s: '%s' = '%.*s' is not supported", file, key,
                   shown(value), value.ptr);
}

static vl_status set(const reader *r, const char *key, const char *value)
{
    return vl_store_set(r->store, key, vl_span_of(value), r->error);
}

static vl_status set_integer(const reader *r, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return set(r, key, text);
}

/* A short buffer of metadata becomes the value of key, and is released. */
static vl_status set_buffer(const reader *r, const char *key, vl_buffer *b, vl_status written)
{
    vl_status status =
        written == VALENCE_OK
            ? vl_store_set(r->store, key, vl_buffer_span(b), r->error)
            : vl_fail(r->error, written, "cannot keep '%s': %s", key, valence_status_text(written));
    vl_buffer_release(b);
    return status;
}

static vl_status set_number(const reader *r, const char *key, double value)
{
    vl_buffer text;
    vl_buffer_init(&text, VL_MEM_MODEL, 64);
    return set_buffer(r, key, &text, vl_json_write_number(&text, value));
}

/* ---- Which architecture ---------------------------------------------------------------------- */

static const struct model_type {
    const char *type, *class_prefix;
    vl_hf_architecture architecture;
} model_types[] = {
    {"bert", "Bert", VL_HF_BERT},
    {"distilbert", "DistilBert", VL_HF_DISTILBERT},
    {"roberta", "Roberta", VL_HF_ROBERTA},
    {"xlm-roberta", "XLMRoberta", VL_HF_ROBERTA},
    {"camembert", "Camembert", VL_HF_ROBERTA},
    {"electra", "Electra", VL_HF_ELECTRA},
    {"modernbert", "ModernBert", VL_HF_MODERNBERT},
};
enum { MODEL_TYPES = sizeof model_types / sizeof model_types[0] };

static int take_first(void *user, vl_span key, vl_json value)
{
    (void)key;
    return vl_json_string(value, user) ? 1 : 2;
}

/* architectures[0], or empty. */
static vl_status read_class(const reader *r, vl_span *out)
{
    vl_json list;
    *out = vl_span_of("");
    if (!find(r, "architectures", &list)) return VALENCE_OK;
    if (vl_json_type_of(list) == VL_JSON_ARRAY && vl_json_each(list, take_first, out) != 2)
        return VALENCE_OK;
    return vl_fail(r->error, VALENCE_FORMAT, "%s: 'architectures' is not a list of names", file);
}

/* "BertForSequenceClassification" without its ending. */
static vl_status cut_class(const reader *r, vl_span class, vl_span *prefix)
{
    static const char ending[] = "ForSequenceClassification";
    size_t len = sizeof ending - 1;
    if (class.len < len || memcmp(class.ptr + class.len - len, ending, len) != 0)
        return vl_fail(r->error, VALENCE_UNSUPPORTED,
                       "%s: '%.*s' is not a sequence classifier (architectures: ..%s)", file,
                       shown(class), class.ptr, ending);
    *prefix = (vl_span){class.ptr, class.len - len};
    return VALENCE_OK;
}

/* By model_type; the oldest files have only architectures. */
static vl_status read_architecture(const reader *r)
{
    vl_span class, prefix = {0}, type;
    VL_TRY(read_class(r, &class));
    if (class.len) VL_TRY(cut_class(r, class, &prefix));
    VL_TRY(read_string_or(r, "model_type", "", &type));
    if (!type.len && !class.len)
        return vl_fail(r->error, VALENCE_FORMAT, "%s: 'model_type' is missing", file);
    for (int i = 0; i < MODEL_TYPES; i++) {
        const struct model_type *m = &model_types[i];
        if (!vl_span_is(type.len ? type : prefix, type.len ? m->type : m->class_prefix)) continue;
        r->c->architecture = m->architecture;
        return VALENCE_OK;
    }
    vl_span name = type.len ? type : class;
    return vl_fail(r->error, VALENCE_UNSUPPORTED,
                   "%s: architecture '%.*s' is not supported (bert, distilbert, roberta, "
                   "xlm-roberta, camembert, electra and modernbert are)",
                   file, shown(name), name.ptr);
}

/* ---- Sizes ----------------------------------------------------------------------------------- */

static const struct size_names {
    const char *hidden, *layers, *heads, *intermediate, *activation;
} names_bert = {"hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
                "hidden_act"},
  names_distilbert = {"dim", "n_layers", "n_heads", "hidden_dim", "activation"},
  names_modernbert = {"hidden_size", "num_hidden_layers", "num_attention_heads",
                      "intermediate_size", "hidden_activation"};

static const struct size_names *names_of(vl_hf_architecture a)
{
    return a == VL_HF_DISTILBERT   ? &names_distilbert
           : a == VL_HF_MODERNBERT ? &names_modernbert
                                   : &names_bert;
}

static vl_status read_sizes(const reader *r)
{
    vl_hf_config *c = r->c;
    const struct size_names *n = names_of(c->architecture);
    VL_TRY(read_integer(r, n->hidden, 1, MAX_HIDDEN, &c->C));
    VL_TRY(read_integer(r, n->layers, 1, MAX_LAYERS, &c->layers));
    VL_TRY(read_integer(r, n->heads, 1, c->C, &c->heads));
    VL_TRY(read_integer(r, n->intermediate, 1, MAX_HIDDEN * 4, &c->I));
    VL_TRY(read_integer(r, "vocab_size", 1, MAX_SIZE, &c->V));
    VL_TRY(read_integer(r, "max_position_embeddings", 1, MAX_SIZE, &c->P));
    VL_TRY(read_integer_or(r, "type_vocab_size", 1, MAX_SIZE, 2, &c->S));
    c->E = c->C;
    if (c->architecture == VL_HF_ELECTRA)
        VL_TRY(read_integer(r, "embedding_size", 1, MAX_HIDDEN, &c->E));
    if (c->C % c->heads != 0)
        return vl_fail(r->error, VALENCE_FORMAT, "%s: '%s' %d is not a multiple of '%s' %d", file,
                       n->hidden, c->C, n->heads, c->heads);
    VL_TRY(set_integer(r, "transformer.layers", c->layers));
    return set_integer(r, "transformer.heads", c->heads);
}

/* ---- Activations ----------------------------------------------------------------------------- */

typedef struct activation {
    const char *theirs, *ours;
} activation;

/* gelu_new, gelu_fast and gelu_accurate are one formula written in three ways. */
static const activation activations[] = {
    {"gelu", "gelu"},
    {"gelu_python", "gelu"},
    {"gelu_new", "gelu_tanh"},
    {"gelu_pytorch_tanh", "gelu_tanh"},
    {"gelu_fast", "gelu_tanh"},
    {"gelu_python_tanh", "gelu_tanh"},
    {"relu", "relu"},
    {"gelu_accurate", "gelu_tanh"},
    {"silu", "silu"},
    {"swish", "silu"},
    {NULL, NULL},
};

static const activation head_activations[] = {
    {"gelu", "gelu"}, {"gelu_python", "gelu"}, {"relu", "relu"}, {"tanh", "tanh"}, {NULL, NULL}};

static vl_status read_activation(const reader *r, const char *key, const activation *known,
                                 const char **out)
{
    vl_span name;
    VL_TRY(read_string_or(r, key, "gelu", &name));
    for (; known->theirs; known++)
        if (vl_span_is(name, known->theirs)) return *out = known->ours, VALENCE_OK;
    return refuse_value(r, key, name);
}

/* ---- What nothing here can compute ----------------------------------------------------------- */

static vl_status refuse_flag(const reader *r, const char *key)
{
    bool on;
    VL_TRY(read_flag_or(r, key, false, &on));
    return on ? refuse_value(r, key, vl_span_of("true")) : VALENCE_OK;
}

/* An object that is there and not empty. */
static vl_status refuse_object(const reader *r, const char *key)
{
    vl_json value;
    if (!find(r, key, &value)) return VALENCE_OK;
    vl_json_type type = vl_json_type_of(value);
    if ((type == VL_JSON_OBJECT || type == VL_JSON_ARRAY) && vl_json_count(value) == 0)
        return VALENCE_OK;
    return vl_fail(r->error, VALENCE_UNSUPPORTED, "%s: '%s' is not supported", file, key);
}

static vl_status refuse_unknown(const reader *r)
{
    vl_span positions;
    VL_TRY(read_string_or(r, "position_embedding_type", "absolute", &positions));
    if (!vl_span_is(positions, "absolute"))
        return refuse_value(r, "position_embedding_type", positions);
    VL_TRY(refuse_flag(r, "is_decoder"));
    VL_TRY(refuse_flag(r, "add_cross_attention"));
    VL_TRY(refuse_object(r, "pruned_heads"));
    VL_TRY(refuse_object(r, "rope_scaling"));
    return refuse_object(r, "quantization_config");
}

/* ---- Architectures --------------------------------------------------------------------------- */

static vl_status read_problem(const reader *r)
{
    vl_span problem;
    VL_TRY(read_string_or(r, "problem_type", "single_label_classification", &problem));
    if (vl_span_is(problem, "regression"))
        return vl_fail(r->error, VALENCE_UNSUPPORTED,
                       "%s: 'problem_type' = 'regression': only classifiers are supported", file);
    bool multi = vl_span_is(problem, "multi_label_classification");
    if (!multi && !vl_span_is(problem, "single_label_classification"))
        return refuse_value(r, "problem_type", problem);
    return set(r, "transformer.problem", multi ? "multi" : "single");
}

/* Rows of the position table before the first token's: RoBERTa counts from the padding's id. */
static vl_status set_positions(const reader *r)
{
    int32_t offset = 0;
    if (r->c->architecture == VL_HF_ROBERTA) {
        VL_TRY(read_integer_or(r, "pad_token_id", 0, MAX_SIZE, 1, &offset));
        offset++;
    }
    r->c->max_length = r->c->P - offset;
    if (r->c->max_length < 1)
        return vl_fail(r->error, VALENCE_FORMAT,
                       "%s: 'max_position_embeddings' %d leaves no position behind padding", file,
                       r->c->P);
    VL_TRY(set(r, "transformer.positions", "learned"));
    return set_integer(r, "transformer.position_offset", offset);
}

static vl_status set_norm(const reader *r, const char *kind, const char *eps_key, double absent)
{
    double eps;
    VL_TRY(read_number_or(r, r->root, eps_key, absent, &eps));
    VL_TRY(set(r, "transformer.norm", kind));
    return set_number(r, "transformer.norm_eps", eps);
}

static vl_status read_post_norm(const reader *r)
{
    static const char *const heads[] = {
        [VL_HF_BERT] = "tanh",
        [VL_HF_DISTILBERT] = "relu",
        [VL_HF_ROBERTA] = "tanh",
        [VL_HF_ELECTRA] = "gelu",
    };
    vl_hf_config *c = r->c;
    c->head = heads[c->architecture];
    c->attention_bias = c->norm_bias = c->head_bias = true;
    /* DistilBERT's is fixed: no key of its config.json changes it. */
    const char *eps_key = c->architecture == VL_HF_DISTILBERT ? "" : "layer_norm_eps";
    VL_TRY(set_norm(r, "post", eps_key, 1e-12));
    VL_TRY(set_positions(r));
    return set(r, "transformer.pooling", "first");
}

/* ---- ModernBERT ------------------------------------------------------------------------------ */

/* The base of one kind of layer: {"full_attention": {"rope_theta": ..}} since transformers 5. */
static vl_status read_rope(const reader *r, const char *kind, const char *old_key, double absent,
                           double *out)
{
    vl_json all, parameters;
    VL_TRY(read_number_or(r, r->root, old_key, absent, out));
    if (!find(r, "rope_parameters", &all) || !vl_json_get(all, kind, &parameters))
        return VALENCE_OK;
    if (vl_json_type_of(parameters) != VL_JSON_OBJECT) return VALENCE_OK;
    reader inner = *r;
    inner.root = parameters;
    vl_span type;
    double share;
    VL_TRY(read_string_or(&inner, "rope_type", "default", &type));
    if (!vl_span_is(type, "default")) return refuse_value(r, "rope_type", type);
    VL_TRY(read_number_or(r, parameters, "partial_rotary_factor", 1, &share));
    if (share != 1)
        return vl_fail(r->error, VALENCE_UNSUPPORTED,
                       "%s: 'partial_rotary_factor' other than 1 is not supported", file);
    return read_number_or(r, parameters, "rope_theta", *out, out);
}

static vl_status set_rope(const reader *r)
{
    double global, local;
    if (r->c->C / r->c->heads % 2)
        return vl_fail(r->error, VALENCE_FORMAT, "%s: rotated heads of odd size %d", file,
                       r->c->C / r->c->heads);
    VL_TRY(read_rope(r, "full_attention", "global_rope_theta", 160000, &global));
    vl_json value; /* a null said "as in global layers" */
    bool same =
        vl_json_get(r->root, "local_rope_theta", &value) && vl_json_type_of(value) == VL_JSON_NULL;
    VL_TRY(read_rope(r, "sliding_attention", "local_rope_theta", same ? global : 10000, &local));
    VL_TRY(set(r, "transformer.positions", "rope"));
    VL_TRY(set_integer(r, "transformer.position_offset", 0));
    VL_TRY(set_number(r, "transformer.rope_global", global));
    return set_number(r, "transformer.rope_local", local);
}

typedef struct layer_kinds {
    bool global[MAX_LAYERS]; /* (count) */
    int32_t count, globals;
} layer_kinds;

static void add_layer(layer_kinds *l, bool global)
{
    l->global[l->count++] = global;
    l->globals += global;
}

static int take_layer_type(void *user, vl_span key, vl_json value)
{
    (void)key;
    vl_span type;
    if (!vl_json_string(value, &type)) return 1;
    bool global = vl_span_is(type, "full_attention");
    if (!global && !vl_span_is(type, "sliding_attention")) return 1;
    add_layer(user, global);
    return 0;
}

/* By layer_types, or every n-th. */
static vl_status read_layer_types(const reader *r, layer_kinds *l)
{
    vl_json types;
    if (!find(r, "layer_types", &types)) {
        int32_t every;
        VL_TRY(read_integer_or(r, "global_attn_every_n_layers", 1, MAX_SIZE, 3, &every));
        for (int32_t i = 0; i < r->c->layers; i++) add_layer(l, i % every == 0);
        return VALENCE_OK;
    }
    if (vl_json_type_of(types) != VL_JSON_ARRAY || vl_json_count(types) != (size_t)r->c->layers)
        return vl_fail(r->error, VALENCE_FORMAT, "%s: 'layer_types' is not a list of %d names",
                       file, r->c->layers);
    if (vl_json_each(types, take_layer_type, l) == 0) return VALENCE_OK;
    return vl_fail(r->error, VALENCE_UNSUPPORTED,
                   "%s: 'layer_types' has more than 'full_attention' and 'sliding_attention'",
                   file);
}

static vl_status write_globals(vl_buffer *out, const layer_kinds *l)
{
    bool first = true;
    VL_TRY(vl_buffer_append_byte(out, '['));
    for (int32_t i = 0; i < l->count; i++) {
        if (!l->global[i]) continue;
        if (!first) VL_TRY(vl_buffer_append_byte(out, ','));
        first = false;
        VL_TRY(vl_write_integer(out, i));
    }
    return vl_buffer_append_byte(out, ']');
}

/* The window counts both sides together; half of it must not become 0, which means "all". */
static vl_status set_layer_types(const reader *r)
{
    layer_kinds l = {0};
    int32_t window = 0;
    VL_TRY(read_layer_types(r, &l));
    if (l.globals < l.count)
        VL_TRY(read_integer_or(r, "local_attention", 2, MAX_SIZE, 128, &window));
    VL_TRY(set_integer(r, "transformer.window", window / 2));
    vl_buffer text;
    vl_buffer_init(&text, VL_MEM_MODEL, 1 << 16);
    return set_buffer(r, "transformer.global_layers", &text, write_globals(&text, &l));
}

static vl_status set_pooling(const reader *r)
{
    vl_span pooling;
    VL_TRY(read_string_or(r, "classifier_pooling", "cls", &pooling));
    bool mean = vl_span_is(pooling, "mean");
    if (!mean && !vl_span_is(pooling, "cls")) return refuse_value(r, "classifier_pooling", pooling);
    return set(r, "transformer.pooling", mean ? "mean" : "first");
}

static vl_status read_modernbert(const reader *r)
{
    vl_hf_config *c = r->c;
    c->max_length = c->P;
    VL_TRY(read_flag_or(r, "attention_bias", false, &c->attention_bias));
    VL_TRY(read_flag_or(r, "norm_bias", false, &c->norm_bias));
    VL_TRY(read_flag_or(r, "classifier_bias", false, &c->head_bias));
    VL_TRY(refuse_flag(r, "mlp_bias"));
    VL_TRY(read_activation(r, "classifier_activation", head_activations, &c->head));
    VL_TRY(set_norm(r, "pre", "norm_eps", 1e-5));
    VL_TRY(set_rope(r));
    VL_TRY(set_layer_types(r));
    return set_pooling(r);
}

/* ---- The whole ------------------------------------------------------------------------------- */

static vl_status read_all(const reader *r)
{
    static const char *const names[] = {
        [VL_HF_BERT] = "bert",       [VL_HF_DISTILBERT] = "distilbert", [VL_HF_ROBERTA] = "roberta",
        [VL_HF_ELECTRA] = "electra", [VL_HF_MODERNBERT] = "modernbert",
    };
    const char *function;
    if (vl_json_type_of(r->root) != VL_JSON_OBJECT)
        return vl_fail(r->error, VALENCE_FORMAT, "%s: not an object", file);
    VL_TRY(read_architecture(r));
    VL_TRY(read_sizes(r));
    VL_TRY(refuse_unknown(r));
    VL_TRY(set(r, "family", "transformer"));
    VL_TRY(set(r, "transformer.architecture", names[r->c->architecture]));
    VL_TRY(read_activation(r, names_of(r->c->architecture)->activation, activations, &function));
    VL_TRY(set(r, "transformer.activation", function));
    VL_TRY(read_problem(r));
    VL_TRY(vl_hf_labels_read(&r->c->K, r->store, r->root, r->error));
    return r->c->architecture == VL_HF_MODERNBERT ? read_modernbert(r) : read_post_norm(r);
}

/* Parses json and calls back; the document lives until then. name: for messages. */
static vl_status parse_and(reader *r, const char *name, vl_span json,
                           vl_status (*read)(const reader *r))
{
    valence_error why = {0};
    vl_json_parser *parser = vl_json_parser_open(MAX_JSON);
    if (!parser) return vl_fail_memory(r->error, json.len, "a JSON document");
    vl_status status = vl_json_parse_copy(parser, json, &r->root, &why);
    if (status == VALENCE_OK) status = read(r);
    else vl_fail_at(r->error, status, why.line, why.byte, "%s: %s", name, why.message);
    vl_json_parser_close(parser);
    return status;
}

vl_status vl_hf_config_read(vl_hf_config *c, vl_store *store, vl_span json, valence_error *error)
{
    *c = (vl_hf_config){0};
    reader r = {.c = c, .store = store, .error = error};
    return parse_and(&r, file, json, read_all);
}

/* ---- tokenizer_config.json ------------------------------------------------------------------- */

static vl_status read_limit(const reader *r)
{
    vl_json value;
    double limit;
    if (vl_json_type_of(r->root) != VL_JSON_OBJECT)
        return vl_fail(r->error, VALENCE_FORMAT, "tokenizer_config.json: not an object");
    if (!find(r, "model_max_length", &value)) return VALENCE_OK;
    if (!vl_json_number(value, &limit) || !(limit >= 1))
        return vl_fail(r->error, VALENCE_FORMAT,
                       "tokenizer_config.json: 'model_max_length' is not a number from 1");
    /* Larger ones are Python's way to say "unknown". */
    if (limit < 1e6 && limit < r->c->max_length) r->c->max_length = (int32_t)limit;
    return VALENCE_OK;
}

vl_status vl_hf_config_limit(vl_hf_config *c, vl_span json, valence_error *error)
{
    reader r = {.c = c, .error = error};
    return parse_and(&r, "tokenizer_config.json", json, read_limit);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

void vl_hf_shorten_integers(char *json, size_t len)
{
    enum { KEPT = 18 };
    bool inside = false;
    for (size_t i = 0; i < len; i++) {
        if (inside && json[i] == '\\') i++;
        else if (json[i] == '"') inside = !inside;
        else if (!inside && is_digit(json[i])) {
            size_t end = i;
            while (end < len && is_digit(json[end])) end++;
            bool integer = end == len || !strchr(".eE", json[end]);
            if (integer && end - i > KEPT) memset(json + i + KEPT, ' ', end - i - KEPT);
            i = end - 1;
        }
    }
}
