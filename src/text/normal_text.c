/* normal_text.c: two buffers that grow together. */
#include "text/normal_text.h"

void vl_normal_text_init(vl_normal_text *n)
{
    vl_buffer_init(&n->bytes, VL_MEM_REQUEST, UINT32_MAX);
    vl_buffer_init(&n->origins, VL_MEM_REQUEST, (size_t)UINT32_MAX * sizeof(vl_origin));
    n->keeps_origins = false;
}

void vl_normal_text_release(vl_normal_text *n)
{
    vl_buffer_release(&n->bytes);
    vl_buffer_release(&n->origins);
}

void vl_normal_text_reset(vl_normal_text *n, bool keeps_origins)
{
    vl_buffer_reset(&n->bytes);
    vl_buffer_reset(&n->origins);
    n->keeps_origins = keeps_origins;
}

vl_status vl_normal_text_reserve(vl_normal_text *n, size_t more)
{
    VL_TRY(vl_buffer_reserve(&n->bytes, more + VL_NORMAL_PADDING));
    return n->keeps_origins ? vl_buffer_reserve(&n->origins, more * sizeof(vl_origin)) : VALENCE_OK;
}

static void add_origins(vl_normal_text *n, vl_origin origin, int count)
{
    vl_origin *o = (vl_origin *)(void *)(n->origins.data + n->origins.len);
    for (int i = 0; i < count; i++) o[i] = origin;
    n->origins.len += (size_t)count * sizeof origin;
}

vl_status vl_normal_text_load(vl_normal_text *n, vl_span text, size_t base)
{
    VL_TRY(vl_normal_text_reserve(n, text.len));
    VL_TRY(vl_buffer_append(&n->bytes, text.ptr, text.len));
    if (!n->keeps_origins) return VALENCE_OK;
    for (size_t at = 0; at < text.len;) {
        int len;
        vl_utf8_decode(text.ptr + at, text.ptr + text.len, &len);
        size_t place = base + at;
        add_origins(n, (vl_origin){(uint32_t)place, (uint32_t)(place + (size_t)len)}, len);
        at += (size_t)len;
    }
    return VALENCE_OK;
}

vl_status vl_normal_text_copy(vl_normal_text *n, const vl_normal_text *from, size_t begin,
                              size_t end)
{
    if (begin == end) return VALENCE_OK;
    VL_TRY(vl_normal_text_reserve(n, end - begin));
    VL_TRY(vl_buffer_append(&n->bytes, from->bytes.data + begin, end - begin));
    if (!n->keeps_origins) return VALENCE_OK;
    return vl_buffer_append(&n->origins, from->origins.data + begin * sizeof(vl_origin),
                            (end - begin) * sizeof(vl_origin));
}

vl_status vl_normal_text_put(vl_normal_text *n, uint32_t code_point, vl_origin origin)
{
    enum { LONGEST = 4 };
    if (n->bytes.capacity - n->bytes.len < LONGEST + VL_NORMAL_PADDING ||
        (n->keeps_origins && n->origins.capacity - n->origins.len < LONGEST * sizeof origin))
        VL_TRY(vl_normal_text_reserve(n, LONGEST));
    int len = vl_utf8_encode(n->bytes.data + n->bytes.len, code_point);
    n->bytes.len += (size_t)len;
    if (n->keeps_origins) add_origins(n, origin, len);
    return VALENCE_OK;
}
