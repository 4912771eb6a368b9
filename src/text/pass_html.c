/* pass_html.c: HTML left in reviews. Not a parser: it recognises what can hardly be anything else.
 *
 * A tag is '<', perhaps '/' or '!', a name (letter, then letters, digits, '-', or ':' before a
 * letter), then white space, '/' or '>', and a '>' within 256 bytes with no '<' before it. A
 * comment runs from "<!--" to the next "-->", unless another "<!--" comes first. So no byte is
 * searched for two tags, and "a < b > c", "<3", "<http://x.org>" and "<me@x.org>" stay. */
#include "base/utf8.h"
#include "text/find.h"
#include "text/html_entities.h"
#include "text/passes.h"
#include "text/rewrite.h"

enum { TAG_MAX = 256, ENTITY_MAX = 12 };

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool has_at(vl_span text, size_t at, const char *what)
{
    size_t len = strlen(what);
    return text.len - at >= len && memcmp(text.ptr + at, what, len) == 0;
}

/* The byte at at, or NUL behind the end. */
static char byte_at(vl_span text, size_t at)
{
    return at < text.len ? text.ptr[at] : '\0';
}

/* Behind the tag name that starts at at; at itself if none does. */
static size_t name_end(vl_span text, size_t at)
{
    if (!is_letter(byte_at(text, at))) return at;
    for (;; at++) {
        char c = byte_at(text, at);
        bool colon = c == ':' && is_letter(byte_at(text, at + 1));
        if (!is_letter(c) && !is_digit(c) && c != '-' && !colon) return at;
    }
}

static size_t comment_length(vl_span text, size_t at)
{
    for (size_t i = at + 4;; i++) {
        i = vl_find_either(text, i, '-', '<');
        if (i == text.len || has_at(text, i, "<!--")) return 0;
        if (has_at(text, i, "-->")) return i + 3 - at;
    }
}

size_t vl_html_tag_length(vl_span text, size_t at)
{
    char mark = byte_at(text, at + 1);
    size_t name = at + 1 + (mark == '/' || mark == '!'), end = name_end(text, name);
    char c = byte_at(text, end);
    if (end == name || !(is_blank(c) || c == '/' || c == '>')) return 0;
    size_t limit = text.len - at < TAG_MAX ? text.len : at + TAG_MAX;
    size_t close = vl_find_either((vl_span){text.ptr, limit}, end, '<', '>');
    return close < limit && text.ptr[close] == '>' ? close + 1 - at : 0;
}

static uint32_t entity_value(vl_span body)
{
    if (body.len < 2 || body.ptr[0] != '#') return vl_html_entity_named(body);
    int base = body.ptr[1] == 'x' || body.ptr[1] == 'X' ? 16 : 10;
    size_t skip = base == 16 ? 2 : 1;
    return vl_html_entity_numbered((vl_span){body.ptr + skip, body.len - skip}, base);
}

static size_t entity_length(vl_span text, size_t at, vl_replacement *by)
{
    size_t end = at + 1;
    while (end - at < ENTITY_MAX && byte_at(text, end) != ';' && byte_at(text, end) != '\0') end++;
    if (byte_at(text, end) != ';') return 0;
    uint32_t c = entity_value((vl_span){text.ptr + at + 1, end - at - 1});
    if (c == 0) return 0;
    by->len = (size_t)vl_utf8_encode(by->bytes, c);
    return end + 1 - at;
}

static size_t find(vl_span text, size_t from)
{
    return vl_find_either(text, from, '<', '&');
}

static size_t match(vl_span text, size_t at, vl_replacement *by)
{
    if (text.ptr[at] == '&') return entity_length(text, at, by);
    vl_replace_with(by, " ");
    size_t comment = has_at(text, at, "<!--") ? comment_length(text, at) : 0;
    return comment ? comment : vl_html_tag_length(text, at);
}

vl_status vl_pass_html(vl_span text, vl_buffer *out, vl_edits *edits, bool *changed)
{
    return vl_rewrite(text, find, match, out, edits, changed);
}
