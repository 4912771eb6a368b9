/* words_unicode.c: rewrites non-ASCII text so that the ASCII kernels of words.h can cut it. Works
 * code point by code point, without context. */
#include "text/words.h"

#include <string.h>
#include <utf8proc.h>

#include "base/utf8.h"

/* Typographic characters, and their Windows-1252 strays in the C1 range, with what they stand for.
 */
static const char *ascii_twin(uint32_t c)
{
    switch (c) {
    case 0x2018:
    case 0x2019:
    case 0x02BC:
    case 0x2032:
    case 0x91:
    case 0x92:
        return "'";
    case 0x201C:
    case 0x201D:
    case 0x201E:
    case 0x2033:
    case 0xAB:
    case 0xBB:
    case 0x93:
    case 0x94:
        return "\"";
    case 0x2010:
    case 0x2011:
    case 0x2012:
    case 0x2013:
    case 0x2014:
    case 0x2015:
    case 0x96:
    case 0x97:
        return "-";
    case 0xFFFD: return " "; /* stands for bytes that were no text */
    case 0x2026:
    case 0x85:
        return "...";
    default:
        return NULL;
    }
}

static int copy(char *out, const char *bytes, int len)
{
    memcpy(out, bytes, (size_t)len);
    return len;
}

/* What one non-ASCII code point of len bytes at p becomes: at most 2 * len bytes. */
static int rewrite(char *out, uint32_t c, const char *p, int len)
{
    const char *twin = ascii_twin(c);
    if (twin) return copy(out, twin, (int)strlen(twin));
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return vl_utf8_encode(out, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_CF:
        return 0; /* accents, joiners, variation selectors: part of what they follow */
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO:
        out[0] = ' ';
        copy(out + 1, p, len);
        out[len + 1] = ' ';
        return len + 2;
    default:
        return copy(out, " ", 1);
    }
}

/* What the code point at p becomes, an ASCII byte itself; *read: its length. */
static int rewrite_next(char *out, const char *p, const char *end, int *read)
{
    if (!(*p & 0x80)) {
        *read = 1;
        *out = *p;
        return 1;
    }
    uint32_t c = vl_utf8_decode(p, end, read);
    return c == VL_UTF8_BAD ? copy(out, " ", 1) : rewrite(out, c, p, *read);
}

int vl_words_plain(char *out, const char *text, int len)
{
    char *o = out;
    for (int at = 0, read; at < len; at += read) o += rewrite_next(o, text + at, text + len, &read);
    return (int)(o - out);
}

int vl_words_origin(uint16_t *origin, const char *text, int len)
{
    char plain[8]; /* of one code point */
    int n = 0;
    for (int at = 0, read; at < len; at += read) {
        int made = rewrite_next(plain, text + at, text + len, &read);
        for (int i = 0; i < made; i++) origin[n++] = (uint16_t)at;
    }
    origin[n] = (uint16_t)len;
    return n;
}
