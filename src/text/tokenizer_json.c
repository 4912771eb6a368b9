/* tokenizer_json.c: the sections of a tokenizer.json but for the model, which is
 * tokenizer_json_model.c's, and the post-processor, token_template.c's. */
#include "text/tokenizer_parts.h"

#include "text/token_chars.h"

enum { JSON_MAX = 256 << 20, DEPTH_MAX = 16 };

/* ---- Members of objects ------------------------------------------------------------------ */

bool vl_json_has(vl_json object, const char *key, vl_json *out)
{
    return vl_json_type_of(object) == VL_JSON_OBJECT && vl_json_get(object, key, out) &&
           vl_json_type_of(*out) != VL_JSON_NULL;
}

static vl_status wrong_type(const char *key, const char *type, valence_error *error)
{
    return vl_fail(error, VALENCE_FORMAT, "the tokenizer's \"%s\" is not a %s", key, type);
}

static vl_status missing(const char *key, valence_error *error)
{
    return vl_fail(error, VALENCE_FORMAT, "the tokenizer has no \"%s\" where there should be one",
                   key);
}

vl_status vl_json_may_string(vl_json object, const char *key, vl_span *out, valence_error *error)
{
    vl_json v;
    if (!vl_json_has(object, key, &v)) return VALENCE_OK;
    return vl_json_string(v, out) ? VALENCE_OK : wrong_type(key, "string", error);
}

vl_status vl_json_may_flag(vl_json object, const char *key, bool *out, valence_error *error)
{
    vl_json v;
    if (!vl_json_has(object, key, &v)) return VALENCE_OK;
    return vl_json_boolean(v, out) ? VALENCE_OK : wrong_type(key, "flag", error);
}

vl_status vl_json_need_string(vl_json object, const char *key, vl_span *out, valence_error *error)
{
    vl_json v;
    if (!vl_json_has(object, key, &v)) return missing(key, error);
    return vl_json_may_string(object, key, out, error);
}

vl_status vl_json_need_flag(vl_json object, const char *key, bool *out, valence_error *error)
{
    vl_json v;
    if (!vl_json_has(object, key, &v)) return missing(key, error);
    return vl_json_may_flag(object, key, out, error);
}

typedef struct pair_reader {
    vl_json *out;
    int count;
} pair_reader;

static int read_side(void *user, vl_span key, vl_json value)
{
    (void)key;
    pair_reader *r = user;
    if (r->count == 2) return 1;
    r->out[r->count++] = value;
    return 0;
}

bool vl_json_pair(vl_json list, vl_json out[2])
{
    pair_reader r = {.out = out};
    return vl_json_type_of(list) == VL_JSON_ARRAY && vl_json_each(list, read_side, &r) == 0 &&
           r.count == 2;
}

vl_status vl_json_type_name(vl_json part, const char *what, vl_span *out, valence_error *error)
{
    vl_json v;
    if (vl_json_has(part, "type", &v) && vl_json_string(v, out)) return VALENCE_OK;
    return vl_fail(error, VALENCE_FORMAT, "a %s of the tokenizer has no type", what);
}

vl_status vl_tokenizer_unsupported(const char *what, vl_span name, valence_error *error)
{
    int shown = (int)(name.len < 64 ? name.len : 64);
    return vl_fail(error, VALENCE_UNSUPPORTED, "the tokenizer's %s '%.*s' is not supported", what,
                   shown, name.ptr);
}

vl_status vl_tokenizer_keep(vl_tokenizer *t, vl_span text, vl_span *out, valence_error *error)
{
    char *copy = vl_arena_copy_string(&t->strings, text.ptr, text.len);
    if (!copy) return vl_fail_memory(error, text.len, "a tokenizer");
    *out = (vl_span){copy, text.len};
    return VALENCE_OK;
}

