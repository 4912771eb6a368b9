/* length_options.h: --max-length and --truncate, which predict, eval, tokenize and explain share:
 * what becomes of texts longer than a model can read. */
#ifndef VL_LENGTH_OPTIONS_H
#define VL_LENGTH_OPTIONS_H

#include <stdint.h>

#include "valence.h"

typedef struct cli_length_options {
    int64_t max_length;
    const char *truncate;
} cli_length_options;

/* Two rows of an options' table. */
#define CLI_LENGTH_OPTIONS(o)                                                                      \
    {CLI_INTEGER,     "max-length", 0, "N", "tokens a model reads of a text at once (all it can)", \
     &(o)->max_length},                                                                            \
    {                                                                                              \
        CLI_TEXT, "truncate", 0, "HOW",                                                            \
            "of longer texts: windows (read all), right, left, head-tail, never", &(o)->truncate   \
    }

/* Into model options; 0, or CLI_USAGE after telling why not. */
int cli_length_apply(const cli_length_options *o, const char *command,
                     valence_model_options *model);

#endif
