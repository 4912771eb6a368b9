/* tokenizer_legacy.c: the tokenizer.json that transformers would make of the files that came before
 * it: vocab.txt (BERT, DistilBERT, ELECTRA, MiniLM), vocab.json and merges.txt (RoBERTa, GPT-2).
 * Only writes JSON; whether the vocabulary makes sense is found out when that is read. */
#include "text/tokenizer.h"

#include "base/json.h"
#include "base/strmap.h"
#include "base/utf8.h"

enum { FILE_MAX = 256 << 20, TOKENS_MAX = 1 << 23, NAMES = 7 };

typedef struct maker {
    vl_buffer *out;
    vl_json config; /* an object, or zeroed: none */
    bool has_config;
    vl_strmap vocabulary;
    valence_error *error;
} maker;

/* The members of a config that name special tokens, and what they are without one. */
typedef struct special_name {
    const char *key, *spelling;
    bool left; /* takes the space before it along */
} special_name;

static const special_name bert_names[] = {{"unk_token", "[UNK]", false},
                                          {"sep_token", "[SEP]", false},
                                          {"pad_token", "[PAD]", false},
                                          {"cls_token", "[CLS]", false},
                                          {"mask_token", "[MASK]", false}};

static const special_name roberta_names[NAMES] = {
    {"bos_token", "<s>", false},   {"eos_token", "</s>", false},  {"unk_token", "<unk>", false},
    {"sep_token", "</s>", false},  {"pad_token", "<pad>", false}, {"cls_token", "<s>", false},
    {"mask_token", "<mask>", true}};

static vl_status full(maker *m, vl_status status)
{
    return status == VALENCE_OK ? status : vl_fail(m->error, status, "no room for a tokenizer");
}

static vl_status text(maker *m, const char *words)
{
    return full(m, vl_buffer_append_text(m->out, words));
}

static vl_status quoted(maker *m, vl_span words)
{
    return full(m, vl_json_write_string(m->out, words));
}

static vl_status flag(maker *m, const char *key, bool value)
{
    return full(m, vl_buffer_printf(m->out, "\"%s\":%s", key, value ? "true" : "false"));
}

/* ---- The config -------------------------------------------------------------------------- */

static vl_status open_config(maker *m, vl_json_parser *parser, vl_span config)
{
    if (config.len == 0) return VALENCE_OK;
    VL_TRY(vl_json_parse_copy(parser, config, &m->config, m->error));
    if (vl_json_type_of(m->config) != VL_JSON_OBJECT)
        return vl_fail(m->error, VALENCE_FORMAT, "tokenizer_config.json is not an object");
    m->has_config = true;
    return VALENCE_OK;
}

static bool has(const maker *m, const char *key, vl_json *v)
{
    return m->has_config && vl_json_get(m->config, key, v) && vl_json_type_of(*v) != VL_JSON_NULL;
}

static vl_status config_flag(maker *m, const char *key, bool *value)
{
    vl_json v;
    if (!has(m, key, &v) || vl_json_boolean(v, value)) return VALENCE_OK;
    return vl_fail(m->error, VALENCE_FORMAT, "\"%s\" of tokenizer_config.json is not a flag", key);
}

/* "[CLS]" or {"content": "[CLS]", ..}; *said: the config has it. */
static vl_status config_token(maker *m, const special_name *name, vl_span *spelling, bool *said)
{
    vl_json v, content;
    *spelling = vl_span_of(name->spelling);
    *said = has(m, name->key, &v);
    if (!*said || vl_json_string(v, spelling)) return VALENCE_OK;
    if (vl_json_type_of(v) == VL_JSON_OBJECT && vl_json_get(v, "content", &content) &&
        vl_json_string(content, spelling))
        return VALENCE_OK;
    return vl_fail(m->error, VALENCE_FORMAT, "\"%s\" of tokenizer_config.json is not a token",
                   name->key);
}

/* The id that the vocabulary has for a special token; -1: it has none, and the config asks for
 * none. */
static vl_status special_id(maker *m, const special_name *name, vl_span *spelling, int32_t *id)
{
    bool said;
    *id = -1;
    VL_TRY(config_token(m, name, spelling, &said));
    if (vl_strmap_get(&m->vocabulary, *spelling, id) || !said) return VALENCE_OK;
    return vl_fail(m->error, VALENCE_FORMAT, "the %s '%.*s' is not in the vocabulary", name->key,
                   (int)(spelling->len < 64 ? spelling->len : 64), spelling->ptr);
}

/* ---- Parts of the result ----------------------------------------------------------------- */

