/* token_rows.c: a text's tokens as its model reads them: special tokens, windows, truncation. */
#include "cli/token_rows.h"

#include "base/decimal.h"
#include "base/json.h"
#include "engine/engine_model.h"

/* A thread's own. */
typedef struct cutter {
    const cli_token_style *style;
    vl_token_scratch *scratch;
    vl_buffer memory; /* ids, places and offsets of the text's windows */
    /* The present text: */
    vl_tokens tokens;
    vl_window_plan plan;
    const int32_t *ids, *places, *offsets;
    vl_buffer *out;
} cutter;

static vl_status cut(cutter *c, vl_span text)
{
    const valence_model *m = c->style->model;
    const vl_token_template *around = vl_tokenizer_template(m->tokenizer);
    VL_TRY(vl_tokenizer_encode(m->tokenizer, c->scratch, text, true, &c->tokens));
    VL_TRY(vl_window_plan_of(&c->plan, &m->windows, around, c->tokens.count));
    size_t total = (size_t)c->plan.total;
    vl_buffer_reset(&c->memory);
    VL_TRY(
        vl_buffer_reserve(&c->memory, (2 * total + (size_t)c->plan.windows + 1) * sizeof(int32_t)));
    int32_t *ids = (int32_t *)(void *)c->memory.data, *places = ids + total,
            *offsets = places + total;
    vl_window_fill(ids, offsets, places, &c->plan, &m->windows, around, &c->tokens);
    c->ids = ids;
    c->places = places;
    c->offsets = offsets;
    return VALENCE_OK;
}

/* How many padding tokens a window of n tokens gets. */
static int32_t padding(const cutter *c, int32_t n)
{
    const valence_model *m = c->style->model;
    return c->style->pad && vl_tokenizer_template(m->tokenizer)->pad >= 0
               ? m->windows.max_length - n
               : 0;
}

static int32_t pad_id(const cutter *c)
{
    return vl_tokenizer_template(c->style->model->tokenizer)->pad;
}

/* ---- Plain ----------------------------------------------------------------------------------- */

static vl_status write_spelling(cutter *c, int32_t id, bool first)
{
    if (!first) VL_TRY(vl_buffer_append_byte(c->out, ' '));
    vl_span token = vl_tokenizer_token(c->style->model->tokenizer, id);
    return vl_buffer_append(c->out, token.ptr, token.len);
}

static vl_status write_plain(cutter *c)
{
    for (int32_t w = 0; w < c->plan.windows; w++) {
        int32_t from = c->offsets[w], n = c->offsets[w + 1] - from, more = padding(c, n);
        for (int32_t i = 0; i < n + more; i++)
            VL_TRY(write_spelling(c, i < n ? c->ids[from + i] : pad_id(c), i == 0));
        VL_TRY(vl_buffer_append_byte(c->out, '\n'));
    }
    return VALENCE_OK;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

typedef vl_status write_entry(cutter *c, int32_t id, int32_t place);

static vl_status entry_id(cutter *c, int32_t id, int32_t place)
{
    (void)place;
    return vl_write_integer(c->out, id);
}

static vl_status entry_token(cutter *c, int32_t id, int32_t place)
{
    (void)place;
    return vl_json_write_string(c->out, vl_tokenizer_token(c->style->model->tokenizer, id));
}

/* Bytes of the text; of special tokens none. */
static vl_status entry_place(cutter *c, int32_t id, int32_t place)
{
    (void)id;
    if (place < 0) return vl_buffer_append_text(c->out, "[0,0]");
    VL_TRY(vl_buffer_append_byte(c->out, '['));
    VL_TRY(vl_write_integer(c->out, c->tokens.start[place]));
    VL_TRY(vl_buffer_append_byte(c->out, ','));
    VL_TRY(vl_write_integer(c->out, c->tokens.end[place]));
    return vl_buffer_append_byte(c->out, ']');
}

static vl_status write_list(cutter *c, const char *key, int32_t w, write_entry *entry)
{
    int32_t from = c->offsets[w], n = c->offsets[w + 1] - from, all = n + padding(c, n);
    VL_TRY(vl_buffer_append_text(c->out, key));
    for (int32_t i = 0; i < all; i++) {
        if (i) VL_TRY(vl_buffer_append_byte(c->out, ','));
        bool real = i < n;
        VL_TRY(entry(c, real ? c->ids[from + i] : pad_id(c), real ? c->places[from + i] : -1));
    }
    return vl_buffer_append_byte(c->out, ']');
}

/* One object for each window. */
static vl_status write_json_window(cutter *c, const vl_record *r, int32_t w)
{
    VL_TRY(vl_buffer_append_text(c->out, "{\"id\":"));
    if (r->id.ptr) VL_TRY(vl_json_write_string(c->out, r->id));
    else VL_TRY(vl_write_integer(c->out, (int64_t)r->row));
    VL_TRY(write_list(c, ",\"ids\":[", w, entry_id));
    VL_TRY(write_list(c, ",\"tokens\":[", w, entry_token));
    VL_TRY(write_list(c, ",\"offsets\":[", w, entry_place));
    VL_TRY(vl_buffer_append_text(c->out, ",\"truncated\":"));
    VL_TRY(vl_buffer_append_text(c->out, c->plan.truncated ? "true" : "false"));
    VL_TRY(vl_buffer_append_text(c->out, ",\"window\":"));
    VL_TRY(vl_write_integer(c->out, w + 1));
    VL_TRY(vl_buffer_append_text(c->out, ",\"windows\":"));
    VL_TRY(vl_write_integer(c->out, c->plan.windows));
    return vl_buffer_append_text(c->out, "}\n");
}

static vl_status write_json(cutter *c, const vl_record *r)
{
    for (int32_t w = 0; w < c->plan.windows; w++) VL_TRY(write_json_window(c, r, w));
    return VALENCE_OK;
}

/* ---- The job --------------------------------------------------------------------------------- */

static vl_status cut_record(void *user, void *state, const vl_record *record, vl_buffer *out,
                            valence_error *error)
{
    cutter *c = state;
    (void)user;
    c->out = out;
    vl_status status = cut(c, record->text);
    if (status == VALENCE_OK) status = c->style->json ? write_json(c, record) : write_plain(c);
    if (status == VALENCE_OK) return status;
    return vl_fail(error, status, "out of memory for a text of %zu bytes", record->text.len);
}

static vl_status close_cutter(void *user, void *state, valence_error *error)
{
    (void)user, (void)error;
    cutter *c = state;
    vl_token_scratch_close(c->scratch);
    vl_buffer_release(&c->memory);
    vl_free(c);
    return VALENCE_OK;
}

static vl_status open_cutter(void *user, void **state, valence_error *error)
{
    cutter *c = vl_alloc_zero(VL_MEM_REQUEST, sizeof *c);
    if (!c) return vl_fail_memory(error, sizeof *c, "a thread");
    c->style = user;
    vl_buffer_init(&c->memory, VL_MEM_REQUEST, SIZE_MAX / 4);
    vl_status status = vl_token_scratch_open(&c->scratch, c->style->model->tokenizer, error);
    if (status == VALENCE_OK) *state = c;
    else close_cutter(NULL, c, NULL);
    return status;
}

cli_job cli_token_job(cli_token_style *style)
{
    return (cli_job){.what = "tokenizing",
                     .user = style,
                     .open = open_cutter,
                     .record = cut_record,
                     .close = close_cutter};
}
