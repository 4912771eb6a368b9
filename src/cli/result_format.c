/* result_format.c: writes rows. This is the hot end of bulk prediction: no printf. */
#include "cli/result_format.h"

#include <string.h>

#include "base/decimal.h"
#include "base/json.h"

enum { DIGITS = 4 };

static const char *const names[] = {"auto", "pretty", "json", "jsonl", "csv", "tsv", "html"};

vl_status cli_format_parse(cli_format *out, const char *name, valence_error *error)
{
    for (int i = CLI_PRETTY; i <= CLI_HTML; i++)
        if (strcmp(names[i], name) == 0) {
            *out = (cli_format)i;
            return VALENCE_OK;
        }
    return vl_fail(error, VALENCE_ARGUMENT, "unknown format '%.40s' (pretty, json, jsonl, csv, tsv, html)",
                   name);
}

static bool has_ending(const char *path, size_t len, const char *ending)
{
    size_t n = strlen(ending);
    return len > n && memcmp(path + len - n, ending, n) == 0;
}

cli_format cli_format_of_path(const char *path)
{
    size_t len = strlen(path);
    if (has_ending(path, len, ".gz")) len -= 3;
    else if (has_ending(path, len, ".zst")) len -= 4;
    if (has_ending(path, len, ".ndjson")) return CLI_JSONL;
    if (has_ending(path, len, ".txt")) return CLI_PRETTY;
    for (int i = CLI_JSON; i <= CLI_HTML; i++) {
        char ending[8] = ".";
        memcpy(ending + 1, names[i], strlen(names[i]) + 1);
        if (has_ending(path, len, ending)) return (cli_format)i;
    }
    return CLI_FORMAT_AUTO;
}

/* ---- CSV and TSV ----------------------------------------------------------------------------- */

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

static vl_status write_table_header(vl_buffer *out, const cli_row_style *style)
{
    bool csv = style->format == CLI_CSV;
    char separator = csv ? ',' : '\t';
    VL_TRY(vl_buffer_append_text(out, csv ? "id,label,score" : "id\tlabel\tscore"));
    for (int k = 0; k < style->label_count; k++) {
        VL_TRY(vl_buffer_append_byte(out, separator));
        VL_TRY(write_field(out, csv, vl_span_of(style->labels[k])));
    }
    for (int i = 0; i < style->keep_count; i++) {
        VL_TRY(vl_buffer_append_byte(out, separator));
        VL_TRY(write_field(out, csv, style->keep_names[i]));
    }
    return vl_buffer_append_byte(out, '\n');
}

static vl_span kept(const cli_row_style *style, const vl_record *r, int i)
{
    int index = style->keep_index[i];
    return index < r->column_count && r->columns[index].ptr ? r->columns[index] : (vl_span){"", 0};
}

