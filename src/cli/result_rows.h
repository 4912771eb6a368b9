/* result_rows.h: the writers behind result_format.h, and what they share. */
#ifndef VL_RESULT_ROWS_H
#define VL_RESULT_ROWS_H

#include "cli/result_format.h"

enum { CLI_DIGITS = 4 }; /* of a probability */

/* result_table.c */
vl_status cli_table_header(vl_buffer *out, const cli_row_style *style);
vl_status cli_table_row(vl_buffer *out, const cli_row_style *style, const vl_record *record,
                        const cli_answer_parts *parts);

/* result_json.c */
vl_status cli_json_row(vl_buffer *out, const cli_row_style *style, const vl_record *record,
                       const cli_answer_parts *parts);
/* The arrays alone; text is what the offsets speak of. */
vl_status cli_json_explanation(vl_buffer *out, vl_span text, const valence_explanation *e);
vl_status cli_json_sentences(vl_buffer *out, vl_span text, const cli_answer_parts *parts);

/* result_pretty.c */
vl_status cli_pretty_row(vl_buffer *out, const cli_row_style *style, const vl_record *record,
                         const cli_answer_parts *parts);

/* result_html.c */
vl_status cli_html_header(vl_buffer *out, const cli_row_style *style);
vl_status cli_html_row(vl_buffer *out, const cli_row_style *style, const vl_record *record,
                       const cli_answer_parts *parts);
vl_status cli_html_footer(vl_buffer *out, const cli_row_style *style);

/* How many classes a row names. */
static inline int cli_shown_classes(const cli_row_style *style)
{
    return style->top > 0 && style->top < style->label_count ? style->top : style->label_count;
}
/* The most probable class, with `before` not -1 the one that ranks behind that. Of equal ones the first. */
int cli_next_class(const float *probabilities, int label_count, int before);

/* The value of the i-th kept column; empty where the record has none. */
vl_span cli_kept(const cli_row_style *style, const vl_record *record, int i);

/* What a label means to a reader: 1 good, -1 bad, 0 neither or unknown. */
int cli_label_sign(const char *label);

#endif
