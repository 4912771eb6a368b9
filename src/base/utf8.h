/* utf8.h: UTF-8 as RFC 3629 has it (no overlong forms, no surrogates, at most U+10FFFF).
 * Properties of code points come from utf8proc, in text/. */
#ifndef VL_UTF8_H
#define VL_UTF8_H

#include <stdint.h>

#include "base/buffer.h"

enum { VL_UTF8_BAD = 0xFFFFFFFF };

/* Decodes the code point at p (p < end). Stores its length in bytes (>= 1) in *len. For an invalid
 * sequence gives VL_UTF8_BAD and the length of the maximal ill-formed subpart (Unicode 3.9, D93b):
 * one U+FFFD stands for it. Never reads at or past end. */
uint32_t vl_utf8_decode(const char *p, const char *end, int *len);

/* Writes the 1..4 bytes of a scalar value; returns their number. */
int vl_utf8_encode(char *out, uint32_t code_point);

/* The longest beginning of at most `most` bytes that does not end inside a code point. */
size_t vl_utf8_cut(vl_span text, size_t most);

/* Number of leading bytes that are valid UTF-8: len when all are. */
size_t vl_utf8_valid_prefix(const char *text, size_t len);

/* Appends text with each ill-formed subpart replaced by U+FFFD; *replaced counts them. */
vl_status vl_utf8_repair(vl_buffer *out, vl_span text, uint64_t *replaced);

#endif
