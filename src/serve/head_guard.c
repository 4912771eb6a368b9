/* head_guard.c: a small automaton that steps from line end to line end. */
#include "serve/head_guard.h"

#include <string.h>

/* The next byte at or after at that ends a line, CR or LF, or len. */
static size_t line_end(const char *bytes, size_t at, size_t len)
{
    const char *cr = memchr(bytes + at, '\r', len - at);
    if (cr) len = (size_t)(cr - bytes);
    const char *lf = memchr(bytes + at, '\n', len - at);
    return lf ? (size_t)(lf - bytes) : len;
}

/* One byte in the states between lines; false: not allowed. */
static bool step(vl_head_guard *g, char c)
{
    switch (g->state) {
    case VL_HEAD_CR:
        g->state = VL_HEAD_NEXT;
        return c == '\n';
    case VL_HEAD_NEXT: /* at the start of a line */
        g->state = c == '\r' ? VL_HEAD_LAST_CR : VL_HEAD_LINE;
        return c != '\n' && c != ' ' && c != '\t';
    case VL_HEAD_LAST_CR:
        return c == '\n';
    default:
        return true;
    }
}

/* Empty lines before a request are allowed (RFC 9112, 2.2). */
static size_t skip_start(vl_head_guard *g, const char *bytes, size_t len)
{
    size_t at = 0;
    while (at < len && (bytes[at] == '\r' || bytes[at] == '\n')) at++;
    if (at < len) g->state = VL_HEAD_LINE;
    return at;
}

size_t vl_head_pass(vl_head_guard *g, const char *bytes, size_t len, bool *ended, bool *bad)
{
    size_t at = g->state == VL_HEAD_START ? skip_start(g, bytes, len) : 0;
    *ended = *bad = false;
    while (at < len) {
        if (g->state == VL_HEAD_LINE) {
            at = line_end(bytes, at, len);
            if (at == len) break;
            *bad = bytes[at++] == '\n';
            g->state = VL_HEAD_CR;
        } else {
            bool last = g->state == VL_HEAD_LAST_CR;
            *bad = !step(g, bytes[at++]);
            *ended = last && !*bad;
        }
        if (*bad || *ended) break;
    }
    if (*ended) g->state = VL_HEAD_START;
    return at;
}
