/* test_hf_directory.c: Hugging Face folders: the committed ones of every architecture, each way to
 * spell a setting, and each way to be broken or unsupported, with what the message must name. */
#include "folder_fixture.h"

#include "base/buffer.h"
#include "formats/hf_config.h"
#include "formats/hf_directory.h"
#include "formats/safetensors.h"

#define GOLDEN "tests/golden/transformers/"

/* ---- A tiny BERT ------------------------------------------------------------------------------
 */

static const char bert[] =
    "{\"architectures\": [\"BertForSequenceClassification\"], \"model_type\": \"bert\","
    " \"hidden_size\": 4, \"num_hidden_layers\": 1, \"num_attention_heads\": 2,"
    " \"intermediate_size\": 6, \"vocab_size\": 5, \"max_position_embeddings\": 8,"
    " \"hidden_act\": \"gelu\", \"layer_norm_eps\": 1e-12, \"type_vocab_size\": 2,"
    " \"id2label\": {\"1\": \"good\", \"0\": \"bad\"}, \"pad_token_id\": 0}";

static const struct shape {
    const char *name;
    int rows, columns; /* 0: a vector */
} bert_tensors[] = {
    {"bert.embeddings.word_embeddings.weight", 5, 4},
    {"bert.embeddings.position_embeddings.weight", 8, 4},
    {"bert.embeddings.token_type_embeddings.weight", 2, 4},
    {"bert.embeddings.LayerNorm.gamma", 4, 0},
    {"bert.embeddings.LayerNorm.beta", 4, 0},
    {"bert.encoder.layer.0.attention.self.query.weight", 4, 4},
    {"bert.encoder.layer.0.attention.self.query.bias", 4, 0},
    {"bert.encoder.layer.0.attention.self.key.weight", 4, 4},
    {"bert.encoder.layer.0.attention.self.key.bias", 4, 0},
    {"bert.encoder.layer.0.attention.self.value.weight", 4, 4},
    {"bert.encoder.layer.0.attention.self.value.bias", 4, 0},
    {"bert.encoder.layer.0.attention.output.dense.weight", 4, 4},
    {"bert.encoder.layer.0.attention.output.dense.bias", 4, 0},
    {"bert.encoder.layer.0.attention.output.LayerNorm.weight", 4, 0},
    {"bert.encoder.layer.0.attention.output.LayerNorm.bias", 4, 0},
    {"bert.encoder.layer.0.intermediate.dense.weight", 6, 4},
    {"bert.encoder.layer.0.intermediate.dense.bias", 6, 0},
    {"bert.encoder.layer.0.output.dense.weight", 4, 6},
    {"bert.encoder.layer.0.output.dense.bias", 4, 0},
    {"bert.encoder.layer.0.output.LayerNorm.weight", 4, 0},
    {"bert.encoder.layer.0.output.LayerNorm.bias", 4, 0},
    {"classifier.weight", 2, 4},
    {"classifier.bias", 2, 0},
};
enum { BERT_TENSORS = LENGTH(bert_tensors) };

static const float numbers[64] = {1, 2, 3, 4, 5, 6, 7, 8};

static void add_tensor(vl_store *s, struct shape t, vl_dtype dtype)
{
    vl_tensor tensor = {.name = t.name,
                        .dtype = dtype,
                        .rank = t.columns ? 2 : 1,
                        .shape = {t.rows, t.columns},
                        .data = numbers};
    assert_true(vl_tensor_size(&tensor, &tensor.bytes) && tensor.bytes <= sizeof numbers);
    assert_int_equal(vl_store_add(s, &tensor, NULL), VALENCE_OK);
}

/* ---- Files ------------------------------------------------------------------------------------
 */

static const char *in(const char *name)
{
    static char paths[8][512];
    static int turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    test_write(in(name), text, strlen(text));
}

static void write_store(const char *name, vl_store *s)
{
    assert_int_equal(vl_safetensors_write(s, in(name), NULL), VALENCE_OK);
    vl_store_close(s);
}

/* Tensors [from, to) of the tiny BERT; all but `without`, and `extra` besides. */
static void put_weights(const char *name, size_t from, size_t to, const char *without,
                        const struct shape *extra, vl_dtype extra_dtype)
{
    vl_store *s;
    assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
    for (size_t i = from; i < to; i++)
        if (!without || strcmp(bert_tensors[i].name, without) != 0)
            add_tensor(s, bert_tensors[i], VL_F32);
    if (extra) add_tensor(s, *extra, extra_dtype);
    write_store(name, s);
}

/* A whole folder; what the test before left in it is gone. */
static void put_bert(void)
{
    static const char *const others[] = {"model.safetensors.index.json", "a.safetensors",
                                         "b.safetensors", "pytorch_model.bin"};
    for (size_t i = 0; i < LENGTH(others); i++) unlink(in(others[i]));
    put("config.json", bert);
    put("tokenizer.json", "{\"made\": \"up\"}");
    put("tokenizer_config.json", "{}");
    put_weights("model.safetensors", 0, BERT_TENSORS, NULL, NULL, VL_F32);
}

