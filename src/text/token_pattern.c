/* token_pattern.c: reading the few regular expressions there are, and looking for them. */
#include "text/token_pattern.h"

#include "base/utf8.h"
#include "text/gpt_split.h"
#include "text/token_chars.h"

vl_pattern vl_pattern_of(bool (*is)(uint32_t c))
{
    return (vl_pattern){.kind = VL_PATTERN_RUN, .is = is, .least = 1, .most = 1};
}

static vl_status unsupported(vl_span regex, valence_error *error)
{
    int shown = (int)(regex.len < 80 ? regex.len : 80);
    return vl_fail(error, VALENCE_UNSUPPORTED, "the tokenizer's pattern '%.*s' is not supported",
                   shown, regex.ptr);
}

vl_status vl_pattern_literal(vl_pattern *p, vl_span literal, valence_error *error)
{
    if (literal.len == 0) return unsupported(literal, error);
    *p = (vl_pattern){.kind = VL_PATTERN_LITERAL, .literal = literal};
    return VALENCE_OK;
}

static bool known(vl_pattern *p, vl_span regex)
{
    static const struct {
        const char *regex;
        vl_pattern pattern;
    } list[] = {
        {VL_GPT2_REGEX, {.kind = VL_PATTERN_GPT2}},
        {VL_GPT4_REGEX("{1,3}"), {.kind = VL_PATTERN_GPT4, .most = 3}},
        {VL_GPT4_REGEX(""), {.kind = VL_PATTERN_GPT4, .most = 1}},
        {VL_GPT4_REGEX("+"), {.kind = VL_PATTERN_GPT4, .most = UINT32_MAX}},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (vl_span_is(regex, list[i].regex)) return *p = list[i].pattern, true;
    return false;
}

/* The atom at the regex's start; its length, or 0 when there is none that is simple. */
static size_t read_atom(vl_pattern *p, vl_span r)
{
    static const struct {
        const char *name;
        bool (*is)(uint32_t c);
    } classes[] = {
        {"\\s", vl_token_is_space}, {"\\p{L}", vl_token_is_letter}, {"\\p{N}", vl_token_is_number}};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        size_t len = strlen(classes[i].name);
        if (r.len < len || memcmp(r.ptr, classes[i].name, len) != 0) continue;
        p->is = classes[i].is;
        return len;
    }
    if (r.len == 0) return 0;
    if (r.ptr[0] == '\\') {
        char c = r.len > 1 ? r.ptr[1] : '\0';
        const char *letter = c ? strchr("n\nt\tr\r", c) : NULL;
        if (letter && strchr("ntr", c)) p->only = (unsigned char)letter[1];
        else if (c > ' ' && (unsigned char)c < 0x80 && vl_token_is_punctuation((unsigned char)c))
            p->only = (unsigned char)c;
        else return 0;
        return 2;
    }
    if (strchr(".^$*+?()[]{}|", r.ptr[0])) return 0; /* also NUL */
    int len;
    p->only = vl_utf8_decode(r.ptr, r.ptr + r.len, &len);
    return p->only == VL_UTF8_BAD ? 0 : (size_t)len;
}

static size_t read_number(vl_span r, size_t at, uint32_t *number)
{
    size_t begin = at;
    for (*number = 0; at < r.len && at - begin < 5 && r.ptr[at] - '0' >= 0 && r.ptr[at] <= '9';)
        *number = *number * 10 + (uint32_t)(r.ptr[at++] - '0');
    return at;
}

/* +, {n}, {n,}, {n,m} that are all of r. */
static bool read_count(vl_pattern *p, vl_span r)
{
    if (vl_span_is(r, "+")) return p->least = 1, p->most = UINT32_MAX, true;
    if (r.len < 3 || r.ptr[0] != '{' || r.ptr[r.len - 1] != '}') return false;
    size_t at = read_number(r, 1, &p->least), end = r.len - 1;
    if (at == 1 || p->least == 0) return false;
    p->most = p->least;
    if (at == end) return true;
    if (r.ptr[at++] != ',') return false;
    if (at == end) return p->most = UINT32_MAX, true;
    return read_number(r, at, &p->most) == end && p->most >= p->least;
}

