/* result_format.c: names of formats, and the choice of a writer. */
#include "cli/result_format.h"

#include <string.h>

#include "cli/result_rows.h"

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

/* ---- What the writers share ------------------------------------------------------------------ */

int cli_next_class(const float *p, int label_count, int before)
{
    int best = -1;
    for (int k = 0; k < label_count; k++) {
        bool behind = before < 0 || p[k] < p[before] || (p[k] == p[before] && k > before);
        if (behind && (best < 0 || p[k] > p[best])) best = k;
    }
    return best < 0 ? 0 : best; /* none: what is asked for are no numbers */
}

vl_span cli_kept(const cli_row_style *style, const vl_record *record, int i)
{
    int index = style->keep_index[i];
    bool there = index < record->column_count && record->columns[index].ptr;
    return there ? record->columns[index] : (vl_span){"", 0};
}

int cli_label_sign(const char *label)
{
    static const char *const good[] = {"positive", "pos", "1", "good"},
                             *const bad[] = {"negative", "neg", "0", "bad"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (strcmp(label, good[i]) == 0) return 1;
        if (strcmp(label, bad[i]) == 0) return -1;
    }
    return 0;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

vl_status cli_write_header(vl_buffer *out, const cli_row_style *style)
{
    switch (style->format) {
    case CLI_CSV:
    case CLI_TSV: return cli_table_header(out, style);
    case CLI_JSON: return vl_buffer_append_text(out, "[\n");
    case CLI_HTML: return cli_html_header(out, style);
    default: return VALENCE_OK;
    }
}

vl_status cli_write_footer(vl_buffer *out, const cli_row_style *style, bool any_row)
{
    if (style->format == CLI_JSON) return vl_buffer_append_text(out, any_row ? "\n]\n" : "]\n");
    return style->format == CLI_HTML ? cli_html_footer(out, style) : VALENCE_OK;
}

vl_status cli_write_row(vl_buffer *out, const cli_row_style *style, const vl_record *record,
                        const cli_answer_parts *parts)
{
    switch (style->format) {
    case CLI_CSV:
    case CLI_TSV: return cli_table_row(out, style, record, parts);
    case CLI_HTML: return cli_html_row(out, style, record, parts);
    case CLI_PRETTY: return cli_pretty_row(out, style, record, parts);
    default: return cli_json_row(out, style, record, parts);
    }
}
