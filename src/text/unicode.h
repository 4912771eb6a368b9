/* unicode.h: what Python's str says about code points: isspace, \w, lower. Properties come from
 * utf8proc; over every code point assigned in Unicode 14 the answers equal Python 3.11's.
 * Not UTF-8 itself: that is base/utf8.h. Any thread. */
#ifndef VL_UNICODE_H
#define VL_UNICODE_H

#include "base/span.h"
#include "base/utf8.h"

enum { VL_UNICODE_REPLACEMENT = 0xFFFD, VL_LOWER_MAX = 2 };

/* \s of Python's re: bidirectional class WS, B, S or category Zs. */
bool vl_is_space(uint32_t code_point);

/* \w of Python's re: categories L*, Nd, Nl, No, and '_'. */
bool vl_is_word(uint32_t code_point);

/* Categories L*. */
bool vl_is_letter(uint32_t code_point);

/* Columns of a terminal that the code point takes: 0 for combining marks, 2 for wide ones. */
int vl_display_width(uint32_t code_point);

/* Lower case of one code point without its neighbours; returns how many (1, for U+0130 2). */
int vl_lower(uint32_t out[VL_LOWER_MAX], uint32_t code_point);

/* Lower case of the capital sigma (2 bytes, U+03A3) at text.ptr + at: final at a word's end. */
uint32_t vl_lower_sigma(vl_span text, size_t at);

/* The code point that ends at text.ptr + at (0 < at <= len), its length in bytes in *len. Invalid
 * bytes give VL_UTF8_BAD, one at a time. */
uint32_t vl_utf8_before(vl_span text, size_t at, int *len);

/* The code point at text.ptr + at (at < len). */
static inline uint32_t vl_utf8_at(vl_span text, size_t at, int *len)
{
    return vl_utf8_decode(text.ptr + at, text.ptr + text.len, len);
}

/* Whether a \w stands directly before at; false at the start. */
bool vl_word_before(vl_span text, size_t at);
/* Behind the \w that stand at at (<= len); at itself if none does. */
size_t vl_word_run(vl_span text, size_t at);
/* Whether a \w stands directly at at; false at the end. */
bool vl_word_at(vl_span text, size_t at);

#endif
