/* token_template.c: the post-processor of a tokenizer.json: which special tokens stand around a
 * text, and whether offsets lose the white space of their tokens. */
#include "text/tokenizer_parts.h"

typedef struct template_reader {
    vl_tokenizer *t;
    vl_json special; /* TemplateProcessing's special_tokens */
    int *count;      /* of the list that ids go to now; NULL: after all lists */
    int32_t *ids;
    int seen; /* sequences so far */
    bool pair;
    vl_token_template *out;
    vl_status status;
    valence_error *error;
} template_reader;

static vl_status malformed(valence_error *error)
{
    return vl_fail(error, VALENCE_FORMAT, "the tokenizer's post-processor is malformed");
}

static vl_status add_id(vl_tokenizer *t, int32_t *ids, int *count, int64_t id, valence_error *error)
{
    if (id < 0 || !vl_token_vocabulary_has(&t->vocabulary, (int32_t)(id > INT32_MAX ? -1 : id)))
        return vl_fail(error, VALENCE_FORMAT,
                       "the tokenizer's post-processor has id %lld, which is no token",
                       (long long)id);
    if (*count == VL_TEMPLATE_MAX)
        return vl_fail(error, VALENCE_LIMIT, "the tokenizer puts more than %d tokens in a row",
                       VL_TEMPLATE_MAX);
    ids[(*count)++] = (int32_t)id;
    return VALENCE_OK;
}

/* ---- TemplateProcessing ------------------------------------------------------------------ */

/* A, B or the end of a template comes: where do ids go from here? */
static void next_list(template_reader *r)
{
    vl_token_template *o = r->out;
    bool last = r->seen == (r->pair ? 2 : 1);
    r->ids = last ? o->suffix : o->middle;
    r->count = last ? &o->suffix_count : &o->middle_count;
}

static vl_status read_sequence(template_reader *r, vl_json sequence)
{
    vl_span id;
    VL_TRY(vl_json_need_string(sequence, "id", &id, r->error));
    r->seen++;
    if (!vl_span_is(id, r->seen == 1 ? "A" : "B") || r->seen > (r->pair ? 2 : 1))
        return vl_fail(r->error, VALENCE_UNSUPPORTED,
                       "the tokenizer's template does not have its texts once and in order");
    next_list(r);
    return VALENCE_OK;
}

static int read_special_id(void *user, vl_span key, vl_json item)
{
    (void)key;
    template_reader *r = user;
    int64_t id;
    r->status = vl_json_integer(item, &id) ? add_id(r->t, r->ids, r->count, id, r->error)
                                           : malformed(r->error);
    return r->status != VALENCE_OK;
}

static vl_status read_special(template_reader *r, vl_json piece)
{
    vl_span name;
    vl_json entry, ids;
    char key[256];
    VL_TRY(vl_json_need_string(piece, "id", &name, r->error));
    if (name.len >= sizeof key || (name.len && memchr(name.ptr, '\0', name.len)))
        return malformed(r->error);
    memcpy(key, name.ptr, name.len);
    key[name.len] = '\0';
    if (!vl_json_has(r->special, key, &entry) || !vl_json_has(entry, "ids", &ids) ||
        vl_json_type_of(ids) != VL_JSON_ARRAY)
        return malformed(r->error);
    vl_json_each(ids, read_special_id, r);
    return r->status;
}

static int read_piece(void *user, vl_span key, vl_json piece)
{
    (void)key;
    template_reader *r = user;
    vl_json v;
    if (vl_json_has(piece, "Sequence", &v)) r->status = read_sequence(r, v);
    else if (vl_json_has(piece, "SpecialToken", &v)) r->status = read_special(r, v);
    else r->status = malformed(r->error);
    return r->status != VALENCE_OK;
}

static vl_status read_list(vl_tokenizer *t, vl_json post, bool pair, vl_token_template *out,
                           valence_error *error)
{
    template_reader r = {.t = t, .pair = pair, .out = out, .error = error};
    vl_json list;
    r.ids = out->prefix;
    r.count = &out->prefix_count;
    if (!vl_json_has(post, "special_tokens", &r.special) ||
        !vl_json_has(post, pair ? "pair" : "single", &list) ||
        vl_json_type_of(list) != VL_JSON_ARRAY)
        return malformed(error);
    vl_json_each(list, read_piece, &r);
    VL_TRY(r.status);
    return r.seen == (pair ? 2 : 1) ? VALENCE_OK : malformed(error);
}