vl_status vl_tokenizer_read_pattern(vl_tokenizer *t, vl_json object, vl_pattern *out,
                                    valence_error *error)
{
    vl_json pattern, v;
    vl_span text;
    if (!vl_json_has(object, "pattern", &pattern)) return missing("pattern", error);
    bool literal = vl_json_has(pattern, "String", &v);
    if (!literal && !vl_json_has(pattern, "Regex", &v)) return missing("Regex", error);
    if (!vl_json_string(v, &text)) return wrong_type("pattern", "string", error);
    VL_TRY(vl_tokenizer_keep(t, text, &text, error));
    return literal ? vl_pattern_literal(out, text, error) : vl_pattern_regex(out, text, error);
}

/* ---- Lists of parts ---------------------------------------------------------------------- */

/* Reads one part, of a list or alone. */
typedef struct part_reader part_reader;
typedef vl_status read_fn(part_reader *r, vl_span type, vl_json part);
struct part_reader {
    vl_tokenizer *t;
    read_fn *read;
    const char *what, *list; /* "normalizer", "normalizers" */
    int depth;
    vl_status status;
    valence_error *error;
};

static int read_element(void *user, vl_span key, vl_json part);

static vl_status read_list(part_reader *r, vl_json part)
{
    vl_json list;
    if (++r->depth > DEPTH_MAX)
        return vl_fail(r->error, VALENCE_LIMIT, "the tokenizer's %s are nested too deeply",
                       r->list);
    if (!vl_json_has(part, r->list, &list)) return missing(r->list, r->error);
    if (vl_json_type_of(list) != VL_JSON_ARRAY) return wrong_type(r->list, "list", r->error);
    vl_json_each(list, read_element, r);
    r->depth--;
    return r->status;
}

static vl_status read_part(part_reader *r, vl_json part)
{
    vl_span type;
    VL_TRY(vl_json_type_name(part, r->what, &type, r->error));
    return vl_span_is(type, "Sequence") ? read_list(r, part) : r->read(r, type, part);
}

static int read_element(void *user, vl_span key, vl_json part)
{
    (void)key;
    part_reader *r = user;
    r->status = read_part(r, part);
    return r->status != VALENCE_OK;
}

/* ---- Normalisers ------------------------------------------------------------------------- */

static vl_status add_step(part_reader *r, vl_normal_step step)
{
    vl_normalizer *n = &r->t->normalizer;
    if (n->count == VL_NORMAL_STEPS_MAX)
        return vl_fail(r->error, VALENCE_LIMIT, "the tokenizer has too many normalizers");
    n->steps[n->count++] = step;
    return VALENCE_OK;
}

static vl_status add_bert(part_reader *r, vl_json part)
{
    bool clean = true, chinese = true, lower = true, strip;
    VL_TRY(vl_json_need_flag(part, "clean_text", &clean, r->error));
    VL_TRY(vl_json_need_flag(part, "handle_chinese_chars", &chinese, r->error));
    VL_TRY(vl_json_need_flag(part, "lowercase", &lower, r->error));
    strip = lower;
    VL_TRY(vl_json_may_flag(part, "strip_accents", &strip, r->error));
    if (clean) VL_TRY(add_step(r, (vl_normal_step){.kind = VL_NORMAL_CLEAN}));
    if (chinese) VL_TRY(add_step(r, (vl_normal_step){.kind = VL_NORMAL_CHINESE}));
    if (strip) VL_TRY(add_step(r, (vl_normal_step){.kind = VL_NORMAL_NFD}));
    if (strip) VL_TRY(add_step(r, (vl_normal_step){.kind = VL_NORMAL_DROP_NONSPACING}));
    return lower ? add_step(r, (vl_normal_step){.kind = VL_NORMAL_LOWER}) : VALENCE_OK;
}

static vl_status add_strip(part_reader *r, vl_json part)
{
    vl_normal_step step = {.kind = VL_NORMAL_STRIP};
    VL_TRY(vl_json_need_flag(part, "strip_left", &step.left, r->error));
    VL_TRY(vl_json_need_flag(part, "strip_right", &step.right, r->error));
    return add_step(r, step);
}

static vl_status add_prepend(part_reader *r, vl_json part)
{
    vl_normal_step step = {.kind = VL_NORMAL_PREPEND};
    VL_TRY(vl_json_need_string(part, "prepend", &step.content, r->error));
    VL_TRY(vl_tokenizer_keep(r->t, step.content, &step.content, r->error));
    return add_step(r, step);
}

