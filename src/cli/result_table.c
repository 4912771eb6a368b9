/* result_table.c: rows of CSV and TSV. This is the hot end of bulk prediction: no printf per row. */
#include "base/decimal.h"
#include "cli/result_rows.h"

static bool needs_quotes(vl_span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '"' || s.ptr[i] == ',' || s.ptr[i] == '\n' || s.ptr[i] == '\r') return true;
    return false;
}

static vl_status write_csv_field(vl_buffer *out, vl_span s)
{
    if (!needs_quotes(s)) return vl_buffer_append(out, s.ptr, s.len);
    VL_TRY(vl_buffer_append_byte(out, '"'));
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"') VL_TRY(vl_buffer_append_byte(out, '"'));
        VL_TRY(vl_buffer_append_byte(out, s.ptr[i]));
    }
    return vl_buffer_append_byte(out, '"');
}

/* TSV has no quoting: tabs and line ends inside a value become blanks. */
static vl_status write_tsv_field(vl_buffer *out, vl_span s)
{
    size_t from = out->len;
    VL_TRY(vl_buffer_append(out, s.ptr, s.len));
    for (size_t i = from; i < out->len; i++)
        if (out->data[i] == '\t' || out->data[i] == '\n' || out->data[i] == '\r') out->data[i] = ' ';
    return VALENCE_OK;
}

static vl_status write_field(vl_buffer *out, bool csv, vl_span s)
{
    return csv ? write_csv_field(out, s) : write_tsv_field(out, s);
}

static vl_status write_id(vl_buffer *out, const vl_record *r, bool csv)
{
    return r->id.ptr ? write_field(out, csv, r->id) : vl_write_integer(out, (int64_t)r->row);
}

/* With --top K: the label and its score, then label_2, score_2, .. label_K, score_K. */
static vl_status write_class_names(vl_buffer *out, const cli_row_style *style, char separator)
{
    int shown = cli_shown_classes(style);
    if (shown < style->label_count) {
        for (int r = 2; r <= shown; r++)
            VL_TRY(vl_buffer_printf(out, "%clabel_%d%cscore_%d", separator, r, separator, r));
        return VALENCE_OK;
    }
    for (int k = 0; k < style->label_count; k++) {
        VL_TRY(vl_buffer_append_byte(out, separator));
        VL_TRY(write_field(out, separator == ',', vl_span_of(style->labels[k])));
    }
    return VALENCE_OK;
}

static vl_status write_classes(vl_buffer *out, const cli_row_style *style, char separator,
                               const float *p)
{
    int shown = cli_shown_classes(style);
    bool some = shown < style->label_count;
    int k = some ? cli_next_class(p, style->label_count, -1) : -1; /* has its column already */
    for (int r = some; r < shown; r++) {
        k = some ? cli_next_class(p, style->label_count, k) : r;
        VL_TRY(vl_buffer_append_byte(out, separator));
        if (some) {
            VL_TRY(write_field(out, separator == ',', vl_span_of(style->labels[k])));
            VL_TRY(vl_buffer_append_byte(out, separator));
        }
        VL_TRY(vl_write_decimal(out, (double)p[k], CLI_DIGITS));
    }
    return VALENCE_OK;
}

/* Makes a CSV field of what stands in out from `from` on: doubles its quotes, from behind. */
static vl_status quote_in_place(vl_buffer *out, size_t from)
{
    size_t quotes = 2;
    for (size_t i = from; i < out->len; i++) quotes += out->data[i] == '"';
    VL_TRY(vl_buffer_reserve(out, quotes));
    char *to = out->data + out->len + quotes;
    *--to = '"';
    for (const char *p = out->data + out->len; p > out->data + from;) {
        *--to = *--p;
        if (*p == '"') *--to = '"';
    }
    *--to = '"';
    out->len += quotes;
    return VALENCE_OK;
}

/* Explanation or sentences: JSON in a column. JSON has no tabs or line ends: fit for TSV as it is. */
static vl_status write_parts(vl_buffer *out, const cli_row_style *style, char separator,
                             const vl_record *r, const cli_answer_parts *parts)
{
    if (!style->explain && !style->sentences) return VALENCE_OK;
    VL_TRY(vl_buffer_append_byte(out, separator));
    size_t from = out->len;
    if (style->explain) VL_TRY(cli_json_explanation(out, r->text, &parts->explanation));
    else VL_TRY(cli_json_sentences(out, r->text, parts));
    return separator == ',' ? quote_in_place(out, from) : VALENCE_OK;
}

vl_status cli_table_header(vl_buffer *out, const cli_row_style *style)
{
    bool csv = style->format == CLI_CSV;
    char separator = csv ? ',' : '\t';
    VL_TRY(vl_buffer_append_text(out, csv ? "id,label,score" : "id\tlabel\tscore"));
    VL_TRY(write_class_names(out, style, separator));
    if (style->explain || style->sentences) {
        VL_TRY(vl_buffer_append_byte(out, separator));
        VL_TRY(vl_buffer_append_text(out, style->explain ? "explanation" : "sentences"));
    }
    for (int i = 0; i < style->keep_count; i++) {
        VL_TRY(vl_buffer_append_byte(out, separator));
        VL_TRY(write_field(out, csv, style->keep_names[i]));
    }
    return vl_buffer_append_byte(out, '\n');
}

vl_status cli_table_row(vl_buffer *out, const cli_row_style *style, const vl_record *r,
                        const cli_answer_parts *parts)
{
    const valence_prediction *p = &parts->prediction;
    bool csv = style->format == CLI_CSV;
    char separator = csv ? ',' : '\t';
    VL_TRY(write_id(out, r, csv));
    VL_TRY(vl_buffer_append_byte(out, separator));
    VL_TRY(write_field(out, csv, vl_span_of(p->label)));
    VL_TRY(vl_buffer_append_byte(out, separator));
    VL_TRY(vl_write_decimal(out, p->score, CLI_DIGITS));
    VL_TRY(write_classes(out, style, separator, p->probabilities));
    VL_TRY(write_parts(out, style, separator, r, parts));
    for (int i = 0; i < style->keep_count; i++) {
        VL_TRY(vl_buffer_append_byte(out, separator));
        VL_TRY(write_field(out, csv, cli_kept(style, r, i)));
    }
    return vl_buffer_append_byte(out, '\n');
}
