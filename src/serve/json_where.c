/* json_where.c: a walk over the tokens of JSON (RFC 8259) that stops at the first misfit. A stack
 * of brackets stands for recursion, so that hostile nesting costs nothing. */
#include "serve/json_where.h"

enum { DEPTH_MAX = 1024 };

typedef struct walk {
    const char *p, *end;
    char open[DEPTH_MAX]; /* '{' or '[' of each level */
    int depth;
} walk;

static void skip_blanks(walk *w)
{
    while (w->p < w->end && (*w->p == ' ' || *w->p == '\t' || *w->p == '\n' || *w->p == '\r'))
        w->p++;
}

static bool take(walk *w, char c)
{
    if (w->p == w->end || *w->p != c) return false;
    w->p++;
    return true;
}

static bool is_digit(const walk *w)
{
    return w->p < w->end && *w->p >= '0' && *w->p <= '9';
}

static bool is_hex(const walk *w)
{
    if (w->p == w->end) return false;
    char low = (char)(*w->p | 0x20);
    return is_digit(w) || (low >= 'a' && low <= 'f');
}

static bool pass_escape(walk *w)
{
    if (w->p == w->end) return false;
    if (*w->p != 'u') return strchr("\"\\/bfnrt", *w->p) && *w->p ? (w->p++, true) : false;
    w->p++;
    for (int i = 0; i < 4; i++, w->p++)
        if (!is_hex(w)) return false;
    return true;
}

static bool pass_string(walk *w)
{
    if (!take(w, '"')) return false;
    while (w->p < w->end && (unsigned char)*w->p >= ' ') {
        if (take(w, '"')) return true;
        if (take(w, '\\') ? !pass_escape(w) : (w->p++, false)) return false;
    }
    return false;
}

static bool pass_digits(walk *w)
{
    if (!is_digit(w)) return false;
    while (is_digit(w)) w->p++;
    return true;
}

static bool pass_number(walk *w)
{
    take(w, '-');
    if (!take(w, '0') && !pass_digits(w)) return false;
    if (take(w, '.') && !pass_digits(w)) return false;
    if (!take(w, 'e') && !take(w, 'E')) return true;
    if (!take(w, '+')) take(w, '-');
    return pass_digits(w);
}

static bool pass_word(walk *w, const char *word)
{
    for (; *word; word++)
        if (!take(w, *word)) return false;
    return true;
}

static bool pass_scalar(walk *w)
{
    if (w->p == w->end) return false;
    switch (*w->p) {
    case '"':
        return pass_string(w);
    case 't':
        return pass_word(w, "true");
    case 'f':
        return pass_word(w, "false");
    case 'n':
        return pass_word(w, "null");
    default:
        return pass_number(w);
    }
}

static bool pass_key(walk *w)
{
    skip_blanks(w);
    if (!pass_string(w)) return false;
    skip_blanks(w);
    return take(w, ':');
}

/* A value's beginning: the whole of a scalar, or the bracket and the first key behind it.
 * *complete: the value is over (a scalar, or an empty pair of brackets). */
static bool pass_begin(walk *w, bool *complete)
{
    *complete = true;
    skip_blanks(w);
    if (w->p == w->end || (*w->p != '{' && *w->p != '[')) return pass_scalar(w);
    if (w->depth == DEPTH_MAX) return false;
    char open = *w->p++;
    skip_blanks(w);
    if (take(w, open == '{' ? '}' : ']')) return true;
    w->open[w->depth++] = open;
    *complete = false;
    return open == '[' || pass_key(w);
}

/* Behind a value: closing brackets, until a comma asks for another value. *more: it did. */
static bool pass_behind(walk *w, bool *more)
{
    for (*more = false; w->depth; w->depth--) {
        bool object = w->open[w->depth - 1] == '{';
        skip_blanks(w);
        if (take(w, ',')) {
            *more = true;
            return !object || pass_key(w);
        }
        if (!take(w, object ? '}' : ']')) return false;
    }
    return true;
}

size_t vl_json_where(vl_span text)
{
    walk w = {.p = text.ptr, .end = text.ptr + text.len};
    bool complete, more = true;
    while (more) {
        if (!pass_begin(&w, &complete)) return (size_t)(w.p - text.ptr);
        if (complete && !pass_behind(&w, &more)) return (size_t)(w.p - text.ptr);
    }
    skip_blanks(&w);
    return (size_t)(w.p - text.ptr);
}
