/* info_terms.h: `valence info --top N`: the n-grams that weigh most for each class. */
#ifndef VL_INFO_TERMS_H
#define VL_INFO_TERMS_H

#include <stdbool.h>

#include "valence.h"

/* Prints at most `top` n-grams of each class: classes side by side where the terminal is wide
 * enough, else one below the other; or one JSON object. A model that knows no n-gram's spelling is
 * said so on stderr. Returns the exit code. */
int cli_print_terms(const valence_model *model, int top, bool json);

#endif