static vl_status add_replace(part_reader *r, vl_json part)
{
    vl_normal_step step = {.kind = VL_NORMAL_REPLACE};
    VL_TRY(vl_tokenizer_read_pattern(r->t, part, &step.pattern, r->error));
    VL_TRY(vl_json_need_string(part, "content", &step.content, r->error));
    VL_TRY(vl_tokenizer_keep(r->t, step.content, &step.content, r->error));
    return add_step(r, step);
}

static vl_status read_normalizer(part_reader *r, vl_span type, vl_json part)
{
    static const struct {
        const char *name;
        vl_normal_kind kind;
    } plain[] = {{"NFD", VL_NORMAL_NFD},         {"NFKD", VL_NORMAL_NFKD},
                 {"NFC", VL_NORMAL_NFC},         {"NFKC", VL_NORMAL_NFKC},
                 {"Lowercase", VL_NORMAL_LOWER}, {"StripAccents", VL_NORMAL_DROP_COMBINING},
                 {"ByteLevel", VL_NORMAL_BYTES}};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (vl_span_is(type, plain[i].name))
            return add_step(r, (vl_normal_step){.kind = plain[i].kind});
    if (vl_span_is(type, "BertNormalizer")) return add_bert(r, part);
    if (vl_span_is(type, "Strip")) return add_strip(r, part);
    if (vl_span_is(type, "Prepend")) return add_prepend(r, part);
    if (vl_span_is(type, "Replace")) return add_replace(r, part);
    return vl_tokenizer_unsupported("normalizer", type, r->error);
}

vl_status vl_tokenizer_read_normalizer(vl_tokenizer *t, vl_json normalizer, valence_error *error)
{
    part_reader r = {.t = t,
                     .read = read_normalizer,
                     .what = "normalizer",
                     .list = "normalizers",
                     .error = error};
    return read_part(&r, normalizer);
}

/* ---- Pre-tokenisers ---------------------------------------------------------------------- */

static vl_status add_split(part_reader *r, vl_split_step step)
{
    vl_pretokenizer *p = &r->t->pretokenizer;
    if (p->count == VL_SPLIT_STEPS_MAX)
        return vl_fail(r->error, VALENCE_LIMIT, "the tokenizer has too many pre-tokenizers");
    p->steps[p->count++] = step;
    return VALENCE_OK;
}

static vl_status add_class(part_reader *r, bool (*is)(uint32_t c), vl_split_behavior behavior)
{
    return add_split(r, (vl_split_step){.pattern = vl_pattern_of(is), .behavior = behavior});
}

static vl_status read_behavior(part_reader *r, vl_json part, vl_split_behavior *out)
{
    static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious",
                                        "MergedWithNext", "Contiguous"};
    vl_span name = {NULL, 0};
    VL_TRY(vl_json_may_string(part, "behavior", &name, r->error));
    if (!name.ptr) return VALENCE_OK;
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (vl_span_is(name, names[i])) return *out = (vl_split_behavior)i, VALENCE_OK;
    return vl_tokenizer_unsupported("behavior", name, r->error);
}

static vl_status add_pattern(part_reader *r, vl_json part)
{
    vl_split_step step = {.behavior = VL_SPLIT_ISOLATED};
    VL_TRY(vl_tokenizer_read_pattern(r->t, part, &step.pattern, r->error));
    VL_TRY(read_behavior(r, part, &step.behavior));
    VL_TRY(vl_json_need_flag(part, "invert", &step.invert, r->error));
    return add_split(r, step);
}

static vl_status add_punctuation(part_reader *r, vl_json part)
{
    vl_split_behavior behavior = VL_SPLIT_ISOLATED;
    VL_TRY(read_behavior(r, part, &behavior));
    return add_class(r, vl_token_is_punctuation, behavior);
}

static vl_status add_digits(part_reader *r, vl_json part)
{
    bool alone = false;
    VL_TRY(vl_json_need_flag(part, "individual_digits", &alone, r->error));
    return add_class(r, vl_token_is_numeric, alone ? VL_SPLIT_ISOLATED : VL_SPLIT_CONTIGUOUS);
}