static vl_status write_added(maker *m, const special_name *names, int count)
{
    int32_t written[NAMES];
    int done = 0;
    VL_TRY(text(m, "\"added_tokens\":["));
    for (int i = 0; i < count; i++) {
        vl_span spelling;
        int32_t id;
        VL_TRY(special_id(m, &names[i], &spelling, &id));
        bool again = id < 0;
        for (int j = 0; j < done; j++) again = again || written[j] == id;
        if (again) continue;
        VL_TRY(full(m, vl_buffer_printf(m->out, "%s{\"id\":%d,\"content\":", done ? "," : "", id)));
        VL_TRY(quoted(m, spelling));
        VL_TRY(text(m, ",\"single_word\":false,\"rstrip\":false,\"normalized\":false,"
                       "\"special\":true,"));
        VL_TRY(flag(m, "lstrip", names[i].left));
        VL_TRY(text(m, "}"));
        written[done++] = id;
    }
    return text(m, "],");
}

/* "key":["[SEP]",102] */
static vl_status write_named(maker *m, const char *key, vl_span spelling, int32_t id)
{
    VL_TRY(full(m, vl_buffer_printf(m->out, "\"%s\":[", key)));
    VL_TRY(quoted(m, spelling));
    return full(m, vl_buffer_printf(m->out, ",%d]", id));
}

/* more: further members. */
static vl_status write_processor(maker *m, const special_name *cls_name,
                                 const special_name *sep_name, const char *type, const char *more)
{
    vl_span cls, sep;
    int32_t cls_id, sep_id;
    VL_TRY(special_id(m, cls_name, &cls, &cls_id));
    VL_TRY(special_id(m, sep_name, &sep, &sep_id));
    if (cls_id < 0 || sep_id < 0) return text(m, "\"post_processor\":null,"); /* GPT-2 */
    VL_TRY(full(m, vl_buffer_printf(m->out, "\"post_processor\":{\"type\":\"%s\",", type)));
    VL_TRY(write_named(m, "cls", cls, cls_id));
    VL_TRY(text(m, ","));
    VL_TRY(write_named(m, "sep", sep, sep_id));
    return full(m, vl_buffer_printf(m->out, "%s},", more));
}

/* ---- vocab.txt --------------------------------------------------------------------------- */

/* The next line of *rest without its end; false: there is none. */
static bool next_line(vl_span *rest, vl_span *line)
{
    if (rest->len == 0) return false;
    const char *end = memchr(rest->ptr, '\n', rest->len);
    size_t len = end ? (size_t)(end - rest->ptr) : rest->len, used = len + (end != NULL);
    *line = (vl_span){rest->ptr, len};
    if (len && line->ptr[len - 1] == '\r') line->len--;
    *rest = (vl_span){rest->ptr + used, rest->len - used};
    return true;
}

/* A token's id is its line; the last one counts if it is there twice. */
static vl_status read_lines(maker *m, vl_span vocab)
{
    vl_span rest = vocab, line;
    for (int32_t id = 0; next_line(&rest, &line); id++) {
        vl_status status = vl_strmap_put(&m->vocabulary, line, id);
        if (status != VALENCE_OK) return vl_fail(m->error, status, "vocab.txt has too many tokens");
    }
    return VALENCE_OK;
}

static vl_status write_lines(maker *m, vl_span vocab)
{
    vl_span rest = vocab, line;
    bool first = true;
    for (int32_t id = 0, last; next_line(&rest, &line); id++) {
        if (!vl_strmap_get(&m->vocabulary, line, &last) || last != id) continue;
        if (!first) VL_TRY(text(m, ","));
        VL_TRY(quoted(m, line));
        VL_TRY(full(m, vl_buffer_printf(m->out, ":%d", id)));
        first = false;
    }
    return VALENCE_OK;
}

static vl_status write_bert_normalizer(maker *m)
{
    bool lower = true, chinese = true;
    VL_TRY(config_flag(m, "do_lower_case", &lower));
    VL_TRY(config_flag(m, "tokenize_chinese_chars", &chinese));
    bool strip = lower;
    VL_TRY(config_flag(m, "strip_accents", &strip));
    VL_TRY(text(m, "\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,"));
    VL_TRY(flag(m, "handle_chinese_chars", chinese));
    VL_TRY(text(m, ","));
    VL_TRY(flag(m, "strip_accents", strip));
    VL_TRY(text(m, ","));
    VL_TRY(flag(m, "lowercase", lower));
    return text(m, "},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},");
}

static vl_status write_wordpiece(maker *m, vl_span vocab)
{
    vl_span unknown;
    bool said;
    VL_TRY(read_lines(m, vocab));
    VL_TRY(text(m, "{\"version\":\"1.0\","));
    VL_TRY(write_added(m, bert_names, sizeof bert_names / sizeof *bert_names));
    VL_TRY(write_bert_normalizer(m));
    VL_TRY(write_processor(m, &bert_names[3], &bert_names[1], "BertProcessing", ""));
    VL_TRY(text(m, "\"model\":{\"type\":\"WordPiece\",\"continuing_subword_prefix\":\"##\","
                   "\"max_input_chars_per_word\":100,\"unk_token\":"));
    VL_TRY(config_token(m, &bert_names[0], &unknown, &said));
    VL_TRY(quoted(m, unknown));
    VL_TRY(text(m, ",\"vocab\":{"));
    VL_TRY(write_lines(m, vocab));
    return text(m, "}}}");
}

