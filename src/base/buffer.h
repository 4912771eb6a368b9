/* buffer.h: bytes that grow up to a maximum given at the start. The caller holds the struct and
 * releases it; the bytes stay valid until the next append. */
#ifndef VL_BUFFER_H
#define VL_BUFFER_H

#include <stdbool.h>

#include "base/mem.h"
#include "base/span.h"

typedef struct vl_buffer {
    char *data;
    size_t len, capacity, max;
    vl_mem_category category;
    bool failed; /* since _init or _reset something could not be appended: for those who ask at the end */
} vl_buffer;

/* Empty, nothing allocated yet. max: the most bytes it may ever hold. */
void vl_buffer_init(vl_buffer *b, vl_mem_category category, size_t max);
void vl_buffer_release(vl_buffer *b);

/* Forgets the contents, keeps the memory. */
void vl_buffer_reset(vl_buffer *b);

/* Makes room for `more` bytes behind len. VALENCE_LIMIT past max, VALENCE_NO_MEMORY; then nothing
 * has changed. */
vl_status vl_buffer_reserve(vl_buffer *b, size_t more);

/* Writing rows is these three over and over, mostly with lengths that the compiler knows. */
static inline vl_status vl_buffer_append(vl_buffer *b, const void *bytes, size_t len)
{
    if (len > b->capacity - b->len) VL_TRY(vl_buffer_reserve(b, len));
    if (len) memcpy(b->data + b->len, bytes, len);
    b->len += len;
    return VALENCE_OK;
}

static inline vl_status vl_buffer_append_text(vl_buffer *b, const char *text)
{
    return vl_buffer_append(b, text, strlen(text));
}

static inline vl_status vl_buffer_append_byte(vl_buffer *b, char byte)
{
    return vl_buffer_append(b, &byte, 1);
}

vl_status vl_buffer_printf(vl_buffer *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline vl_span vl_buffer_span(const vl_buffer *b)
{
    return (vl_span){b->data, b->len};
}

#endif
