/* result_json.c: rows of JSON and JSON lines. No printf: this is the hot end of bulk prediction. */
#include "base/decimal.h"
#include "base/json.h"
#include "cli/result_rows.h"

enum { WEIGHT_DIGITS = 6 }; /* so that hundreds of rounded weights still add up to the logit */

static vl_status write_json_id(vl_buffer *out, const vl_record *r)
{
    VL_TRY(vl_buffer_append_text(out, "{\"id\":"));
    return r->id.ptr ? vl_json_write_string(out, r->id) : vl_write_integer(out, (int64_t)r->row);
}

/* All classes in their order, or the `top` most probable ones by rank. */
static vl_status write_probabilities(vl_buffer *out, const cli_row_style *style, const float *p)
{
    int shown = cli_shown_classes(style);
    VL_TRY(vl_buffer_append_text(out, ",\"probabilities\":{"));
    for (int r = 0, k = -1; r < shown; r++) {
        k = shown < style->label_count ? cli_next_class(p, style->label_count, k) : r;
        if (r) VL_TRY(vl_buffer_append_byte(out, ','));
        VL_TRY(vl_json_write_string(out, vl_span_of(style->labels[k])));
        VL_TRY(vl_buffer_append_byte(out, ':'));
        VL_TRY(vl_write_decimal(out, (double)p[k], CLI_DIGITS));
    }
    return vl_buffer_append_byte(out, '}');
}

/* "start":S,"end":E,"text":"..." */
static vl_status write_range(vl_buffer *out, vl_span text, size_t start, size_t end)
{
    VL_TRY(vl_buffer_append(out, "\"start\":", 8));
    VL_TRY(vl_write_integer(out, (int64_t)start));
    VL_TRY(vl_buffer_append(out, ",\"end\":", 7));
    VL_TRY(vl_write_integer(out, (int64_t)end));
    VL_TRY(vl_buffer_append(out, ",\"text\":", 8));
    return vl_json_write_string(out, (vl_span){text.ptr + start, end - start});
}

vl_status cli_json_explanation(vl_buffer *out, vl_span text, const valence_explanation *e)
{
    VL_TRY(vl_buffer_append_byte(out, '['));
    for (size_t i = 0; i < e->reason_count; i++) {
        const valence_reason *r = &e->reasons[i];
        VL_TRY(vl_buffer_append(out, i ? ",{" : "{", i ? 2 : 1));
        VL_TRY(write_range(out, text, r->start, r->end));
        VL_TRY(vl_buffer_append(out, ",\"weight\":", 10));
        VL_TRY(vl_write_decimal(out, (double)r->weight, WEIGHT_DIGITS));
        if (r->count > 1) {
            VL_TRY(vl_buffer_append(out, ",\"count\":", 9));
            VL_TRY(vl_write_integer(out, r->count));
        }
        VL_TRY(vl_buffer_append_byte(out, '}'));
    }
    return vl_buffer_append_byte(out, ']');
}

vl_status cli_json_sentences(vl_buffer *out, vl_span text, const cli_answer_parts *parts)
{
    VL_TRY(vl_buffer_append_byte(out, '['));
    for (size_t i = 0; i < parts->sentence_count; i++) {
        const valence_sentence *s = &parts->sentences[i];
        VL_TRY(vl_buffer_append_text(out, i ? ",{" : "{"));
        VL_TRY(write_range(out, text, s->start, s->end));
        VL_TRY(vl_buffer_append_text(out, ",\"label\":"));
        VL_TRY(vl_json_write_string(out, vl_span_of(s->label)));
        VL_TRY(vl_buffer_append_text(out, ",\"score\":"));
        VL_TRY(vl_write_decimal(out, s->score, CLI_DIGITS));
        VL_TRY(vl_buffer_append_byte(out, '}'));
    }
    return vl_buffer_append_byte(out, ']');
}

/* What the weights add up to: the logit of the class that they explain. */
static vl_status write_parts(vl_buffer *out, const cli_row_style *style, const vl_record *r,
                             const cli_answer_parts *parts)
{
    const valence_explanation *e = &parts->explanation;
    if (style->sentences) {
        VL_TRY(vl_buffer_append_text(out, ",\"sentences\":"));
        return cli_json_sentences(out, r->text, parts);
    }
    if (!style->explain) return VALENCE_OK;
    VL_TRY(vl_buffer_append_text(out, ",\"explained\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(style->labels[e->label_index])));
    VL_TRY(vl_buffer_append_text(out, ",\"logit\":"));
    VL_TRY(vl_write_decimal(out, e->logit, WEIGHT_DIGITS));
    VL_TRY(vl_buffer_append_text(out, ",\"bias\":"));
    VL_TRY(vl_write_decimal(out, e->bias, WEIGHT_DIGITS));
    VL_TRY(vl_buffer_append_text(out, ",\"explanation\":"));
    return cli_json_explanation(out, r->text, e);
}

static vl_status write_json_kept(vl_buffer *out, const cli_row_style *style, const vl_record *r)
{
    for (int i = 0; i < style->keep_count; i++) {
        vl_span value = cli_kept(style, r, i);
        bool raw = r->column_json && style->keep_index[i] < r->column_count &&
                   r->column_json[style->keep_index[i]];
        VL_TRY(vl_buffer_append_byte(out, ','));
        VL_TRY(vl_json_write_string(out, style->keep_names[i]));
        VL_TRY(vl_buffer_append_byte(out, ':'));
        if (raw) VL_TRY(vl_buffer_append(out, value.ptr, value.len));
        else VL_TRY(vl_json_write_string(out, value));
    }
    return VALENCE_OK;
}

/* How much of the text a model with tokens has read. */
static vl_status write_reading(vl_buffer *out, const valence_prediction *p)
{
    VL_TRY(vl_buffer_append_text(out, ",\"tokens\":"));
    VL_TRY(vl_write_integer(out, p->tokens));
    VL_TRY(vl_buffer_append_text(out, ",\"truncated\":"));
    VL_TRY(vl_buffer_append_text(out, p->truncated ? "true" : "false"));
    VL_TRY(vl_buffer_append_text(out, ",\"windows\":"));
    return vl_write_integer(out, p->windows);
}

vl_status cli_json_row(vl_buffer *out, const cli_row_style *style, const vl_record *r,
                       const cli_answer_parts *parts)
{
    const valence_prediction *p = &parts->prediction;
    VL_TRY(write_json_id(out, r));
    VL_TRY(vl_buffer_append_text(out, ",\"label\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(p->label)));
    VL_TRY(vl_buffer_append_text(out, ",\"score\":"));
    VL_TRY(vl_write_decimal(out, p->score, CLI_DIGITS));
    VL_TRY(write_probabilities(out, style, p->probabilities));
    if (p->empty) VL_TRY(vl_buffer_append_text(out, ",\"empty\":true"));
    if (p->tokens) VL_TRY(write_reading(out, p));
    VL_TRY(write_parts(out, style, r, parts));
    VL_TRY(write_json_kept(out, style, r));
    return vl_buffer_append_text(out, style->format == CLI_JSONL ? "}\n" : "}");
}