/* ---- vocab.json and merges.txt ----------------------------------------------------------- */

static int read_token(void *user, vl_span token, vl_json value)
{
    maker *m = user;
    int64_t id;
    if (!vl_json_integer(value, &id) || id < 0 || id > INT32_MAX) return VALENCE_FORMAT;
    return (int)vl_strmap_put(&m->vocabulary, token, (int32_t)id);
}

static vl_status read_vocabulary(maker *m, vl_json_parser *parser, vl_span vocab)
{
    vl_json root;
    VL_TRY(vl_json_parse_copy(parser, vocab, &root, m->error));
    if (vl_json_type_of(root) != VL_JSON_OBJECT)
        return vl_fail(m->error, VALENCE_FORMAT, "vocab.json is not an object");
    vl_status status = (vl_status)vl_json_each(root, read_token, m);
    if (status == VALENCE_OK) return status;
    return vl_fail(m->error, status, "vocab.json has too many tokens, or an id that is no number");
}

static vl_status write_merges(maker *m, vl_span merges)
{
    vl_span line;
    static const char version[] = "#version";
    bool first = true;
    while (next_line(&merges, &line)) {
        bool header =
            line.len >= sizeof version - 1 && memcmp(line.ptr, version, sizeof version - 1) == 0;
        if (line.len == 0 || header) continue;
        if (!first) VL_TRY(text(m, ","));
        VL_TRY(quoted(m, line));
        first = false;
    }
    return VALENCE_OK;
}

static vl_status write_bpe(maker *m, vl_span vocab, vl_span merges)
{
    bool prefix = false;
    VL_TRY(config_flag(m, "add_prefix_space", &prefix));
    VL_TRY(text(m, "{\"version\":\"1.0\","));
    VL_TRY(write_added(m, roberta_names, NAMES));
    VL_TRY(text(m, "\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\","
                   "\"trim_offsets\":true,\"use_regex\":true,"));
    VL_TRY(flag(m, "add_prefix_space", prefix));
    VL_TRY(text(m, "},"));
    VL_TRY(write_processor(m, &roberta_names[5], &roberta_names[3], "RobertaProcessing",
                           prefix ? ",\"trim_offsets\":true,\"add_prefix_space\":true"
                                  : ",\"trim_offsets\":true,\"add_prefix_space\":false"));
    VL_TRY(text(m, "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,\"vocab\":"));
    VL_TRY(full(m, vl_buffer_append(m->out, vocab.ptr, vocab.len)));
    VL_TRY(text(m, ",\"merges\":["));
    VL_TRY(write_merges(m, merges));
    return text(m, "]}}");
}

/* ---- Both -------------------------------------------------------------------------------- */

/* vocab_json empty: of vocab_txt. */
static vl_status make(maker *m, vl_span vocab_txt, vl_span vocab_json, vl_span merges,
                      vl_span config)
{
    vl_json_parser *settings = vl_json_parser_open(FILE_MAX),
                   *words = vl_json_parser_open(FILE_MAX);
    vl_status status = VALENCE_OK;
    vl_strmap_init(&m->vocabulary, VL_MEM_MODEL, TOKENS_MAX);
    if (!settings || !words) VL_TRY_DONE(vl_fail_memory(m->error, FILE_MAX, "a JSON parser"));
    VL_TRY_DONE(open_config(m, settings, config));
    if (vocab_json.len == 0) {
        status = write_wordpiece(m, vocab_txt);
        goto done;
    }
    VL_TRY_DONE(read_vocabulary(m, words, vocab_json));
    status = write_bpe(m, vocab_json, merges);
done:
    vl_strmap_release(&m->vocabulary);
    vl_json_parser_close(words);
    vl_json_parser_close(settings);
    return status;
}

static vl_status check_utf8(vl_span file, const char *name, valence_error *error)
{
    size_t good = vl_utf8_valid_prefix(file.ptr, file.len);
    if (good == file.len) return VALENCE_OK;
    return vl_fail_at(error, VALENCE_FORMAT, 0, good + 1, "%s is not UTF-8", name);
}

vl_status vl_tokenizer_json_of_wordpiece(vl_buffer *out, vl_span vocab_txt, vl_span config,
                                         valence_error *error)
{
    maker m = {.out = out, .error = error};
    VL_TRY(check_utf8(vocab_txt, "vocab.txt", error));
    return make(&m, vocab_txt, (vl_span){NULL, 0}, (vl_span){NULL, 0}, config);
}

vl_status vl_tokenizer_json_of_bpe(vl_buffer *out, vl_span vocab_json, vl_span merges_txt,
                                   vl_span config, valence_error *error)
{
    maker m = {.out = out, .error = error};
    VL_TRY(check_utf8(merges_txt, "merges.txt", error));
    if (vocab_json.len == 0) return vl_fail(error, VALENCE_FORMAT, "vocab.json is empty");
    return make(&m, (vl_span){NULL, 0}, vocab_json, merges_txt, config);
}
