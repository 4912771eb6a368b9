/* occlusion.c: a word's weight is what the logit of the whole text loses without it (Zeiler and
 * Fergus 2014, for words Li, Monroe and Jurafsky 2016): the text and all its versions with a word
 * missing are one ragged batch. Words are runs of tokens that no space, punctuation mark or symbol
 * parts; a text of more than UNITS_MAX words is taken apart into as many runs of neighbouring
 * words, so that the work stays bounded. In a long text's windows a word is left out where it
 * stands, and the logit is their mean, as in prediction. Effects of words overlap, so weights do
 * not add up to the logit by themselves: the bias of the answer is what is left over. */
#include "engine/occlusion.h"

#include <string.h>

#include "engine/context.h"
#include "text/unicode.h"

enum { UNITS_MAX = 128 };

typedef struct row {
    int32_t window, unit; /* unit -1: the whole window */
} row;

typedef struct work {
    valence_context *c;
    vl_occlusion *o;
    vl_span text;
    vl_tokens tokens;
    vl_window_plan plan;
    int32_t units, rows;
} work;

static vl_buffer *const *buffers_of(vl_occlusion *o, vl_buffer *list[7])
{
    list[0] = &o->reasons, list[1] = &o->places, list[2] = &o->units, list[3] = &o->ids;
    list[4] = &o->offsets, list[5] = &o->rows, list[6] = &o->logits;
    return list;
}

void vl_occlusion_release(vl_occlusion *o)
{
    vl_buffer *list[7];
    buffers_of(o, list);
    for (int i = 0; i < 7; i++) vl_buffer_release(list[i]);
}

static void prepare(vl_occlusion *o)
{
    vl_buffer *list[7];
    buffers_of(o, list);
    for (int i = 0; i < 7; i++) {
        if (!list[i]->max) vl_buffer_init(list[i], VL_MEM_REQUEST, SIZE_MAX / 4);
        vl_buffer_reset(list[i]);
    }
}

/* ---- Units ----------------------------------------------------------------------------------- */

/* The token's bytes without white space around (byte-level tokens have it in front). */
static vl_span bytes_of(const work *w, int64_t i, size_t *start)
{
    size_t from = w->tokens.start[i], end = w->tokens.end[i];
    int len;
    while (from < end && vl_is_space(vl_utf8_at(w->text, from, &len))) from += (size_t)len;
    while (end > from && vl_is_space(vl_utf8_before(w->text, end, &len))) end -= (size_t)len;
    *start = from;
    return (vl_span){w->text.ptr + from, end - from};
}

/* Token i goes on the word that token i-1 is in: no gap, and letters or digits on both sides. */
static bool goes_on(const work *w, int64_t i)
{
    size_t start, before;
    int len;
    vl_span now = bytes_of(w, i, &start), last = bytes_of(w, i - 1, &before);
    if (now.len == 0) return true;
    if (start > before + last.len || last.len == 0) return false;
    return vl_is_word(vl_utf8_at(now, 0, &len)) && vl_is_word(vl_utf8_before(last, last.len, &len));
}

static int32_t count_words(const work *w)
{
    int32_t words = 0;
    for (int64_t i = 0; i < w->tokens.count; i++) words += i == 0 || !goes_on(w, i);
    return words;
}

static vl_status add_reason(work *w, size_t start, size_t end)
{
    const valence_reason reason = {.start = start, .end = end, .count = 1};
    const valence_place place = {.start = start, .end = end, .reason = (uint32_t)w->units++};
    VL_TRY(vl_buffer_append(&w->o->reasons, &reason, sizeof reason));
    return vl_buffer_append(&w->o->places, &place, sizeof place);
}

/* The unit of each token, and a reason for each unit. */
static vl_status make_units(work *w)
{
    int32_t each = (count_words(w) + UNITS_MAX - 1) / UNITS_MAX, word = -1;
    for (int64_t i = 0; i < w->tokens.count; i++) {
        size_t start;
        vl_span bytes = bytes_of(w, i, &start);
        bool begins = i == 0 || !goes_on(w, i);
        word += begins;
        if (begins && word % each == 0) VL_TRY(add_reason(w, start, start + bytes.len));
        valence_reason *last = (valence_reason *)(void *)w->o->reasons.data + w->units - 1;
        valence_place *place = (valence_place *)(void *)w->o->places.data + w->units - 1;
        if (bytes.len) last->end = place->end = start + bytes.len;
        int32_t unit = w->units - 1;
        VL_TRY(vl_buffer_append(&w->o->units, &unit, sizeof unit));
    }
    return VALENCE_OK;
}

/* ---- The batch ------------------------------------------------------------------------------- */

static int32_t unit_at(const work *w, int32_t place)
{
    return place < 0 ? -1 : ((const int32_t *)(const void *)w->o->units.data)[place];
}

/* One row: window n without the unit. */
static vl_status add_row(work *w, const int32_t *ids, const int32_t *places, int32_t count,
                         row what)
{
    int32_t kept = 0, nothing = 0, at;
    for (int32_t i = 0; i < count; i++) {
        if (what.unit >= 0 && unit_at(w, places[i]) == what.unit) continue;
        VL_TRY(vl_buffer_append(&w->o->ids, &ids[i], sizeof *ids));
        kept++;
    }
    if (kept == 0) VL_TRY(vl_buffer_append(&w->o->ids, &nothing, sizeof nothing));
    at = (int32_t)(w->o->ids.len / sizeof at);
    w->rows++;
    VL_TRY(vl_buffer_append(&w->o->rows, &what, sizeof what));
    return vl_buffer_append(&w->o->offsets, &at, sizeof at);
}

