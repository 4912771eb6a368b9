/* buffer.c: a bounded, growing byte buffer. Doubles, so that n appends cost O(n). */
#include "base/buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void vl_buffer_init(vl_buffer *b, vl_mem_category category, size_t max)
{
    *b = (vl_buffer){.category = category, .max = max};
}

void vl_buffer_release(vl_buffer *b)
{
    vl_free(b->data);
    vl_buffer_init(b, b->category, b->max);
}

void vl_buffer_reset(vl_buffer *b)
{
    b->len = 0;
    b->failed = false;
}

static vl_status grow(vl_buffer *b, size_t more)
{
    assert(b->len <= b->capacity && b->capacity <= b->max);
    if (more > b->max - b->len) return VALENCE_LIMIT;
    size_t need = b->len + more;
    if (need == SIZE_MAX) return VALENCE_NO_MEMORY;
    if (need <= b->capacity) return VALENCE_OK;
    size_t capacity = b->capacity < b->max / 2 ? b->capacity * 2 : b->max;
    if (capacity < need) capacity = need;
    if (capacity < 256) capacity = b->max < 256 ? b->max : 256;
    char *data = vl_realloc(b->category, b->data, capacity + 1); /* one for printf's NUL */
    if (!data) return VALENCE_NO_MEMORY;
    b->data = data;
    b->capacity = capacity;
    return VALENCE_OK;
}

vl_status vl_buffer_reserve(vl_buffer *b, size_t more)
{
    vl_status status = grow(b, more);
    b->failed |= status != VALENCE_OK;
    return status;
}

vl_status vl_buffer_printf(vl_buffer *b, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    vl_status status = len < 0 ? VALENCE_ARGUMENT : vl_buffer_reserve(b, (size_t)len);
    if (status == VALENCE_OK && len > 0) {
        vsnprintf(b->data + b->len, (size_t)len + 1, format, again);
        b->len += (size_t)len;
    }
    va_end(again);
    return status;
}