/* text with its first `from` replaced; the result is reused by the next call. */
static const char *with(const char *text, const char *from, const char *to)
{
    static char changed[4096];
    const char *place = strstr(text, from);
    assert_non_null(place);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(place - text), text, to,
             place + strlen(from));
    return changed;
}

static void expect_error(vl_status wanted, const char *message)
{
    vl_hf_directory d;
    valence_error error = {0};
    vl_status status = vl_hf_directory_open(&d, folder, &error);
    if (status != wanted || !strstr(error.message, message))
        fail_msg("wanted %s '%s', got %s '%s'", valence_status_name(wanted), message,
                 valence_status_name(status), error.message);
    assert_null(d.store);
    assert_int_equal(error.code, wanted);
}

static vl_hf_directory opened(const char *path)
{
    vl_hf_directory d;
    valence_error error = {0};
    if (vl_hf_directory_open(&d, path, &error) != VALENCE_OK) fail_msg("%s", error.message);
    return d;
}

static const char *meta(const vl_hf_directory *d, const char *key)
{
    const char *value = vl_store_get(d->store, key);
    return value ? value : "-";
}

/* ---- What is read -----------------------------------------------------------------------------
 */

static void test_bert(void **state)
{
    (void)state;
    put_bert();
    assert_true(vl_hf_directory_is(folder));
    vl_hf_directory d = opened(folder);
    assert_string_equal(meta(&d, "labels"), "[\"bad\",\"good\"]");
    assert_string_equal(meta(&d, "tokenizer"), "{\"made\": \"up\"}");
    assert_string_equal(meta(&d, "transformer.max_length"), "8");
    assert_string_equal(meta(&d, "transformer.head"), "-"); /* no pooler, no activation */
    assert_int_equal(vl_store_count(d.store), BERT_TENSORS);
    const vl_tensor *t = vl_store_find(d.store, "embeddings.norm.weight"); /* gamma */
    assert_true(t && t->rank == 1 && t->shape[0] == 4);
    t = vl_store_find(d.store, "layer.0.ffn.down.weight");
    assert_true(t && t->rank == 2 && t->shape[0] == 4 && t->shape[1] == 6);
    assert_memory_equal(t->data, numbers, t->bytes);
    const char *data = t->data;
    assert_true(data > d.files[0].data && data < d.files[0].data + d.files[0].size);
    assert_false(vl_hf_directory_lost(&d));
    vl_hf_directory_release(&d);
    vl_hf_directory_release(&d);
}

/* Every key and the number of tensors of the committed folders. */
static void test_golden_folders(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "transformer.architecture", "transformer.norm",         "transformer.norm_eps",
        "transformer.activation",   "transformer.positions",    "transformer.position_offset",
        "transformer.pooling",      "transformer.head",         "transformer.problem",
        "transformer.max_length",   "transformer.heads",        "transformer.rope_global",
        "transformer.window",       "transformer.global_layers"};
    static const struct {
        const char *name, *values;
        size_t tensors;
    } folders[] = {
        {"bert", "bert post 1e-12 gelu learned 0 first tanh single 48 4 - - - ", 41},
        {"bert_without_pooler", "bert post 1e-12 gelu_tanh learned 0 first - single 48 4 - - - ",
         39},
        {"minilm", "bert post 1e-12 gelu learned 0 first tanh single 32 8 - - - ", 41},
        {"distilbert_multi", "distilbert post 1e-12 gelu learned 0 first relu multi 48 2 - - - ",
         40},
        {"roberta_sharded", "roberta post 1e-05 gelu learned 2 first tanh single 48 4 - - - ", 41},
        {"electra", "electra post 1e-12 gelu learned 0 first gelu single 48 4 - - - ", 43},
        {"modernbert", "modernbert pre 1e-05 gelu rope 0 first gelu single 256 2 160000 6 [0,3] ",
         42},
        {"modernbert_mean", "modernbert pre 1e-06 gelu rope 0 mean gelu single 128 2 160000 6 [0] ",
         39},
    };
    if (access(GOLDEN "bert", F_OK) != 0) {
        print_message("# SKIP no " GOLDEN ": not in the repository's root\n");
        skip();
    }
    for (size_t i = 0; i < LENGTH(folders); i++) {
        char path[256], values[512] = "";
        snprintf(path, sizeof path, GOLDEN "%s", folders[i].name);
        vl_hf_directory d = opened(path);
        for (size_t k = 0; k < LENGTH(keys); k++)
            snprintf(values + strlen(values), sizeof values - strlen(values), "%s ",
                     meta(&d, keys[k]));
        assert_string_equal(values, folders[i].values);
        assert_int_equal(vl_store_count(d.store), folders[i].tensors);
        assert_string_equal(meta(&d, "family"), "transformer");
        vl_hf_directory_release(&d);
    }
}

