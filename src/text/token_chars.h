/* token_chars.h: what Hugging Face's tokenizers say about code points. They ask five sources of
 * five ages (Rust's char, the crates regex, unicode_categories and
 * unicode-normalization-alignments, and Oniguruma); utf8proc (Unicode 15) answers here, put right
 * by token_chars_table.c where one of them differs. Python's view is unicode.h's. Any thread. */
#ifndef VL_TOKEN_CHARS_H
#define VL_TOKEN_CHARS_H

#include <stdbool.h>
#include <stdint.h>

enum { VL_TOKEN_LOWER_MAX = 3, VL_DECOMPOSE_MAX = 32 };

/* White_Space: char::is_whitespace, \s of both kinds of regex. */
bool vl_token_is_space(uint32_t c);

/* unicode_categories: is_other (Cc, Cf, Co), is_mark_nonspacing, is_punctuation. */
bool vl_token_is_other(uint32_t c);
bool vl_token_is_nonspacing(uint32_t c);
bool vl_token_is_punctuation(uint32_t c); /* and all of ASCII's */

/* char::is_numeric, and char::to_lowercase: fills out, returns how many. */
bool vl_token_is_numeric(uint32_t c);
int vl_token_lower(uint32_t out[VL_TOKEN_LOWER_MAX], uint32_t c);

/* regex: \w. */
bool vl_token_is_word(uint32_t c);

/* Oniguruma: \p{L}, \p{N}. */
bool vl_token_is_letter(uint32_t c);
bool vl_token_is_number(uint32_t c);

/* unicode-normalization-alignments: is_combining_mark, canonical_combining_class, the full
 * decomposition of one code point (returns how many), the composition of two (0: none). */
bool vl_token_is_combining(uint32_t c);
int vl_token_combining_class(uint32_t c);
int vl_token_decompose(uint32_t out[VL_DECOMPOSE_MAX], uint32_t c, bool compatible);
uint32_t vl_token_compose(uint32_t a, uint32_t b);

/* ---- token_chars_table.c ----------------------------------------------------------------- */

typedef struct vl_char_range {
    uint32_t first, last;
} vl_char_range;

/* Code points where a source says the opposite of utf8proc, in order. */
typedef struct vl_char_ranges {
    const vl_char_range *ranges;
    int count;
} vl_char_ranges;

extern const vl_char_ranges vl_differ_other, vl_differ_nonspacing, vl_differ_punctuation,
    vl_differ_numeric, vl_differ_word, vl_differ_letter, vl_differ_number, vl_differ_combining,
    vl_differ_class,      /* class 0 there */
    vl_differ_compatible; /* no compatibility decomposition there */

/* Lower case: code points first..last, every step-th, become themselves + add. */
typedef struct vl_lower_range {
    uint32_t first, last, step;
    int32_t add;
} vl_lower_range;
extern const vl_lower_range vl_lower_ranges[];
extern const int vl_lower_range_count;

#endif