static vl_status write_table_row(vl_buffer *out, const cli_row_style *style, const vl_record *r,
                                 const valence_prediction *p)
{
    bool csv = style->format == CLI_CSV;
    char separator = csv ? ',' : '\t';
    VL_TRY(write_id(out, r, csv));
    VL_TRY(vl_buffer_append_byte(out, separator));
    VL_TRY(write_field(out, csv, vl_span_of(p->label)));
    VL_TRY(vl_buffer_append_byte(out, separator));
    VL_TRY(vl_write_decimal(out, p->score, DIGITS));
    for (int k = 0; k < style->label_count; k++) {
        VL_TRY(vl_buffer_append_byte(out, separator));
        VL_TRY(vl_write_decimal(out, (double)p->probabilities[k], DIGITS));
    }
    for (int i = 0; i < style->keep_count; i++) {
        VL_TRY(vl_buffer_append_byte(out, separator));
        VL_TRY(write_field(out, csv, kept(style, r, i)));
    }
    return vl_buffer_append_byte(out, '\n');
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static vl_status write_json_id(vl_buffer *out, const vl_record *r)
{
    VL_TRY(vl_buffer_append_text(out, "{\"id\":"));
    return r->id.ptr ? vl_json_write_string(out, r->id) : vl_write_integer(out, (int64_t)r->row);
}

static vl_status write_probabilities(vl_buffer *out, const cli_row_style *style,
                                     const valence_prediction *p)
{
    VL_TRY(vl_buffer_append_text(out, ",\"probabilities\":{"));
    for (int k = 0; k < style->label_count; k++) {
        if (k) VL_TRY(vl_buffer_append_byte(out, ','));
        VL_TRY(vl_json_write_string(out, vl_span_of(style->labels[k])));
        VL_TRY(vl_buffer_append_byte(out, ':'));
        VL_TRY(vl_write_decimal(out, (double)p->probabilities[k], DIGITS));
    }
    return vl_buffer_append_byte(out, '}');
}

static vl_status write_json_kept(vl_buffer *out, const cli_row_style *style, const vl_record *r)
{
    for (int i = 0; i < style->keep_count; i++) {
        vl_span value = kept(style, r, i);
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

static vl_status write_json_row(vl_buffer *out, const cli_row_style *style, const vl_record *r,
                                const valence_prediction *p)
{
    VL_TRY(write_json_id(out, r));
    VL_TRY(vl_buffer_append_text(out, ",\"label\":"));
    VL_TRY(vl_json_write_string(out, vl_span_of(p->label)));
    VL_TRY(vl_buffer_append_text(out, ",\"score\":"));
    VL_TRY(vl_write_decimal(out, p->score, DIGITS));
    VL_TRY(write_probabilities(out, style, p));
    if (p->empty) VL_TRY(vl_buffer_append_text(out, ",\"empty\":true"));
    VL_TRY(write_json_kept(out, style, r));
    return vl_buffer_append_text(out, style->format == CLI_JSONL ? "}\n" : "}");
}

/* ---- For people ------------------------------------------------------------------------------ */

static const char *colour_of(const char *label)
{
    if (strcmp(label, "positive") == 0 || strcmp(label, "1") == 0) return "\033[32m";
    if (strcmp(label, "negative") == 0 || strcmp(label, "0") == 0) return "\033[31m";
    return "\033[33m";
}

/* The text's beginning, on one line, cut between code points. */
static vl_status write_snippet(vl_buffer *out, vl_span text)
{
    enum { WIDTH = 72 };
    size_t len = text.len <= WIDTH ? text.len : WIDTH - 3;
    while (len > 0 && len < text.len && ((unsigned char)text.ptr[len] & 0xC0) == 0x80) len--;
    size_t from = out->len;
    VL_TRY(vl_buffer_append(out, text.ptr, len));
    for (size_t i = from; i < out->len; i++)
        if ((unsigned char)out->data[i] < ' ' || out->data[i] == 127) out->data[i] = ' ';
    return vl_buffer_append_text(out, len < text.len ? "...\n" : "\n");
}

static vl_status write_pretty_row(vl_buffer *out, const cli_row_style *style, const vl_record *r,
                                  const valence_prediction *p)
{
    size_t width = strlen(p->label);
    if (style->colour) VL_TRY(vl_buffer_append_text(out, colour_of(p->label)));
    VL_TRY(vl_buffer_append_text(out, p->label));
    if (style->colour) VL_TRY(vl_buffer_append_text(out, "\033[0m"));
    for (; width < 9; width++) VL_TRY(vl_buffer_append_byte(out, ' '));
    VL_TRY(vl_buffer_append_byte(out, ' '));
    VL_TRY(vl_write_decimal(out, p->score, 2));
    VL_TRY(vl_buffer_append_text(out, "  "));
    return write_snippet(out, r->text);
}

vl_status cli_write_header(vl_buffer *out, const cli_row_style *style)
{
    if (style->format == CLI_CSV || style->format == CLI_TSV) return write_table_header(out, style);
    return style->format == CLI_JSON ? vl_buffer_append_text(out, "[\n") : VALENCE_OK;
}

vl_status cli_write_footer(vl_buffer *out, const cli_row_style *style, bool any_row)
{
    if (style->format != CLI_JSON) return VALENCE_OK;
    return vl_buffer_append_text(out, any_row ? "\n]\n" : "]\n");
}

vl_status cli_write_row(vl_buffer *out, const cli_row_style *style, const vl_record *record,
                        const cli_answer_parts *parts)
{
    const valence_prediction *p = &parts->prediction;
    if (style->format == CLI_CSV || style->format == CLI_TSV)
        return write_table_row(out, style, record, p);
    if (style->format == CLI_PRETTY) return write_pretty_row(out, style, record, p);
    return write_json_row(out, style, record, p);
}
