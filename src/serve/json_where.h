/* json_where.h: where a document stops being JSON, for error messages: simdjson says what is wrong
 * but not where. Not a parser: json.h decides what is valid, this is asked only afterwards.
 * Nothing is allocated; any thread. */
#ifndef VL_JSON_WHERE_H
#define VL_JSON_WHERE_H

#include "base/span.h"

/* The offset of the first byte that no valid document could have there (its length: the document
 * ends too early). Of a valid document: its length. Takes no notice of UTF-8, of numbers' size and
 * of surrogates; nesting deeper than 1024 is told where it gets too deep. */
size_t vl_json_where(vl_span text);

#endif
