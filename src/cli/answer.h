/* answer.h: a record's way from text to row of output: predicts, explains or splits into sentences as
 * the style says, and writes. What predict does with one text, for arguments and files alike. */
#ifndef VL_ANSWER_H
#define VL_ANSWER_H

#include "cli/result_format.h"

typedef struct cli_answerer cli_answerer;

/* One per thread. style must outlive it. */
vl_status cli_answerer_open(cli_answerer **out, const valence_model *model,
                            const cli_row_style *style, valence_error *error);
void cli_answerer_close(cli_answerer *a); /* adds to style->totals, one thread at a time. NULL is fine */

/* Appends the record's row to out, as cli_write_row. */
vl_status cli_answer(cli_answerer *a, const vl_record *record, vl_buffer *out, valence_error *error);

/* Rows answered so far. */
uint64_t cli_answerer_rows(const cli_answerer *a);

#endif
