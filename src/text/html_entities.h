/* html_entities.h: the character of an HTML reference. Finding references in a text is
 * pass_html.c's. Any thread. */
#ifndef VL_HTML_ENTITIES_H
#define VL_HTML_ENTITIES_H

#include <stdint.h>

#include "base/span.h"

/* "eacute" -> U+00E9; 0: no such name. Case counts. */
uint32_t vl_html_entity_named(vl_span name);

/* "233" in base 10, "e9" in base 16; 0: not a number. 128..159 are read as Windows-1252, what is
 * no scalar value as U+FFFD: both as HTML 5 says. */
uint32_t vl_html_entity_numbered(vl_span digits, int base);

#endif
