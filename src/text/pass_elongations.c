/* pass_elongations.c: "soooo" -> "soo". Letters (L*) only, exactly the same code point each time;
 * "!!!" and "1000" stay. */
#include "text/find.h"
#include "text/passes.h"
#include "text/rewrite.h"
#include "text/unicode.h"

static size_t match(vl_span text, size_t at, vl_replacement *by)
{
    int bytes;
    uint32_t c = vl_utf8_at(text, at, &bytes);
    if (c == VL_UTF8_BAD || !vl_is_letter(c)) return 0;
    size_t len = (size_t)bytes, end = at + len;
    while (text.len - end >= len && memcmp(text.ptr + end, text.ptr + at, len) == 0) end += len;
    if (end - at < 3 * len) return 0;
    memcpy(by->bytes, text.ptr + at, 2 * len);
    by->len = 2 * len;
    return end - at;
}

vl_status vl_pass_elongations(vl_span text, vl_buffer *out, vl_edits *edits, bool *changed)
{
    return vl_rewrite(text, vl_find_triple, match, out, edits, changed);
}
