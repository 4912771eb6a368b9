/* token_rows.h: `valence tokenize` for models that read tokens. */
#ifndef VL_TOKEN_ROWS_H
#define VL_TOKEN_ROWS_H

#include "cli/length_options.h"
#include "cli/pipeline.h"

typedef struct cli_token_style {
    const valence_model *model;
    bool json; /* ids, spelling and places; else the spelling alone */
    bool pad;  /* fill each window up to the greatest length */
} cli_token_style;

/* The job; style must outlive it. */
cli_job cli_token_job(cli_token_style *style);

#endif
