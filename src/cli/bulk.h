/* bulk.h: predictions for whole files: chunks in, rows out, in parallel and in order, in memory that
 * does not depend on the file's size. */
#ifndef VL_BULK_H
#define VL_BULK_H

#include "cli/result_format.h"

typedef struct cli_bulk_options {
    const char *input, *output; /* output NULL: stdout */
    vl_source_options source;
    cli_row_style style; /* format, explain, sentences, top; the rest is filled in */
    const char *keep; /* "all", "a,b" or NULL */
    int threads;
} cli_bulk_options;

typedef struct cli_bulk_result {
    uint64_t rows, bad_rows, repaired;
    double seconds;
} cli_bulk_result;

/* Malformed rows are told on stderr (the first few), counted and skipped. */
vl_status cli_bulk_predict(const valence_model *model, const cli_bulk_options *options,
                           cli_bulk_result *result, valence_error *error);

#endif