/* Wqkv and Wi are not copied: their parts lie behind each other in the file. */
static void test_fused_are_views(void **state)
{
    (void)state;
    if (access(GOLDEN "modernbert", F_OK) != 0) skip();
    vl_hf_directory d = opened(GOLDEN "modernbert");
    const vl_tensor *fused = vl_store_find(d.shards[0], "model.layers.2.attn.Wqkv.weight");
    const vl_tensor *wi = vl_store_find(d.shards[0], "model.layers.2.mlp.Wi.weight");
    static const char *const names[] = {"query", "key", "value"};
    const char *place = fused->data;
    for (int i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "layer.2.attention.%s.weight", names[i]);
        const vl_tensor *t = vl_store_find(d.store, name);
        assert_true(t->data == place && t->shape[0] == 32 && t->shape[1] == 32);
        place += t->bytes;
    }
    assert_true(place == (const char *)fused->data + fused->bytes);
    const vl_tensor *gate = vl_store_find(d.store, "layer.2.ffn.gate.weight");
    const vl_tensor *up = vl_store_find(d.store, "layer.2.ffn.up.weight");
    assert_true(gate->data == wi->data && gate->bytes * 2 == wi->bytes);
    assert_true(up->data == (const char *)wi->data + gate->bytes && up->bytes == gate->bytes);
    assert_null(vl_store_find(d.store, "layer.0.attention.norm.weight"));
    assert_non_null(vl_store_find(d.store, "layer.1.attention.norm.weight"));
    vl_hf_directory_release(&d);
}

static void test_max_length(void **state)
{
    (void)state;
    static const struct {
        const char *config, *length;
    } limits[] = {
        {"{\"model_max_length\": 1000000000000000019884624838656}", "8"}, /* int(1e30) */
        {"{\"model_max_length\": 1e30, \"a\": \"\\\\\"}", "8"},
        {"{\"model_max_length\": 6}", "6"},
        {"{\"model_max_length\": 512}", "8"},
        {"{\"model_max_length\": null}", "8"},
        {"{\"x\": [-1000000000000000019884624838656, 0.1234567890123456789012]}", "8"},
        {"{\"x\": \"\\\" 12345678901234567890123\", \"model_max_length\": 7}", "7"},
    };
    put_bert();
    for (size_t i = 0; i < LENGTH(limits); i++) {
        put("tokenizer_config.json", limits[i].config);
        vl_hf_directory d = opened(folder);
        assert_string_equal(meta(&d, "transformer.max_length"), limits[i].length);
        vl_hf_directory_release(&d);
    }
    put("tokenizer_config.json", "{\"model_max_length\": \"512\"}");
    expect_error(VALENCE_FORMAT, "tokenizer_config.json: 'model_max_length'");
    put("tokenizer_config.json", "{\"model_max_length\": 0}");
    expect_error(VALENCE_FORMAT, "tokenizer_config.json: 'model_max_length'");
    put("tokenizer_config.json", "[");
    expect_error(VALENCE_FORMAT, "tokenizer_config.json: invalid JSON");
    unlink(in("tokenizer_config.json"));
    vl_hf_directory d = opened(folder);
    vl_hf_directory_release(&d);
}

