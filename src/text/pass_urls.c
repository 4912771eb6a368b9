/* pass_urls.c: links. One starts with "http://" or "https://" anywhere, or at a word's start with
 * "www." or with "http" / "https" alone, which is what tweet collections often leave of a link. It
 * runs to white space, '<', '>' or '"', less the punctuation of the sentence around it. */
#include "text/find.h"
#include "text/passes.h"
#include "text/rewrite.h"
#include "text/unicode.h"

/* what is lower case. */
static bool has_at(vl_span text, size_t at, const char *what)
{
    size_t len = strlen(what);
    if (text.len - at < len) return false;
    for (size_t i = 0; i < len; i++) {
        char c = text.ptr[at + i];
        if ((c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c) != what[i]) return false;
    }
    return true;
}

static bool ends_link(uint32_t c)
{
    return c == '<' || c == '>' || c == '"' || c == VL_UTF8_BAD || vl_is_space(c);
}

/* Behind the link whose first bytes, up to from, are known. */
static size_t link_end(vl_span text, size_t from)
{
    size_t end = from;
    while (end < text.len) {
        int len;
        if (ends_link(vl_utf8_at(text, end, &len))) break;
        end += (size_t)len;
    }
    while (end > from && strchr(".,;:!?)]}'", text.ptr[end - 1])) end--;
    return end;
}

/* Length of the beginning that makes a link, 0: none. */
static size_t scheme_length(vl_span text, size_t at)
{
    if (has_at(text, at, "www.")) return vl_word_at(text, at + 4) ? 4 : 0;
    if (!has_at(text, at, "http")) return 0;
    return has_at(text, at, "https") ? 5 : 4;
}

static size_t match(vl_span text, size_t at, vl_replacement *by)
{
    size_t scheme = scheme_length(text, at), end = at + scheme;
    if (scheme == 0) return 0;
    bool full = has_at(text, end, "://"), web = text.ptr[end - 1] == '.';
    if (!full && vl_word_before(text, at)) return 0;
    if (!full && !web && vl_word_at(text, end)) return 0;
    if (full || web || has_at(text, end, ":/") || has_at(text, end, "//"))
        end = link_end(text, end);
    vl_replace_with(by, " urltoken ");
    return end - at;
}

static size_t find(vl_span text, size_t from)
{
    return vl_find_pair(text, from, "htww");
}

vl_status vl_pass_urls(vl_span text, vl_buffer *out, vl_edits *edits, bool *changed)
{
    return vl_rewrite(text, find, match, out, edits, changed);
}
