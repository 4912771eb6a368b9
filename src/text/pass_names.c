/* pass_names.c: @names, as in tweets. After a word character an @ belongs to an e-mail address. */
#include "text/passes.h"
#include "text/rewrite.h"
#include "text/unicode.h"

static size_t find(vl_span text, size_t from)
{
    const char *at = from < text.len ? memchr(text.ptr + from, '@', text.len - from) : NULL;
    return at ? (size_t)(at - text.ptr) : text.len;
}

static size_t match(vl_span text, size_t at, vl_replacement *by)
{
    if (vl_word_before(text, at)) return 0;
    size_t end = vl_word_run(text, at + 1);
    vl_replace_with(by, " usertoken ");
    return end > at + 1 ? end - at : 0;
}

vl_status vl_pass_names(vl_span text, vl_buffer *out, vl_edits *edits, bool *changed)
{
    return vl_rewrite(text, find, match, out, edits, changed);
}
