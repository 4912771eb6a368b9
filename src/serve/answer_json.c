/* answer_json.c: no printf here: this is the hot end of the server. */
#include "serve/answer_json.h"

#include <math.h>
#include <stdlib.h>

#include "base/decimal.h"

vl_status vl_answer_score(vl_buffer *out, double value)
{
    if (!isfinite(value)) return vl_buffer_append(out, "null", 4);
    return vl_write_decimal(out, value, VL_SCORE_DIGITS);
}

vl_status vl_answer_labels(vl_buffer *out, const valence_model_info *info)
{
    for (int k = 0; k < info->label_count; k++) {
        VL_TRY(vl_buffer_append_byte(out, k ? ',' : '['));
        VL_TRY(vl_json_write_string(out, vl_span_of(info->labels[k])));
    }
    return vl_buffer_append_byte(out, ']');
}

/* ---- Ranks ----------------------------------------------------------------------------------- */

typedef struct ranking {
    const float *values;
    bool later_first; /* among equals */
} ranking;

static int compare(const void *left, const void *right, void *user)
{
    const ranking *r = user;
    int a = *(const int *)left, b = *(const int *)right;
    if (r->values[a] > r->values[b]) return -1;
    if (r->values[a] < r->values[b]) return 1;
    return (a < b) == r->later_first ? 1 : -1;
}

/* Kept from request to request. */
static vl_status make_order(vl_ask *a, int count)
{
    if (count <= a->order_capacity) return VALENCE_OK;
    vl_free(a->order);
    a->order = vl_alloc_array(VL_MEM_REQUEST, (size_t)count, sizeof *a->order);
    a->order_capacity = a->order ? count : 0;
    return a->order ? VALENCE_OK : VALENCE_NO_MEMORY;
}

vl_status vl_answer_rank(vl_ask *a, const float *values, vl_ranking_style ties, int top_k,
                         int *shown)
{
    int count = a->model->info.label_count;
    ranking r = {values, ties == VL_RANKING_TEI};
    VL_TRY(make_order(a, count));
    for (int k = 0; k < count; k++) a->order[k] = k;
    qsort_r(a->order, (size_t)count, sizeof *a->order, compare, &r);
    *shown = top_k > 0 && top_k < count ? top_k : count;
    return VALENCE_OK;
}

static vl_status write_class(vl_buffer *out, const char *label, double value,
                             vl_ranking_style style)
{
    bool tei = style == VL_RANKING_TEI;
    VL_TRY(vl_buffer_append_text(out, tei ? "{\"score\":" : "{\"label\":"));
    VL_TRY(tei ? vl_answer_score(out, value) : vl_json_write_string(out, vl_span_of(label)));
    VL_TRY(vl_buffer_append_text(out, tei ? ",\"label\":" : ",\"score\":"));
    VL_TRY(tei ? vl_json_write_string(out, vl_span_of(label)) : vl_answer_score(out, value));
    return vl_buffer_append_byte(out, '}');
}

vl_status vl_answer_ranking(vl_ask *a, const float *values, vl_ranking_style style)
{
    vl_buffer *out = a->out;
    int shown;
    VL_TRY(vl_answer_rank(a, values, style, a->top_k, &shown));
    for (int r = 0; r < shown; r++) {
        int k = a->order[r];
        VL_TRY(vl_buffer_append_byte(out, r ? ',' : '['));
        VL_TRY(write_class(out, a->model->info.labels[k], (double)values[k], style));
    }
    return vl_buffer_append_byte(out, ']');
}

/* ---- Our own shape --------------------------------------------------------------------------- */

/* {"negative":0.01,..}: all classes in their order, or the top_k by rank. */
static vl_status write_classes(vl_ask *a, vl_buffer *out, const float *values)
{
    const valence_model_info *info = &a->model->info;
    int shown = info->label_count;
    bool ranked = a->top_k > 0 && a->top_k < shown;
    if (ranked) VL_TRY(vl_answer_rank(a, values, VL_RANKING_HF, a->top_k, &shown));
    VL_TRY(vl_buffer_append_byte(out, '{'));
    for (int r = 0; r < shown; r++) {
        int k = ranked ? a->order[r] : r;
        if (r) VL_TRY(vl_buffer_append_byte(out, ','));
        VL_TRY(vl_json_write_string(out, vl_span_of(info->labels[k])));
        VL_TRY(vl_buffer_append_byte(out, ':'));
        VL_TRY(vl_answer_score(out, (double)values[k]));
    }
    return vl_buffer_append_byte(out, '}');
}

static vl_status write_reason(vl_buffer *out, vl_span text, const valence_reason *r)
{
    VL_TRY(vl_buffer_append_text(out, "{\"start\":"));
    VL_TRY(vl_write_integer(out, (int64_t)r->start));
    VL_TRY(vl_buffer_append_text(out, ",\"end\":"));
    VL_TRY(vl_write_integer(out, (int64_t)r->end));
    VL_TRY(vl_buffer_append_text(out, ",\"text\":"));
    VL_TRY(vl_json_write_string(out, (vl_span){text.ptr + r->start, r->end - r->start}));
    VL_TRY(vl_buffer_append_text(out, ",\"weight\":"));
    VL_TRY(vl_answer_score(out, (double)r->weight));
    if (r->count > 1) {
        VL_TRY(vl_buffer_append_text(out, ",\"count\":"));
        VL_TRY(vl_write_integer(out, r->count));
    }
    return vl_buffer_append_byte(out, '}');
}

/* bias + all weights = logit. */
static vl_status write_explanation(vl_ask *a, vl_buffer *out, vl_span text,
                                   const valence_explanation *e)
{
    VL_TRY(vl_buffer_append_text(out, ",\"explained\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(a->model->info.labels[e->label_index])));
    VL_TRY(vl_buffer_append_text(out, ",\"logit\":"));
    VL_TRY(vl_answer_score(out, e->logit));
    VL_TRY(vl_buffer_append_text(out, ",\"bias\":"));
    VL_TRY(vl_answer_score(out, e->bias));
    VL_TRY(vl_buffer_append_text(out, ",\"explanation\":["));
    for (size_t i = 0; i < e->reason_count; i++) {
        if (i) VL_TRY(vl_buffer_append_byte(out, ','));
        VL_TRY(write_reason(out, text, &e->reasons[i]));
    }
    return vl_buffer_append_byte(out, ']');
}

vl_status vl_answer_members(vl_ask *a, const vl_result *r)
{
    vl_buffer *out = a->out;
    const valence_prediction *p = r->prediction;
    VL_TRY(vl_buffer_append_text(out, "\"prediction\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(p->label)));
    VL_TRY(vl_buffer_append_text(out, ",\"confidence\":"));
    VL_TRY(vl_answer_score(out, p->score));
    VL_TRY(vl_buffer_append_text(out, ",\"probabilities\":"));
    VL_TRY(write_classes(a, out, p->probabilities));
    if (a->raw_scores) {
        VL_TRY(vl_buffer_append_text(out, ",\"raw_scores\":"));
        VL_TRY(write_classes(a, out, p->logits));
    }
    if (p->empty) VL_TRY(vl_buffer_append_text(out, ",\"empty\":true"));
    if (p->truncated) VL_TRY(vl_buffer_append_text(out, ",\"truncated\":true"));
    if (r->explanation) VL_TRY(write_explanation(a, out, r->text, r->explanation));
    VL_TRY(vl_buffer_append_text(out, ",\"model\":"));
    return vl_json_write_string(out, vl_span_of(a->model->name));
}