static bool is_plain(vl_span regex)
{
    for (size_t i = 0; i < regex.len; i++)
        if (strchr("\\.^$*+?()[]{}|", regex.ptr[i])) return false;
    return regex.len > 0;
}

vl_status vl_pattern_regex(vl_pattern *p, vl_span regex, valence_error *error)
{
    if (known(p, regex)) return VALENCE_OK;
    if (is_plain(regex)) return vl_pattern_literal(p, regex, error);
    *p = (vl_pattern){.kind = VL_PATTERN_RUN, .least = 1, .most = 1};
    size_t len = read_atom(p, regex);
    if (len == 0) return unsupported(regex, error);
    vl_span rest = {regex.ptr + len, regex.len - len};
    return rest.len == 0 || read_count(p, rest) ? VALENCE_OK : unsupported(regex, error);
}

/* ---- Looking ----------------------------------------------------------------------------- */

static bool is_one(const vl_pattern *p, uint32_t c)
{
    return p->is ? p->is(c) : c == p->only;
}

static uint32_t decode(vl_span text, size_t at, int *len)
{
    return vl_utf8_decode(text.ptr + at, text.ptr + text.len, len);
}

/* Behind at most p->most code points of the kind; *count: how many. */
static size_t run_end(const vl_pattern *p, vl_span text, size_t at, uint32_t *count)
{
    for (*count = 0; at < text.len && *count < p->most; ++*count) {
        int len;
        if (!is_one(p, decode(text, at, &len))) break;
        at += (size_t)len;
    }
    return at;
}

static bool find_run(const vl_pattern *p, vl_span text, size_t from, size_t *start, size_t *end)
{
    for (size_t at = from; at < text.len;) {
        uint32_t count;
        size_t behind = run_end(p, text, at, &count);
        if (count >= p->least) return *start = at, *end = behind, true;
        int len;
        if (count == 0) decode(text, at, &len);
        at = count ? behind : at + (size_t)len;
    }
    return false;
}

static bool find_literal(const vl_pattern *p, vl_span text, size_t from, size_t *start, size_t *end)
{
    const char *at = from < text.len
                         ? memmem(text.ptr + from, text.len - from, p->literal.ptr, p->literal.len)
                         : NULL;
    if (!at) return false;
    *start = (size_t)(at - text.ptr);
    *end = *start + p->literal.len;
    return true;
}

static bool is_mark(uint32_t c)
{
    return !vl_token_is_word(c) && !vl_token_is_space(c);
}

static bool find_words(vl_span text, size_t from, size_t *start, size_t *end)
{
    const vl_pattern space = {.kind = VL_PATTERN_RUN, .is = vl_token_is_space, .most = UINT32_MAX};
    const vl_pattern word = {.kind = VL_PATTERN_RUN, .is = vl_token_is_word, .most = UINT32_MAX};
    const vl_pattern mark = {.kind = VL_PATTERN_RUN, .is = is_mark, .most = UINT32_MAX};
    uint32_t count;
    *start = run_end(&space, text, from, &count);
    *end = run_end(&word, text, *start, &count);
    if (count == 0) *end = run_end(&mark, text, *start, &count);
    return count > 0;
}

bool vl_pattern_find(const vl_pattern *p, vl_span text, size_t from, size_t *start, size_t *end)
{
    switch (p->kind) {
    case VL_PATTERN_LITERAL:
        return find_literal(p, text, from, start, end);
    case VL_PATTERN_RUN:
        return find_run(p, text, from, start, end);
    case VL_PATTERN_WORDS:
        return find_words(text, from, start, end);
    default:
        if (from >= text.len) return false;
        *start = from;
        *end = p->kind == VL_PATTERN_GPT2 ? vl_gpt2_match(text, from)
                                          : vl_gpt4_match(text, from, p->most);
        return true;
    }
}