static void test_labels(void **state)
{
    (void)state;
    static const struct {
        const char *from_config, *labels;
    } ways[] = {
        {"\"label2id\": {\"good\": 1, \"bad\": 0}", "[\"bad\",\"good\"]"},
        {"\"num_labels\": 2", "[\"LABEL_0\",\"LABEL_1\"]"},
        {"\"id2label\": null, \"num_labels\": null", "[\"LABEL_0\",\"LABEL_1\"]"},
        {"\"id2label\": {\"0\": \"\", \"1\": \"\\u00e9\\\"\"}", "[\"\",\"\xC3\xA9\\\"\"]"},
    };
    static const struct {
        const char *from_config, *message;
        vl_status status;
    } wrongs[] = {
        {"\"id2label\": {\"0\": \"a\", \"2\": \"b\"}", "'id2label'", VALENCE_FORMAT},
        {"\"id2label\": {\"0\": \"a\", \"00\": \"b\"}", "'id2label'", VALENCE_FORMAT},
        {"\"id2label\": {\"0\": \"a\", \"-1\": \"b\"}", "'id2label'", VALENCE_FORMAT},
        {"\"id2label\": {\"0\": \"a\", \"1\": 7}", "'id2label'", VALENCE_FORMAT},
        {"\"id2label\": [\"a\", \"b\"]", "'id2label'", VALENCE_FORMAT},
        {"\"id2label\": {\"0\": \"a\", \"99999999999999999999\": \"b\"}", "'id2label'",
         VALENCE_FORMAT},
        {"\"id2label\": {}", "0 labels", VALENCE_FORMAT},
        {"\"id2label\": {\"0\": \"score\"}", "one label", VALENCE_UNSUPPORTED},
        {"\"num_labels\": 1", "one label", VALENCE_UNSUPPORTED},
        {"\"num_labels\": -3", "-3 labels", VALENCE_FORMAT},
        {"\"num_labels\": 9000000000", "9000000000 labels", VALENCE_FORMAT},
        {"\"num_labels\": \"two\"", "'num_labels'", VALENCE_FORMAT},
        {"\"label2id\": {\"a\": 0, \"b\": 0}", "'label2id'", VALENCE_FORMAT},
        {"\"label2id\": {\"a\": 0, \"b\": -1}", "'label2id'", VALENCE_FORMAT},
        {"\"num_labels\": 3", "tensor 'classifier.weight' has shape [2, 4]", VALENCE_FORMAT},
    };
    static const char old[] = "\"id2label\": {\"1\": \"good\", \"0\": \"bad\"}";
    put_bert();
    for (size_t i = 0; i < LENGTH(ways); i++) {
        put("config.json", with(bert, old, ways[i].from_config));
        vl_hf_directory d = opened(folder);
        assert_string_equal(meta(&d, "labels"), ways[i].labels);
        vl_hf_directory_release(&d);
    }
    for (size_t i = 0; i < LENGTH(wrongs); i++) {
        put("config.json", with(bert, old, wrongs[i].from_config));
        expect_error(wrongs[i].status, wrongs[i].message);
    }
}

/* ---- Settings ---------------------------------------------------------------------------------
 */

typedef struct wrong {
    const char *from, *to, *message;
    vl_status status;
} wrong;

static void expect_wrongs(const char *config, const wrong *wrongs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        vl_hf_config c;
        vl_store *store;
        valence_error error = {0};
        assert_int_equal(vl_store_open(&store, NULL), VALENCE_OK);
        vl_span text = vl_span_of(with(config, wrongs[i].from, wrongs[i].to));
        vl_status status = vl_hf_config_read(&c, store, text, &error);
        if (status != wrongs[i].status || !strstr(error.message, wrongs[i].message) ||
            strncmp(error.message, "config.json: ", 13) != 0)
            fail_msg("%s: %s '%s'", wrongs[i].to, valence_status_name(status), error.message);
        vl_store_close(store);
    }
}

static void test_settings_refused(void **state)
{
    (void)state;
    static const wrong wrongs[] = {
        {"\"bert\"", "\"t5\"", "'t5'", VALENCE_UNSUPPORTED},
        {"\"model_type\": \"bert\"", "\"model_type\": 3", "'model_type'", VALENCE_FORMAT},
        {"BertForSequenceClassification", "BertForMaskedLM", "'BertForMaskedLM'",
         VALENCE_UNSUPPORTED},
        {"[\"BertForSequenceClassification\"], \"model_type\": \"bert\"",
         "[\"XLNetForSequenceClassification\"]", "XLNet", VALENCE_UNSUPPORTED},
        {"\"architectures\": [\"BertForSequenceClassification\"], \"model_type\": \"bert\"",
         "\"architectures\": []", "'model_type' is missing", VALENCE_FORMAT},
        {"[\"BertForSequenceClassification\"]", "[1]", "'architectures'", VALENCE_FORMAT},
        {"\"pad_token_id\": 0", "\"position_embedding_type\": \"relative_key\"",
         "'position_embedding_type' = 'relative_key'", VALENCE_UNSUPPORTED},
        {"\"pad_token_id\": 0", "\"is_decoder\": true", "'is_decoder'", VALENCE_UNSUPPORTED},
        {"\"pad_token_id\": 0", "\"is_decoder\": 1", "'is_decoder'", VALENCE_FORMAT},
        {"\"pad_token_id\": 0", "\"add_cross_attention\": true", "'add_cross_attention'",
         VALENCE_UNSUPPORTED},
        {"\"pad_token_id\": 0", "\"pruned_heads\": {\"0\": [1]}", "'pruned_heads'",
         VALENCE_UNSUPPORTED},
        {"\"pad_token_id\": 0", "\"quantization_config\": {\"bits\": 4}", "'quantization_config'",
         VALENCE_UNSUPPORTED},
        {"\"pad_token_id\": 0", "\"problem_type\": \"regression\"", "'regression'",
         VALENCE_UNSUPPORTED},
        {"\"pad_token_id\": 0", "\"problem_type\": \"other\"", "'problem_type' = 'other'",
         VALENCE_UNSUPPORTED},
        {"\"gelu\"", "\"mish\"", "'hidden_act' = 'mish'", VALENCE_UNSUPPORTED},
        {"\"gelu\"", "[]", "'hidden_act'", VALENCE_FORMAT},
        {"1e-12", "0", "'layer_norm_eps'", VALENCE_FORMAT},
        {"1e-12", "1e300", "'layer_norm_eps'", VALENCE_FORMAT},
        {"1e-12", "\"small\"", "'layer_norm_eps'", VALENCE_FORMAT},
        {"\"hidden_size\": 4", "\"hidden_size\": 4.5", "'hidden_size'", VALENCE_FORMAT},
        {"\"hidden_size\": 4", "\"hidden_size\": -4", "'hidden_size'", VALENCE_FORMAT},
        {"\"hidden_size\": 4", "\"hidden_size\": 9223372036854775807", "'hidden_size'",
         VALENCE_FORMAT},
        {"\"hidden_size\": 4", "\"hidden_size\": 99999999999999999999", "invalid JSON",
         VALENCE_FORMAT},
        {"\"hidden_size\": 4,", "", "'hidden_size' is missing", VALENCE_FORMAT},
        {"\"num_attention_heads\": 2", "\"num_attention_heads\": 3", "'num_attention_heads' 3",
         VALENCE_FORMAT},
        {"\"num_attention_heads\": 2", "\"num_attention_heads\": 0", "'num_attention_heads'",
         VALENCE_FORMAT},
        {"\"num_hidden_layers\": 1", "\"num_hidden_layers\": 1000000", "'num_hidden_layers'",
         VALENCE_FORMAT},
        {"\"vocab_size\": 5", "\"vocab_size\": 0", "'vocab_size'", VALENCE_FORMAT},
        {"\"type_vocab_size\": 2", "\"type_vocab_size\": 0", "'type_vocab_size'", VALENCE_FORMAT},
        {"{", "[{", "invalid JSON", VALENCE_FORMAT},
    };
    expect_wrongs(bert, wrongs, LENGTH(wrongs));
    expect_wrongs("[]", &(wrong){"[]", "[]", "not an object", VALENCE_FORMAT}, 1);
    expect_wrongs("", &(wrong){"", "", "invalid JSON", VALENCE_FORMAT}, 1);
}

