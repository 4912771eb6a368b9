/* abbreviations.h: English words whose full stop need not end a sentence, and words that often
 * begin one. Not the splitting: that is sentences.h. Any thread. */
#ifndef VL_ABBREVIATIONS_H
#define VL_ABBREVIATIONS_H

#include "base/span.h"

/* What may stand behind the full stop if a sentence ends there. */
typedef enum vl_abbreviation {
    VL_ABBREVIATION_NONE,    /* anything: an ordinary word */
    VL_ABBREVIATION_NEVER,   /* nothing, what follows belongs to it: Mr. vs. e.g. */
    VL_ABBREVIATION_STARTER, /* a word that often begins sentences: U.S. Inc. and initials */
    VL_ABBREVIATION_CAPITAL, /* a capital: etc. Jan. approx. */
    VL_ABBREVIATION_NUMBER,  /* anything but a digit: No. p. vol. */
} vl_abbreviation;

/* The kind of the word that ends before the full stop at text.ptr + dot. */
vl_abbreviation vl_abbreviation_before(vl_span text, size_t dot);

/* Whether the word at text.ptr + at is one that often begins sentences: The, He, What. */
bool vl_is_sentence_starter(vl_span text, size_t at);

/* Whether it is the end of a domain or file name: com, org, js. */
bool vl_is_name_ending(vl_span text, size_t at);

#endif
