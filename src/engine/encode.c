/* encode.c: a text as its model reads it: known n-grams, or tokens in one or more windows. */
#include <string.h>

#include "engine/context.h"

/* ---- An encoding in memory of either kind ---------------------------------------------------- */

static size_t bytes_for(int32_t windows, size_t entries, bool weights)
{
    return sizeof(valence_encoding) +
           ((size_t)windows + 1 + entries * (weights ? 2 : 1)) * sizeof(int32_t);
}

static valence_encoding *lay_out(void *memory, const valence_model *model, int32_t windows,
                                 size_t entries, bool weights)
{
    valence_encoding *e = memory;
    *e = (valence_encoding){.model = model, .windows = windows, .offsets = (int32_t *)(e + 1)};
    e->offsets[0] = 0;
    e->ids = e->offsets + windows + 1;
    e->weights = weights ? (float *)(e->ids + entries) : NULL;
    return e;
}

/* In a block of its own, or (own false) in the context's buffer. NULL: out of memory. */
static valence_encoding *make(valence_context *c, bool own, int32_t windows, size_t entries,
                              bool weights)
{
    size_t bytes = bytes_for(windows, entries, weights);
    void *memory = own ? vl_alloc(VL_MEM_REQUEST, bytes) : NULL;
    if (!own) {
        if (!c->encoded.max) vl_buffer_init(&c->encoded, VL_MEM_REQUEST, SIZE_MAX / 4);
        vl_buffer_reset(&c->encoded);
        memory = vl_buffer_reserve(&c->encoded, bytes) == VALENCE_OK ? c->encoded.data : NULL;
    }
    return memory ? lay_out(memory, c->model, windows, entries, weights) : NULL;
}

/* ---- The two kinds --------------------------------------------------------------------------- */

static vl_status encode_features(valence_context *c, vl_span text, bool own, valence_encoding **out)
{
    vl_batch batch;
    uint64_t words;
    VL_TRY(vl_features_of_text(&c->model->features, c->scratch, text, &batch, &words));
    size_t n = (size_t)batch.offsets[1];
    valence_encoding *e = make(c, own, 1, n, batch.weights);
    if (!e) return VALENCE_NO_MEMORY;
    e->offsets[1] = (int32_t)n;
    if (n) memcpy(e->ids, batch.ids, n * sizeof *e->ids);
    if (n && batch.weights) memcpy(e->weights, batch.weights, n * sizeof *e->weights);
    e->empty = words == 0;
    *out = e;
    return VALENCE_OK;
}

static vl_window_rule rule_for(const valence_model *m, valence_truncation t)
{
    static const vl_truncation rules[] = {VL_CUT_WINDOWS, VL_CUT_WINDOWS,   VL_CUT_RIGHT,
                                          VL_CUT_LEFT,    VL_CUT_HEAD_TAIL, VL_CUT_WINDOWS};
    vl_window_rule rule = m->windows;
    rule.truncation = rules[t];
    return rule;
}

static vl_status encode_tokens(valence_context *c, vl_span text, valence_truncation truncation,
                               bool own, valence_encoding **out, valence_error *error)
{
    const valence_model *m = c->model;
    const vl_token_template *around = vl_tokenizer_template(m->tokenizer);
    if (truncation == VALENCE_AS_MODEL) truncation = m->truncation;
    vl_window_rule rule = rule_for(m, truncation);
    vl_window_plan plan;
    vl_tokens tokens;
    VL_TRY(vl_tokenizer_encode(m->tokenizer, c->tokens, text, false, &tokens));
    VL_TRY(vl_window_plan_of(&plan, &rule, around, tokens.count));
    if (truncation == VALENCE_TRUNCATE_NEVER && plan.windows > 1)
        return vl_fail(error, VALENCE_LIMIT, "`inputs` must have less than %d tokens. Given: %lld",
                       rule.max_length,
                       (long long)tokens.count + around->prefix_count + around->suffix_count);
    /* A model needs a token to read: a template without any leaves an empty text nothing. */
    bool nothing = plan.total == 0;
    valence_encoding *e = make(c, own, plan.windows, (size_t)plan.total + nothing, false);
    if (!e) return VALENCE_NO_MEMORY;
    vl_window_fill(e->ids, e->offsets, NULL, &plan, &rule, around, &tokens);
    if (nothing) e->ids[0] = around->pad > 0 ? around->pad : 0;
    if (nothing) e->offsets[1] = 1;
    e->tokens = (int32_t)plan.total + nothing;
    e->truncated = plan.truncated;
    e->empty = tokens.count == 0;
    *out = e;
    return VALENCE_OK;
}

static vl_status encode(valence_context *c, vl_span text, valence_truncation truncation, bool own,
                        valence_encoding **out, valence_error *error)
{
    valence_error detail = {0};
    vl_status status = c->model->tokenizer ? encode_tokens(c, text, truncation, own, out, &detail)
                                           : encode_features(c, text, own, out);
    if (status == VALENCE_OK) return status;
    if (detail.message[0]) return vl_fail(error, status, "%s", detail.message);
    if (status == VALENCE_LIMIT)
        return vl_fail(error, status, "a text of %zu bytes is too long", text.len);
    return vl_fail(error, status, "out of memory for a text of %zu bytes", text.len);
}

vl_status vl_context_encode(valence_context *c, vl_span text, valence_truncation truncation,
                            const valence_encoding **encoding, valence_error *error)
{
    valence_encoding *e;
    VL_TRY(encode(c, text, truncation, false, &e, error));
    *encoding = e;
    return VALENCE_OK;
}

/* ---- For callers ----------------------------------------------------------------------------- */

valence_status valence_context_encode(valence_context *context, const char *text, size_t len,
                                      valence_truncation truncation, valence_encoding **encoding,
                                      valence_error *error)
{
    *encoding = NULL;
    if ((int)truncation < 0 || truncation > VALENCE_TRUNCATE_NEVER)
        return vl_fail(error, VALENCE_ARGUMENT, "there is no truncation number %d",
                       (int)truncation);
    return encode(context, (vl_span){text, len}, truncation, true, encoding, error);
}

void valence_encoding_close(valence_encoding *encoding)
{
    vl_free(encoding);
}

int64_t valence_encoding_tokens(const valence_encoding *encoding)
{
    int64_t n = encoding->offsets[encoding->windows];
    return n > 0 ? n : 1;
}