static const char modernbert[] =
    "{\"model_type\": \"modernbert\", \"hidden_size\": 4, \"num_hidden_layers\": 3,"
    " \"num_attention_heads\": 2, \"intermediate_size\": 6, \"vocab_size\": 5,"
    " \"max_position_embeddings\": 8, \"rest\": 0}";

static void test_modernbert_refused(void **state)
{
    (void)state;
    static const wrong wrongs[] = {
        {"\"rest\": 0", "\"layer_types\": [\"full_attention\"]", "'layer_types'", VALENCE_FORMAT},
        {"\"rest\": 0", "\"layer_types\": [\"full_attention\", \"linear_attention\", 1]",
         "'layer_types'", VALENCE_UNSUPPORTED},
        {"\"rest\": 0", "\"layer_types\": {\"a\": 1, \"b\": 2, \"c\": 3}", "'layer_types'",
         VALENCE_FORMAT},
        {"\"rest\": 0", "\"global_attn_every_n_layers\": 0", "'global_attn_every_n_layers'",
         VALENCE_FORMAT},
        {"\"rest\": 0", "\"local_attention\": 1", "'local_attention'", VALENCE_FORMAT},
        {"\"rest\": 0", "\"global_rope_theta\": -1", "'global_rope_theta'", VALENCE_FORMAT},
        {"\"rest\": 0", "\"rope_parameters\": {\"full_attention\": {\"rope_type\": \"yarn\"}}",
         "'rope_type' = 'yarn'", VALENCE_UNSUPPORTED},
        {"\"rest\": 0",
         "\"rope_parameters\": {\"sliding_attention\": {\"partial_rotary_factor\": 0.5}}",
         "'partial_rotary_factor'", VALENCE_UNSUPPORTED},
        {"\"rest\": 0", "\"rope_scaling\": {\"type\": \"linear\"}", "'rope_scaling'",
         VALENCE_UNSUPPORTED},
        {"\"rest\": 0", "\"mlp_bias\": true", "'mlp_bias'", VALENCE_UNSUPPORTED},
        {"\"rest\": 0", "\"classifier_pooling\": \"max\"", "'classifier_pooling' = 'max'",
         VALENCE_UNSUPPORTED},
        {"\"rest\": 0", "\"classifier_activation\": \"silu\"", "'classifier_activation' = 'silu'",
         VALENCE_UNSUPPORTED},
        {"\"num_attention_heads\": 2", "\"num_attention_heads\": 4", "odd size 1", VALENCE_FORMAT},
    };
    expect_wrongs(modernbert, wrongs, LENGTH(wrongs));
}