static vl_status add_byte_level(part_reader *r, vl_json part)
{
    bool prefix = true, regex = true;
    VL_TRY(vl_json_need_flag(part, "add_prefix_space", &prefix, r->error));
    VL_TRY(vl_json_may_flag(part, "use_regex", &regex, r->error));
    if (prefix) VL_TRY(add_split(r, (vl_split_step){.space_before = true}));
    vl_split_step gpt2 = {.pattern = {.kind = VL_PATTERN_GPT2}, .behavior = VL_SPLIT_ISOLATED};
    if (regex) VL_TRY(add_split(r, gpt2));
    r->t->pretokenizer.bytes = true;
    return VALENCE_OK;
}

static vl_status read_pretokenizer(part_reader *r, vl_span type, vl_json part)
{
    if (r->t->pretokenizer.bytes)
        return vl_tokenizer_unsupported("pre-tokenizer behind ByteLevel", type, r->error);
    if (vl_span_is(type, "BertPreTokenizer")) {
        VL_TRY(add_class(r, vl_token_is_space, VL_SPLIT_REMOVED));
        return add_class(r, vl_token_is_punctuation, VL_SPLIT_ISOLATED);
    }
    if (vl_span_is(type, "WhitespaceSplit"))
        return add_class(r, vl_token_is_space, VL_SPLIT_REMOVED);
    if (vl_span_is(type, "Whitespace"))
        return add_split(r, (vl_split_step){.pattern = {.kind = VL_PATTERN_WORDS},
                                            .behavior = VL_SPLIT_REMOVED,
                                            .invert = true});
    if (vl_span_is(type, "Punctuation")) return add_punctuation(r, part);
    if (vl_span_is(type, "Digits")) return add_digits(r, part);
    if (vl_span_is(type, "Split")) return add_pattern(r, part);
    if (vl_span_is(type, "ByteLevel")) return add_byte_level(r, part);
    return vl_tokenizer_unsupported("pre-tokenizer", type, r->error);
}

vl_status vl_tokenizer_read_pretokenizer(vl_tokenizer *t, vl_json pre, valence_error *error)
{
    part_reader r = {.t = t,
                     .read = read_pretokenizer,
                     .what = "pre-tokenizer",
                     .list = "pretokenizers",
                     .error = error};
    return read_part(&r, pre);
}

/* ---- Added tokens ------------------------------------------------------------------------ */

typedef struct added_reader {
    vl_tokenizer *t;
    vl_normal_text first, second;
    int32_t next; /* the id of the next one that the model does not have */
    vl_status status;
    valence_error *error;
} added_reader;

/* Which id a token gets is Hugging Face's rule and not what the file says: the model's if it has
 * the token, else the next one behind model and added tokens. */
static vl_status give_id(added_reader *r, vl_span content, int32_t *id)
{
    *id = vl_token_vocabulary_id(&r->t->vocabulary, content);
    if (*id < 0) {
        *id = r->next++;
        VL_TRY(vl_token_vocabulary_add_extra(&r->t->vocabulary, content, *id, r->error));
    }
    return VALENCE_OK;
}

static vl_status add_normalized(added_reader *r, vl_span content, vl_added_token token)
{
    vl_normal_text *text = &r->first, *spare = &r->second;
    vl_normal_text_reset(text, false);
    vl_status status = vl_normal_text_load(text, content, 0);
    if (status == VALENCE_OK) status = vl_normalize(&r->t->normalizer, &text, &spare);
    if (status != VALENCE_OK) return vl_fail(r->error, status, "no room for an added token");
    return vl_added_tokens_add(&r->t->added_normal, vl_buffer_span(&text->bytes), token, r->error);
}

