/* json_write.c: the writing half of json.h. Bytes that need no escape are found eight at a time and
 * appended in one piece. Reading is json_shim.cpp. */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "base/utf8.h"

#define EVERY_BYTE(b) (0x0101010101010101u * (uint64_t)(b))

/* Non-zero when one of the eight bytes is a control character, a quote, a backslash or not ASCII.
 * Below 0x80 a byte b has (b - n) & 0x80 exactly when b < n; a borrow from a lower byte can only
 * come from one that has its own bit set, so the sum over all is exact. */
static uint64_t any_special(uint64_t block)
{
    uint64_t quote = block ^ EVERY_BYTE('"'), backslash = block ^ EVERY_BYTE('\\');
    return ((block - EVERY_BYTE(0x20)) | (quote - EVERY_BYTE(1)) | (backslash - EVERY_BYTE(1)) |
            block) &
           EVERY_BYTE(0x80);
}

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* The first byte in [p, end) that cannot be copied as it is, or end. */
static const char *plain_end(const char *p, const char *end)
{
    for (;;) {
        for (uint64_t block; end - p >= 8; p += 8) {
            memcpy(&block, p, 8);
            if (any_special(block)) break;
        }
        while (p < end && is_plain(*p)) p++;
        if (p == end || !(*p & 0x80)) return p;
        int len;
        if (vl_utf8_decode(p, end, &len) == VL_UTF8_BAD) return p;
        p += len;
    }
}

static vl_status write_escape(vl_buffer *out, char c)
{
    static const char hex[] = "0123456789abcdef";
    switch (c) {
    case '"':
        return vl_buffer_append(out, "\\\"", 2);
    case '\\':
        return vl_buffer_append(out, "\\\\", 2);
    case '\n':
        return vl_buffer_append(out, "\\n", 2);
    case '\r':
        return vl_buffer_append(out, "\\r", 2);
    case '\t':
        return vl_buffer_append(out, "\\t", 2);
    case '\b':
        return vl_buffer_append(out, "\\b", 2);
    case '\f':
        return vl_buffer_append(out, "\\f", 2);
    default:
        break;
    }
    char code[6] = {'\\', 'u', '0', '0', hex[c >> 4 & 15], hex[c & 15]};
    return vl_buffer_append(out, code, sizeof code);
}

/* Writes what plain_end stopped at; *p moves behind it. */
static vl_status write_special(vl_buffer *out, const char **p, const char *end)
{
    if (!(**p & 0x80)) return write_escape(out, *(*p)++);
    int len;
    vl_utf8_decode(*p, end, &len);
    *p += len;
    return vl_buffer_append(out, "\xEF\xBF\xBD", 3);
}

vl_status vl_json_write_string(vl_buffer *out, vl_span text)
{
    if (text.len == 0) return vl_buffer_append(out, "\"\"", 2);
    const char *p = text.ptr, *end = p + text.len;
    VL_TRY(vl_buffer_append_byte(out, '"'));
    while (p < end) {
        const char *run = p;
        p = plain_end(p, end);
        VL_TRY(vl_buffer_append(out, run, (size_t)(p - run)));
        if (p < end) VL_TRY(write_special(out, &p, end));
    }
    return vl_buffer_append_byte(out, '"');
}

/* Some locales print a comma (or more than one byte) for the point; JSON has only the point. */
static vl_status append_in_c_locale(vl_buffer *out, const char *text)
{
    static const char numeric[] = "+-0123456789eE";
    size_t whole = strspn(text, numeric);
    VL_TRY(vl_buffer_append(out, text, whole));
    if (text[whole] == '\0') return VALENCE_OK;
    VL_TRY(vl_buffer_append_byte(out, '.'));
    text += whole;
    return vl_buffer_append_text(out, text + strcspn(text, numeric));
}

static bool is_small_integer(double value)
{
    return fabs(value) < 1e15 && value == floor(value) && !(value == 0 && signbit(value));
}

/* A decimal of up to 15 digits survives the way through a double and "%.15g", which drops trailing
 * zeros: so whenever 15 digits read back as value they hold the shortest form. A float has 6. */
vl_status vl_json_write_number(vl_buffer *out, double value)
{
    if (!isfinite(value)) return vl_buffer_append(out, "null", 4);
    if (is_small_integer(value)) return vl_write_integer(out, (int64_t)value);
    char text[48];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    return append_in_c_locale(out, text);
}

vl_status vl_json_write_float(vl_buffer *out, float value)
{
    if (!isfinite(value)) return vl_buffer_append(out, "null", 4);
    if (is_small_integer((double)value) && fabsf(value) < 1e6f)
        return vl_write_integer(out, (int64_t)value);
    char text[48];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value) break;
    }
    return append_in_c_locale(out, text);
}