/* The keys of transformers before 5 and since, and the defaults. */
static void test_modernbert_settings(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *global, *local, *layers, *window;
    } ways[] = {
        {"\"rest\": 0", "160000", "10000", "[0]", "64"},
        {"\"global_rope_theta\": 500.5, \"local_rope_theta\": 7", "500.5", "7", "[0]", "64"},
        {"\"global_rope_theta\": 500, \"local_rope_theta\": null", "500", "500", "[0]", "64"},
        {"\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 3}, \"sliding_attention\": "
         "null}",
         "3", "10000", "[0]", "64"},
        {"\"rope_parameters\": {\"full_attention\": {}, \"sliding_attention\": {\"rope_theta\": "
         "9}}, \"global_rope_theta\": 5",
         "5", "9", "[0]", "64"},
        {"\"global_attn_every_n_layers\": 2, \"local_attention\": 9", "160000", "10000", "[0,2]",
         "4"},
        {"\"global_attn_every_n_layers\": 1, \"local_attention\": 0", "160000", "10000", "[0,1,2]",
         "0"},
        {"\"layer_types\": [\"sliding_attention\", \"sliding_attention\", \"full_attention\"], "
         "\"local_attention\": 2",
         "160000", "10000", "[2]", "1"},
        {"\"layer_types\": [\"sliding_attention\", \"sliding_attention\", \"sliding_attention\"]",
         "160000", "10000", "[]", "64"},
    };
    for (size_t i = 0; i < LENGTH(ways); i++) {
        vl_hf_config c;
        vl_store *s;
        valence_error error = {0};
        assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
        vl_span text = vl_span_of(with(modernbert, "\"rest\": 0", ways[i].keys));
        if (vl_hf_config_read(&c, s, text, &error) != VALENCE_OK) fail_msg("%s", error.message);
        assert_string_equal(vl_store_get(s, "transformer.rope_global"), ways[i].global);
        assert_string_equal(vl_store_get(s, "transformer.rope_local"), ways[i].local);
        assert_string_equal(vl_store_get(s, "transformer.global_layers"), ways[i].layers);
        assert_string_equal(vl_store_get(s, "transformer.window"), ways[i].window);
        assert_false(c.attention_bias || c.norm_bias || c.head_bias);
        vl_store_close(s);
    }
}

static void test_model_types(void **state)
{
    (void)state;
    static const struct {
        const char *head, *architecture, *offset;
    } types[] = {
        {"\"model_type\": \"xlm-roberta\", \"pad_token_id\": 3", "roberta", "4"},
        {"\"model_type\": \"camembert\"", "roberta", "2"},
        {"\"architectures\": [\"XLMRobertaForSequenceClassification\"]", "roberta", "2"},
        {"\"architectures\": [\"BertForSequenceClassification\"], \"model_type\": null", "bert",
         "0"},
    };
    for (size_t i = 0; i < LENGTH(types); i++) {
        char text[1024];
        vl_hf_config c;
        vl_store *s;
        assert_int_equal(vl_store_open(&s, NULL), VALENCE_OK);
        snprintf(text, sizeof text,
                 "{%s, \"hidden_size\": 4, \"num_hidden_layers\": 1, \"num_attention_heads\": 2, "
                 "\"intermediate_size\": 6, \"vocab_size\": 5, \"max_position_embeddings\": 8}",
                 types[i].head);
        assert_int_equal(vl_hf_config_read(&c, s, vl_span_of(text), NULL), VALENCE_OK);
        assert_string_equal(vl_store_get(s, "transformer.architecture"), types[i].architecture);
        assert_string_equal(vl_store_get(s, "transformer.position_offset"), types[i].offset);
        assert_int_equal(c.max_length, 8 - atoi(types[i].offset));
        vl_store_close(s);
    }
    wrong none = {"\"pad_token_id\": 0", "\"pad_token_id\": 7", "'max_position_embeddings' 8",
                  VALENCE_FORMAT};
    char roberta[1024];
    snprintf(roberta, sizeof roberta, "%s", with(bert, "\"bert\"", "\"roberta\""));
    expect_wrongs(roberta, &none, 1);
}

/* ---- Tensors ----------------------------------------------------------------------------------
 */

