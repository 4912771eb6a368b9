/* result_format.h: one answer as a row of the output: for people, JSON, JSON lines, CSV, TSV or HTML.
 * The writers are result_table.c, result_json.c, result_pretty.c and result_html.c. */
#ifndef VL_RESULT_FORMAT_H
#define VL_RESULT_FORMAT_H

#include "base/buffer.h"
#include "cli/trace_report.h"
#include "data/source.h"
#include "valence.h"

typedef enum cli_format {
    CLI_FORMAT_AUTO,
    CLI_PRETTY,
    CLI_JSON,
    CLI_JSONL,
    CLI_CSV,
    CLI_TSV,
    CLI_HTML
} cli_format;

vl_status cli_format_parse(cli_format *out, const char *name, valence_error *error);

/* By the ending of path (".csv", ".tsv.gz", ..); CLI_FORMAT_AUTO if it tells nothing. */
cli_format cli_format_of_path(const char *path);

/* How often each label was given; for the summary of an HTML report. */
typedef struct cli_totals {
    uint64_t rows, empty;
    uint64_t *given;           /* (label_count) */
    uint64_t neutral, uncertain, mixed; /* where no class has that name */
} cli_totals;

typedef struct cli_row_style {
    cli_format format;
    bool colour;
    bool explain, sentences; /* one of them at most */
    int top;                 /* give only so many classes, the most probable ones; 0: all */
    int label_count;
    const char *const *labels;
    const char *model, *input; /* names, for HTML; input NULL: texts were arguments */
    cli_totals *totals;        /* HTML: filled by answerers as they close */
    cli_times *times;          /* likewise; NULL: nobody asks where the time goes */
    const vl_span *keep_names; /* (keep_count) input columns to echo */
    const int *keep_index;     /* (keep_count) their places in record->columns */
    int keep_count;
} cli_row_style;

/* What is known of one text: explanation with style.explain, sentences with style.sentences. */
typedef struct cli_answer_parts {
    valence_prediction prediction;
    valence_explanation explanation;
    const valence_sentence *sentences; /* (sentence_count) */
    size_t sentence_count;
} cli_answer_parts;

/* What stands before the first row and behind the last: the header line of CSV and TSV, the brackets
 * of JSON, head and summary of an HTML page. */
vl_status cli_write_header(vl_buffer *out, const cli_row_style *style);
vl_status cli_write_footer(vl_buffer *out, const cli_row_style *style, bool any_row);

/* One row with its line end. For CLI_JSON without separator: the caller puts ",\n" between rows. */
vl_status cli_write_row(vl_buffer *out, const cli_row_style *style, const vl_record *record,
                        const cli_answer_parts *parts);

#endif
