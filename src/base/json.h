/* json.h: strict JSON. Reading is simdjson's DOM behind this header (json_shim.cpp is the only file
 * that knows it); writing is ours. A parser belongs to one thread; values are valid until its next
 * parse. */
#ifndef VL_JSON_H
#define VL_JSON_H

#include <stdint.h>

#include "base/buffer.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { VL_JSON_PADDING = 64 }; /* bytes that must be readable (any value) behind a document */

typedef struct vl_json_parser vl_json_parser;

typedef enum vl_json_type {
    VL_JSON_NULL,
    VL_JSON_BOOL,
    VL_JSON_NUMBER,
    VL_JSON_STRING,
    VL_JSON_ARRAY,
    VL_JSON_OBJECT
} vl_json_type;

typedef struct vl_json { /* a value inside the parser's document; copy freely */
    uint64_t opaque[2];
} vl_json;

/* NULL: out of memory. max_bytes: longest document accepted. */
vl_json_parser *vl_json_parser_open(size_t max_bytes);
void vl_json_parser_close(vl_json_parser *p); /* NULL is fine */

/* Parses one document of len bytes with VL_JSON_PADDING readable bytes behind it. On failure
 * VALENCE_FORMAT and "invalid JSON: ..." in error->message (UTF-8 damage, then with error->byte,
 * and lone surrogates included; simdjson also refuses integers beyond 64 bits and more than 1024
 * levels); VALENCE_LIMIT for more than max_bytes; VALENCE_NO_MEMORY. */
vl_status vl_json_parse(vl_json_parser *p, const char *text, size_t len, vl_json *root,
                        valence_error *error);
/* The same for text without padding: copies it first. */
vl_status vl_json_parse_copy(vl_json_parser *p, vl_span text, vl_json *root, valence_error *error);

vl_json_type vl_json_type_of(vl_json v);
bool vl_json_get(vl_json object, const char *key, vl_json *out); /* first of that key */
bool vl_json_string(vl_json v, vl_span *out);
bool vl_json_number(vl_json v, double *out);
bool vl_json_integer(vl_json v, int64_t *out); /* written as an integer, and fits */
bool vl_json_boolean(vl_json v, bool *out);
size_t vl_json_count(vl_json v); /* members or elements */

/* Calls fn for each member (key given) or element (key empty) until fn returns non-zero, which is
 * then the result. */
int vl_json_each(vl_json v, int (*fn)(void *user, vl_span key, vl_json value), void *user);

/* ---- Writing: each appends to out; statuses are the buffer's --------------------------------- */

/* "text" with quotes; control characters, quote and backslash escaped, invalid UTF-8 as U+FFFD. */
vl_status vl_json_write_string(vl_buffer *out, vl_span text);
/* Shortest decimal that reads back as the same double / the same float; non-finite becomes null.
 * Independent of the locale. Probabilities in bulk: vl_write_decimal is twenty times faster. */
vl_status vl_json_write_number(vl_buffer *out, double value);
vl_status vl_json_write_float(vl_buffer *out, float value);

#ifdef __cplusplus
}
#endif
#endif