static void test_tensors_refused(void **state)
{
    (void)state;
    static const struct {
        const char *without;
        struct shape extra;
        vl_dtype dtype;
        vl_status status;
        const char *message;
    } wrongs[] = {
        {"classifier.weight",
         {"unused", 1, 0},
         VL_F32,
         VALENCE_NOT_FOUND,
         "tensor 'classifier.weight' is missing"},
        {"bert.embeddings.LayerNorm.beta",
         {"unused", 1, 0},
         VL_F32,
         VALENCE_NOT_FOUND,
         "tensor 'bert.embeddings.LayerNorm.bias' is missing"},
        {"classifier.weight",
         {"classifier.weight", 3, 4},
         VL_F32,
         VALENCE_FORMAT,
         "tensor 'classifier.weight' has shape [3, 4], by config.json it should be [2, 4]"},
        {"classifier.bias",
         {"classifier.bias", 2, 1},
         VL_F32,
         VALENCE_FORMAT,
         "has shape [2, 1], by config.json it should be [2]"},
        {"classifier.weight",
         {"classifier.weight", 2, 4},
         VL_F64,
         VALENCE_UNSUPPORTED,
         "tensor 'classifier.weight' has type F64"},
        {"classifier.bias",
         {"classifier.bias", 2, 0},
         VL_I8,
         VALENCE_UNSUPPORTED,
         "tensor 'classifier.bias' has type I8"},
        {NULL,
         {"bert.pooler.dense.weight", 4, 4},
         VL_F32,
         VALENCE_NOT_FOUND,
         "tensor 'bert.pooler.dense.bias' is missing"},
        {NULL,
         {"bert.encoder.layer.0.attention.self.query.lora_A.weight", 2, 4},
         VL_F32,
         VALENCE_UNSUPPORTED,
         "'lora_'"},
        {NULL,
         {"bert.encoder.layer.0.attention.self.distance_embedding.weight", 2, 4},
         VL_F32,
         VALENCE_UNSUPPORTED,
         "'distance_embedding'"},
    };
    put_bert();
    for (size_t i = 0; i < LENGTH(wrongs); i++) {
        put_weights("model.safetensors", 0, BERT_TENSORS, wrongs[i].without, &wrongs[i].extra,
                    wrongs[i].dtype);
        expect_error(wrongs[i].status, wrongs[i].message);
    }
    struct shape buffer = {"bert.embeddings.position_ids", 1, 8}; /* old files have it */
    put_weights("model.safetensors", 0, BERT_TENSORS, NULL, &buffer, VL_I64);
    vl_hf_directory d = opened(folder);
    vl_hf_directory_release(&d);
}

/* ---- Shards -----------------------------------------------------------------------------------
 */

static void put_index(const char *map)
{
    char text[1024];
    snprintf(text, sizeof text, "{\"metadata\": {\"total_size\": 1}, \"weight_map\": %s}", map);
    put("model.safetensors.index.json", text);
}

static void test_shards(void **state)
{
    (void)state;
    put_bert();
    unlink(in("model.safetensors"));
    put_weights("a.safetensors", 0, 9, NULL, NULL, VL_F32);
    put_weights("b.safetensors", 9, BERT_TENSORS, NULL, NULL, VL_F32);
    put_index("{\"classifier.weight\": \"b.safetensors\","
              " \"bert.embeddings.LayerNorm.beta\": \"a.safetensors\"}");
    vl_hf_directory d = opened(folder);
    assert_int_equal(d.file_count, 2);
    assert_int_equal(d.bytes, d.files[0].size + d.files[1].size);
    assert_int_equal(vl_store_count(d.store), BERT_TENSORS);
    vl_hf_directory_release(&d);

    static const struct {
        const char *map, *message;
        vl_status status;
    } wrongs[] = {
        {"{\"x\": \"../a.safetensors\"}", "not a plain file name", VALENCE_FORMAT},
        {"{\"x\": \"/etc/passwd\"}", "not a plain file name", VALENCE_FORMAT},
        {"{\"x\": \"..\"}", "not a plain file name", VALENCE_FORMAT},
        {"{\"x\": \"\"}", "not a plain file name", VALENCE_FORMAT},
        {"{\"x\": \"a\\u0000b\"}", "not a plain file name", VALENCE_FORMAT},
        {"{\"x\": 3}", "not a plain file name", VALENCE_FORMAT},
        {"{}", "'weight_map'", VALENCE_FORMAT},
        {"[]", "'weight_map'", VALENCE_FORMAT},
        {"{\"x\": \"c.safetensors\"}", "c.safetensors", VALENCE_NOT_FOUND},
        {"{\"classifier.bias\": \"a.safetensors\"}",
         "tensor 'classifier.bias' is missing in 'a.safetensors'", VALENCE_NOT_FOUND},
        {"{\"x\": \"config.json\"}", "not a safetensors file", VALENCE_FORMAT},
        {"{\"x\": }", "model.safetensors.index.json: invalid JSON", VALENCE_FORMAT},
    };
    for (size_t i = 0; i < LENGTH(wrongs); i++) {
        put_index(wrongs[i].map);
        expect_error(wrongs[i].status, wrongs[i].message);
    }
    put_weights("b.safetensors", 8, BERT_TENSORS, NULL, NULL, VL_F32);
    put_index("{\"classifier.weight\": \"b.safetensors\","
              " \"bert.embeddings.LayerNorm.beta\": \"a.safetensors\"}");
    expect_error(VALENCE_FORMAT, "key.bias' is in two files, 'b.safetensors' and 'a.safetensors'");
}