/* All rows of a window: as it is, and without each of its units, which follow each other. */
static vl_status add_window(work *w, const int32_t *ids, const int32_t *places, int32_t count,
                            int32_t window)
{
    int32_t last = -1;
    VL_TRY(add_row(w, ids, places, count, (row){window, -1}));
    for (int32_t i = 0; i < count; i++) {
        int32_t unit = unit_at(w, places[i]);
        if (unit < 0 || unit == last) continue;
        VL_TRY(add_row(w, ids, places, count, (row){window, unit}));
        last = unit;
    }
    return VALENCE_OK;
}

/* Head-and-tail truncation may part a unit; its second part would be a row again. */
static vl_status add_windows(work *w, const int32_t *ids, const int32_t *offsets,
                             const int32_t *places)
{
    const int32_t zero = 0;
    VL_TRY(vl_buffer_append(&w->o->offsets, &zero, sizeof zero));
    for (int32_t n = 0; n < w->plan.windows; n++)
        VL_TRY(
            add_window(w, ids + offsets[n], places + offsets[n], offsets[n + 1] - offsets[n], n));
    return w->o->ids.len / sizeof zero < INT32_MAX ? VALENCE_OK : VALENCE_LIMIT;
}

static vl_status make_batch(work *w, const vl_window_rule *rule)
{
    const vl_token_template *around = vl_tokenizer_template(w->c->model->tokenizer);
    size_t total = (size_t)w->plan.total, windows = (size_t)w->plan.windows;
    int32_t *memory = vl_alloc_array(VL_MEM_REQUEST, 2 * total + windows + 1, sizeof *memory);
    if (!memory) return VALENCE_NO_MEMORY;
    int32_t *places = memory + total, *offsets = places + total;
    vl_window_fill(memory, offsets, places, &w->plan, rule, around, &w->tokens);
    vl_status status = add_windows(w, memory, offsets, places);
    vl_free(memory);
    return status;
}

/* ---- Weights --------------------------------------------------------------------------------- */

static vl_status run(work *w, valence_error *error)
{
    vl_occlusion *o = w->o;
    size_t bytes = (size_t)w->rows * (size_t)w->c->model->model->K * sizeof(float);
    if (vl_buffer_reserve(&o->logits, bytes) != VALENCE_OK)
        return vl_fail_memory(error, bytes, "an explanation");
    const vl_batch batch = {(const int32_t *)(const void *)o->ids.data, NULL,
                            (const int32_t *)(const void *)o->offsets.data, w->rows};
    return vl_context_forward(w->c, &batch, (float *)(void *)o->logits.data, error);
}

static void weigh(const work *w, valence_explanation *e)
{
    const row *rows = (const row *)(const void *)w->o->rows.data;
    const float *logits = (const float *)(const void *)w->o->logits.data;
    valence_reason *reasons = (valence_reason *)(void *)w->o->reasons.data;
    int32_t K = w->c->model->model->K;
    float whole = 0;
    double sum = 0;
    for (int32_t r = 0; r < w->rows; r++) {
        float logit = logits[(int64_t)r * K + e->label_index];
        if (rows[r].unit < 0) whole = logit;
        else reasons[rows[r].unit].weight += (whole - logit) / (float)w->plan.windows;
    }
    for (int32_t u = 0; u < w->units; u++) sum += reasons[u].weight;
    e->bias = e->logit - sum;
    e->reasons = reasons;
    e->places = (const valence_place *)(const void *)w->o->places.data;
    e->reason_count = e->place_count = (size_t)w->units;
}

static vl_status cut(work *w, valence_error *error)
{
    const valence_model *m = w->c->model;
    const vl_token_template *around = vl_tokenizer_template(m->tokenizer);
    vl_status status = vl_tokenizer_encode(m->tokenizer, w->c->tokens, w->text, true, &w->tokens);
    if (status == VALENCE_OK)
        status = vl_window_plan_of(&w->plan, &m->windows, around, w->tokens.count);
    if (status == VALENCE_OK) status = make_units(w);
    if (status == VALENCE_OK && w->units) status = make_batch(w, &m->windows);
    if (status == VALENCE_OK) return status;
    return vl_fail(error, status, "out of memory for explaining a text of %zu bytes", w->text.len);
}

vl_status vl_occlusion_explain(valence_context *c, const char *text, size_t len, int label_index,
                               valence_prediction *prediction, valence_explanation *explanation,
                               valence_error *error)
{
    work w = {.c = c, .o = &c->occlusion, .text = {text, len}};
    VL_TRY(valence_context_predict(c, text, len, prediction, error));
    *explanation = (valence_explanation){.label_index = label_index < 0 ? prediction->label_index
                                                                        : label_index};
    explanation->logit = explanation->bias = prediction->logits[explanation->label_index];
    prepare(w.o);
    VL_TRY(cut(&w, error));
    if (w.units == 0) return VALENCE_OK;
    VL_TRY(run(&w, error));
    weigh(&w, explanation);
    return vl_engine_model_check(c->model, error);
}
