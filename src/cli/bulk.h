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
    bool resume; /* go on where an interrupted run stopped; see resume.h */
    /* What the model was opened with. An option that changes the output must also become a fact in
     * bulk_resume.c, else a file could be continued with another one. */
    const valence_model_options *decide;
    double checkpoint_seconds; /* 0: 1; negative: none */
} cli_bulk_options;

typedef struct cli_bulk_result {
    uint64_t rows, bad_rows, repaired; /* with those of the runs that were resumed */
    bool was_complete;                 /* resume: there was nothing left to do */
    double seconds;
} cli_bulk_result;

/* Malformed rows are told on stderr (the first few), counted and skipped. Output to a regular file can
 * be resumed if the input is a file or a folder and the format is not HTML: OUT.part and OUT.state stay
 * after a kill, a failure or a signal, and the error says so. A signal gives VALENCE_CANCELLED. */
vl_status cli_bulk_predict(const valence_model *model, const cli_bulk_options *options,
                           cli_bulk_result *result, valence_error *error);

#endif