/* ---- Older vocabularies -----------------------------------------------------------------------
 */

/* What they become, the tokeniser's own tests check; here, that each file gets there. */
static void test_older_vocabularies(void **state)
{
    (void)state;
    put_bert();
    unlink(in("tokenizer.json"));
    put("tokenizer_config.json", "{\"do_lower_case\": false, \"model_max_length\": "
                                 "1000000000000000019884624838656}");
    put("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n##word\n");
    vl_hf_directory d = opened(folder);
    assert_non_null(strstr(meta(&d, "tokenizer"), "WordPiece"));
    assert_non_null(strstr(meta(&d, "tokenizer"), "##word"));
    vl_hf_directory_release(&d);

    unlink(in("vocab.txt"));
    put("vocab.json", "{\"<s>\": 0, \"<pad>\": 1, \"</s>\": 2, \"<unk>\": 3, \"a\": 4, \"b\": 5, "
                      "\"ab\": 6, \"<mask>\": 7}");
    expect_error(VALENCE_NOT_FOUND, "merges.txt");
    put("merges.txt", "#version: 0.2\na b\n");
    d = opened(folder);
    assert_non_null(strstr(meta(&d, "tokenizer"), "\"BPE\""));
    vl_hf_directory_release(&d);
    put("vocab.json", "[");
    expect_error(VALENCE_FORMAT, "invalid JSON");
    unlink(in("vocab.json"));
    unlink(in("merges.txt"));
}

/* ---- Folders ----------------------------------------------------------------------------------
 */

static void test_folders_refused(void **state)
{
    (void)state;
    put_bert();
    assert_false(vl_hf_directory_is(in("config.json")));
    unlink(in("model.safetensors"));
    expect_error(VALENCE_NOT_FOUND, "has no model.safetensors");
    put("pytorch_model.bin", "x");
    expect_error(VALENCE_UNSUPPORTED, "pytorch_model.bin: convert");
    put_bert();
    unlink(in("tokenizer.json"));
    expect_error(VALENCE_NOT_FOUND, "has no tokenizer.json");
    put("sentencepiece.bpe.model", "x");
    expect_error(VALENCE_UNSUPPORTED, "sentencepiece.bpe.model");
    unlink(in("sentencepiece.bpe.model"));
    test_write(in("tokenizer.json"), "{\0}", 3);
    expect_error(VALENCE_FORMAT, "tokenizer.json: a NUL byte");
    unlink(in("config.json"));
    assert_false(vl_hf_directory_is(folder));
    expect_error(VALENCE_NOT_FOUND, "config.json");
}

static int read_cut(void *unused)
{
    (void)unused;
    vl_hf_directory d;
    if (vl_hf_directory_open(&d, folder, NULL) != VALENCE_OK) return 1;
    if (truncate(in("model.safetensors"), 0) != 0) return 2;
    const volatile float *data = vl_store_find(d.store, "head.out.weight")->data;
    if (*data != 0 || !vl_hf_directory_lost(&d)) return 3;
    vl_hf_directory_release(&d);
    return 0;
}

/* In a child, and before any other test maps a file: cmocka sets its own handler of SIGBUS before
 * each test, over ours, which is installed once. */
static void test_cut_short(void **state)
{
    (void)state;
    put_bert();
    assert_int_equal(test_in_child(read_cut, NULL), 0);
    expect_error(VALENCE_FORMAT, "not a safetensors file");
}

/* The n-th allocation fails, for every n: an error, everything given back. */
static void test_no_memory(void **state)
{
    (void)state;
    put_bert();
    int64_t before = vl_mem_usage_total().current;
    vl_status status = VALENCE_NO_MEMORY;
    for (int64_t n = 1; status != VALENCE_OK; n++) {
        vl_hf_directory d;
        valence_error error = {0};
        vl_mem_fail_only(n);
        status = vl_hf_directory_open(&d, folder, &error);
        bool failed = vl_mem_has_failed();
        vl_mem_fail_only(0);
        assert_int_equal(status, failed ? VALENCE_NO_MEMORY : VALENCE_OK);
        if (failed) assert_true(error.message[0]);
        vl_hf_directory_release(&d);
        assert_int_equal(vl_mem_usage_total().current, before);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_short), /* first */
        cmocka_unit_test(test_bert),
        cmocka_unit_test(test_golden_folders),
        cmocka_unit_test(test_fused_are_views),
        cmocka_unit_test(test_max_length),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_settings_refused),
        cmocka_unit_test(test_modernbert_refused),
        cmocka_unit_test(test_modernbert_settings),
        cmocka_unit_test(test_model_types),
        cmocka_unit_test(test_tensors_refused),
        cmocka_unit_test(test_shards),
        cmocka_unit_test(test_older_vocabularies),
        cmocka_unit_test(test_folders_refused),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
