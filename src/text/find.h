/* find.h: where in a text something rare may start, 16 bytes at a time (SSE2, part of x86-64).
 * Each gives the first such place at or after from, or text.len. Any thread. */
#ifndef VL_FIND_H
#define VL_FIND_H

#include "base/span.h"

/* One of the two bytes. */
size_t vl_find_either(vl_span text, size_t from, char a, char b);

/* Two letters in any case: a then b, or c then d. All given in lower case. May also report a pair
 * that only looks alike (a byte whose bit 0x20 differs). */
size_t vl_find_pair(vl_span text, size_t from, const char pairs[4]);

/* Three equal bytes, or a byte of a non-ASCII code point. */
size_t vl_find_triple(vl_span text, size_t from);

/* A byte whose entry in the table is set: for larger sets, one byte at a time. */
size_t vl_find_marked(vl_span text, size_t from, const bool marked[256]);

#endif
