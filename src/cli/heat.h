/* heat.h: an explained text cut into words, each with what it speaks for or against the class; for
 * colours on a terminal and in HTML. Not the explanation itself, whose n-grams overlap. */
#ifndef VL_HEAT_H
#define VL_HEAT_H

#include "base/buffer.h"
#include "valence.h"

enum { CLI_HEAT_LEVELS = 4, CLI_HEAT_TEXT_MAX = 1 << 20 };

typedef struct cli_heat_word {
    size_t start, end; /* bytes of the text: a run without white space */
    double weight;     /* its share of the n-grams that cover it; all shares add up to their sum */
    int level;         /* 0 nothing worth showing .. CLI_HEAT_LEVELS, by the strongest word */
} cli_heat_word;

/* Fills words (initialised by the caller) with cli_heat_word in the order of the text, at most
 * CLI_HEAT_TEXT_MAX bytes of it. An n-gram's weight is spread evenly over its places, and over a
 * place's bytes. */
vl_status cli_heat(vl_buffer *words, vl_span text, const valence_explanation *e);

static inline const cli_heat_word *cli_heat_words(const vl_buffer *words, size_t *count)
{
    *count = words->len / sizeof(cli_heat_word);
    return (const cli_heat_word *)(const void *)words->data;
}

#endif
