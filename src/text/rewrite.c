/* rewrite.c: search, match, copy. */
#include "text/rewrite.h"

#include <assert.h>

vl_status vl_rewrite(vl_span text, vl_find_fn find, vl_match_fn match, vl_buffer *out,
                     vl_edits *edits, bool *changed)
{
    size_t copied = 0;
    *changed = false;
    for (size_t at = find(text, 0); at < text.len; at = find(text, at)) {
        vl_replacement by;
        size_t len = match(text, at, &by);
        if (len == 0) {
            at++;
            continue;
        }
        VL_TRY(vl_buffer_append(out, text.ptr + copied, at - copied));
        VL_TRY(vl_edits_note(edits, out->len, by.len, at, len));
        VL_TRY(vl_buffer_append(out, by.bytes, by.len));
        at += len;
        copied = at;
        *changed = true;
    }
    return *changed ? vl_buffer_append(out, text.ptr + copied, text.len - copied) : VALENCE_OK;
}

void vl_replace_with(vl_replacement *by, const char *word)
{
    by->len = strlen(word);
    assert(by->len <= VL_REPLACEMENT_MAX);
    memcpy(by->bytes, word, by->len);
}
