/* span.h: a view of bytes somebody else owns. Not NUL-terminated. */
#ifndef VL_SPAN_H
#define VL_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct vl_span {
    const char *ptr;
    size_t len;
} vl_span;

static inline vl_span vl_span_of(const char *text)
{
    return (vl_span){text, text ? strlen(text) : 0};
}

static inline bool vl_span_equal(vl_span a, vl_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool vl_span_is(vl_span a, const char *text)
{
    return vl_span_equal(a, vl_span_of(text));
}

#endif
