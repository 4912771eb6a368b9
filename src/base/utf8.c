/* utf8.c: decoding by the table of well-formed byte sequences (Unicode 15, table 3-7). */
#include "base/utf8.h"

#include <string.h>

typedef struct lead {
    int len;              /* of the whole sequence; 0: not a lead byte */
    unsigned char lo, hi; /* range of the second byte */
} lead;

static lead lead_of(unsigned char c)
{
    if (c < 0xC2) return (lead){0, 0, 0};
    if (c < 0xE0) return (lead){2, 0x80, 0xBF};
    if (c == 0xE0) return (lead){3, 0xA0, 0xBF};
    if (c == 0xED) return (lead){3, 0x80, 0x9F};
    if (c < 0xF0) return (lead){3, 0x80, 0xBF};
    if (c == 0xF0) return (lead){4, 0x90, 0xBF};
    if (c < 0xF4) return (lead){4, 0x80, 0xBF};
    if (c == 0xF4) return (lead){4, 0x80, 0x8F};
    return (lead){0, 0, 0};
}

uint32_t vl_utf8_decode(const char *p, const char *end, int *len)
{
    const unsigned char *s = (const unsigned char *)p;
    *len = 1;
    if (s[0] < 0x80) return s[0];
    lead l = lead_of(s[0]);
    if (l.len == 0) return VL_UTF8_BAD;
    uint32_t code_point = s[0] & (0x7Fu >> l.len);
    for (int i = 1; i < l.len; i++) {
        if (p + i >= end) return VL_UTF8_BAD;
        unsigned char lo = i == 1 ? l.lo : 0x80, hi = i == 1 ? l.hi : 0xBF;
        if (s[i] < lo || s[i] > hi) return VL_UTF8_BAD;
        code_point = code_point << 6 | (s[i] & 0x3F);
        *len = i + 1;
    }
    return code_point;
}

int vl_utf8_encode(char *out, uint32_t c)
{
    if (c < 0x80) return out[0] = (char)c, 1;
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* Length of the ASCII run at p, eight bytes at a time. */
static size_t ascii_run(const char *p, const char *end)
{
    const char *start = p;
    for (; end - p >= 8; p += 8) {
        uint64_t block;
        memcpy(&block, p, 8);
        if (block & 0x8080808080808080u) break;
    }
    while (p < end && !(*p & 0x80)) p++;
    return (size_t)(p - start);
}

size_t vl_utf8_valid_prefix(const char *text, size_t len)
{
    if (len == 0) return 0; /* text may be NULL */
    const char *p = text, *end = text + len;
    for (;;) {
        p += ascii_run(p, end);
        if (p == end) return len;
        int n;
        if (vl_utf8_decode(p, end, &n) == VL_UTF8_BAD) return (size_t)(p - text);
        p += n;
    }
}

vl_status vl_utf8_repair(vl_buffer *out, vl_span text, uint64_t *replaced)
{
    if (text.len == 0) return VALENCE_OK;
    const char *p = text.ptr, *end = p + text.len;
    while (p < end) {
        size_t good = vl_utf8_valid_prefix(p, (size_t)(end - p));
        VL_TRY(vl_buffer_append(out, p, good));
        p += good;
        if (p == end) break;
        int n;
        vl_utf8_decode(p, end, &n);
        VL_TRY(vl_buffer_append(out, "\xEF\xBF\xBD", 3));
        ++*replaced;
        p += n;
    }
    return VALENCE_OK;
}

size_t vl_utf8_cut(vl_span text, size_t most)
{
    if (text.len <= most) return text.len;
    while (most > 0 && ((unsigned char)text.ptr[most] & 0xC0) == 0x80) most--;
    return most;
}
