/* token_pattern.h: what Replace and Split of a tokenizer.json look for. No regular expressions in
 * general: a literal, a run of one kind of code point, and the expressions of the GPT family by
 * heart. What it accepts it finds exactly where Hugging Face's engines (Oniguruma, regex) do.
 * Ownership: a pattern points into text that its owner keeps. */
#ifndef VL_TOKEN_PATTERN_H
#define VL_TOKEN_PATTERN_H

#include <stdint.h>

#include "base/span.h"
#include "base/status.h"

typedef enum vl_pattern_kind {
    VL_PATTERN_LITERAL,
    VL_PATTERN_RUN,   /* least to most code points of one kind */
    VL_PATTERN_WORDS, /* \w+|[^\w\s]+, of the pre-tokeniser Whitespace; Oniguruma's \w is another */
    VL_PATTERN_GPT2,  /* gpt_split.h */
    VL_PATTERN_GPT4
} vl_pattern_kind;

typedef struct vl_pattern {
    vl_pattern_kind kind;
    vl_span literal;            /* LITERAL: not empty */
    bool (*is)(uint32_t c);     /* RUN; NULL: it is the code point only */
    uint32_t only, least, most; /* GPT4: most digits of a number */
} vl_pattern;

/* One code point of a kind at a time. */
vl_pattern vl_pattern_of(bool (*is)(uint32_t c));

/* VALENCE_UNSUPPORTED names an expression that it cannot find, or one that matches nothing. */
vl_status vl_pattern_literal(vl_pattern *p, vl_span literal, valence_error *error);
vl_status vl_pattern_regex(vl_pattern *p, vl_span regex, valence_error *error);

/* The first match at or after from in valid UTF-8; false: none. Matches are never empty. */
bool vl_pattern_find(const vl_pattern *p, vl_span text, size_t from, size_t *start, size_t *end);

#endif