static bool same_ids(const int32_t *a, int a_count, const int32_t *b, int b_count)
{
    return a_count == b_count && memcmp(a, b, (size_t)a_count * sizeof *a) == 0;
}

static vl_status read_template(vl_tokenizer *t, vl_json post, valence_error *error)
{
    vl_token_template single = {0}, pair = {0};
    VL_TRY(read_list(t, post, false, &single, error));
    VL_TRY(read_list(t, post, true, &pair, error));
    if (!same_ids(single.prefix, single.prefix_count, pair.prefix, pair.prefix_count) ||
        !same_ids(single.suffix, single.suffix_count, pair.suffix, pair.suffix_count))
        return vl_fail(error, VALENCE_UNSUPPORTED,
                       "the tokenizer's template begins or ends a pair as it does no single text");
    t->around = pair;
    return VALENCE_OK;
}

/* ---- The others -------------------------------------------------------------------------- */

/* The id of ["[CLS]", 101]. */
static vl_status read_named(vl_json post, const char *key, int64_t *id, valence_error *error)
{
    vl_json list, pair[2];
    bool good =
        vl_json_has(post, key, &list) && vl_json_pair(list, pair) && vl_json_integer(pair[1], id);
    return good ? VALENCE_OK : malformed(error);
}

/* CLS A SEP, and in pairs CLS A SEP B SEP, or CLS A SEP SEP B SEP. */
static vl_status read_bert(vl_tokenizer *t, vl_json post, int separators, valence_error *error)
{
    vl_token_template o = {0};
    int64_t cls, sep;
    VL_TRY(read_named(post, "cls", &cls, error));
    VL_TRY(read_named(post, "sep", &sep, error));
    VL_TRY(add_id(t, o.prefix, &o.prefix_count, cls, error));
    VL_TRY(add_id(t, o.suffix, &o.suffix_count, sep, error));
    for (int i = 0; i < separators; i++) VL_TRY(add_id(t, o.middle, &o.middle_count, sep, error));
    t->around = o;
    return VALENCE_OK;
}

static vl_status read_trim(vl_tokenizer *t, vl_json post, valence_error *error)
{
    bool trims = true, prefix = true;
    VL_TRY(vl_json_need_flag(post, "trim_offsets", &trims, error));
    VL_TRY(vl_json_need_flag(post, "add_prefix_space", &prefix, error));
    if (!trims) return VALENCE_OK;
    if (t->trim_count == VL_TRIMS_MAX)
        return vl_fail(error, VALENCE_LIMIT, "the tokenizer has too many post-processors");
    t->trims[t->trim_count++] = (vl_token_trim){prefix};
    return VALENCE_OK;
}

static vl_status read_one(vl_tokenizer *t, vl_span type, vl_json post, valence_error *error)
{
    if (vl_span_is(type, "ByteLevel")) return read_trim(t, post, error);
    bool template = vl_span_is(type, "TemplateProcessing");
    bool bert = vl_span_is(type, "BertProcessing"), roberta = vl_span_is(type, "RobertaProcessing");
    if (!template && !bert && !roberta)
        return vl_tokenizer_unsupported("post-processor", type, error);
    if (t->around.prefix_count || t->around.suffix_count)
        return vl_fail(error, VALENCE_UNSUPPORTED,
                       "a tokenizer with special tokens around special tokens is not supported");
    if (template) return read_template(t, post, error);
    if (roberta) VL_TRY(read_trim(t, post, error));
    return read_bert(t, post, roberta ? 2 : 1, error);
}

typedef struct list_reader {
    vl_tokenizer *t;
    vl_status status;
    valence_error *error;
} list_reader;

static int read_element(void *user, vl_span key, vl_json post)
{
    (void)key;
    list_reader *r = user;
    vl_span type;
    r->status = vl_json_type_name(post, "post-processor", &type, r->error);
    if (r->status == VALENCE_OK) r->status = read_one(r->t, type, post, r->error);
    return r->status != VALENCE_OK;
}

vl_status vl_tokenizer_read_template(vl_tokenizer *t, vl_json post, valence_error *error)
{
    vl_span type;
    vl_json list;
    VL_TRY(vl_json_type_name(post, "post-processor", &type, error));
    if (!vl_span_is(type, "Sequence")) return read_one(t, type, post, error);
    if (!vl_json_has(post, "processors", &list) || vl_json_type_of(list) != VL_JSON_ARRAY)
        return malformed(error);
    list_reader r = {.t = t, .error = error};
    vl_json_each(list, read_element, &r);
    return r.status;
}