static vl_status add_added(added_reader *r, vl_json item)
{
    vl_span content;
    bool normalized = false;
    vl_added_token token = {0};
    VL_TRY(vl_json_need_string(item, "content", &content, r->error));
    VL_TRY(vl_json_need_flag(item, "single_word", &token.single_word, r->error));
    VL_TRY(vl_json_need_flag(item, "lstrip", &token.left, r->error));
    VL_TRY(vl_json_need_flag(item, "rstrip", &token.right, r->error));
    VL_TRY(vl_json_need_flag(item, "normalized", &normalized, r->error));
    if (content.len == 0) return VALENCE_OK; /* as Hugging Face */
    VL_TRY(give_id(r, content, &token.id));
    return normalized ? add_normalized(r, content, token)
                      : vl_added_tokens_add(&r->t->added_raw, content, token, r->error);
}

static int read_added(void *user, vl_span key, vl_json item)
{
    (void)key;
    added_reader *r = user;
    r->status = add_added(r, item);
    return r->status != VALENCE_OK;
}

vl_status vl_tokenizer_read_added(vl_tokenizer *t, vl_json added, valence_error *error)
{
    if (vl_json_type_of(added) != VL_JSON_ARRAY) return wrong_type("added_tokens", "list", error);
    added_reader r = {.t = t, .next = t->vocabulary.count, .error = error};
    vl_normal_text_init(&r.first);
    vl_normal_text_init(&r.second);
    vl_json_each(added, read_added, &r);
    vl_normal_text_release(&r.first);
    vl_normal_text_release(&r.second);
    return r.status;
}

/* ---- The whole --------------------------------------------------------------------------- */

static vl_status read_version(vl_json root, valence_error *error)
{
    vl_span version = {"1.0", 3};
    VL_TRY(vl_json_may_string(root, "version", &version, error));
    return vl_span_is(version, "1.0") ? VALENCE_OK
                                      : vl_tokenizer_unsupported("version", version, error);
}

/* What transformers pads with, else a token of the usual spelling. */
static vl_status read_pad(vl_tokenizer *t, vl_json root, valence_error *error)
{
    vl_json padding, id;
    int64_t pad = -1;
    static const char *const names[] = {"[PAD]", "<pad>"};
    for (size_t i = 0; i < sizeof names / sizeof *names && pad < 0; i++)
        pad = vl_token_vocabulary_id(&t->vocabulary, vl_span_of(names[i]));
    if (vl_json_has(root, "padding", &padding) && vl_json_has(padding, "pad_id", &id) &&
        (!vl_json_integer(id, &pad) || pad < 0 || pad >= t->vocabulary.size))
        return vl_fail(error, VALENCE_FORMAT, "the tokenizer's \"pad_id\" is no id of it");
    t->around.pad = (int32_t)pad;
    return VALENCE_OK;
}

static vl_status read_all(vl_tokenizer *t, vl_json root, valence_error *error)
{
    vl_json part;
    if (vl_json_type_of(root) != VL_JSON_OBJECT)
        return vl_fail(error, VALENCE_FORMAT, "the tokenizer is not a JSON object");
    VL_TRY(read_version(root, error));
    if (vl_json_has(root, "normalizer", &part))
        VL_TRY(vl_tokenizer_read_normalizer(t, part, error));
    if (vl_json_has(root, "pre_tokenizer", &part))
        VL_TRY(vl_tokenizer_read_pretokenizer(t, part, error));
    if (!vl_json_has(root, "model", &part)) return missing("model", error);
    VL_TRY(vl_tokenizer_read_model(t, part, error));
    if (vl_json_has(root, "added_tokens", &part)) VL_TRY(vl_tokenizer_read_added(t, part, error));
    if (vl_json_has(root, "post_processor", &part))
        VL_TRY(vl_tokenizer_read_template(t, part, error));
    return read_pad(t, root, error);
}

vl_status vl_tokenizer_parse(vl_tokenizer *t, vl_span json, valence_error *error)
{
    vl_json root;
    vl_json_parser *parser = vl_json_parser_open(JSON_MAX);
    if (!parser) return vl_fail_memory(error, sizeof root, "a JSON parser");
    vl_status status = vl_json_parse_copy(parser, json, &root, error);
    if (status == VALENCE_OK) status = read_all(t, root, error);
    vl_json_parser_close(parser);
    return status;
}
