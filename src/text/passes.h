/* passes.h: the rewriting passes of clean.h, one file each. All take valid UTF-8 (other bytes are
 * copied, never overrun), run in linear time, and work alike: *changed says whether out, empty at
 * the call, now holds the new text; otherwise the text stays as it is. edits: NULL, or the list to
 * which what changed is added. Any thread. */
#ifndef VL_PASSES_H
#define VL_PASSES_H

#include "text/clean.h"
#include "text/edits.h"

/* pass_html.c: <b>, </b>, <br /> and comments become a space, &eacute; &#233; &#xE9; their
 * character. "a < b > c", "<3" and "AT&T" stay. */
vl_status vl_pass_html(vl_span text, vl_buffer *out, vl_edits *edits, bool *changed);

/* The length of the tag at at (text.ptr[at] is '<'), or 0 if what stands there is none. */
size_t vl_html_tag_length(vl_span text, size_t at);

/* pass_urls.c: http://..., https://..., www.... and what tweet collections leave of them, a bare
 * "http", become " urltoken ". */
vl_status vl_pass_urls(vl_span text, vl_buffer *out, vl_edits *edits, bool *changed);

/* pass_names.c: @name becomes " usertoken "; e-mail addresses stay. */
vl_status vl_pass_names(vl_span text, vl_buffer *out, vl_edits *edits, bool *changed);

/* pass_emoticons.c: :-) :( XD <3 and emoji become " emopositive ", " emonegative " or
 * " emoneutral ". */
vl_status vl_pass_emoticons(vl_span text, vl_buffer *out, vl_edits *edits, bool *changed);

/* The length of the face or emoji at at (< text.len), or 0. */
size_t vl_emoticon_length(vl_span text, size_t at);

/* pass_elongations.c: three or more of one letter become two. */
vl_status vl_pass_elongations(vl_span text, vl_buffer *out, vl_edits *edits, bool *changed);

/* pass_negation.c: words after a negation get the prefix "not_" until . , ; : ! ? or the end. */
vl_status vl_pass_negation(vl_span text, vl_buffer *out, vl_edits *edits, bool *changed);

/* pass_fold.c: LOWER, PUNCTUATION and SPACES of passes (not none) in one sweep, into out. Invalid
 * bytes become U+FFFD, one for each maximal ill-formed subpart; so out is valid UTF-8. With
 * edits it is many times slower. */
vl_status vl_pass_fold(uint32_t passes, vl_span text, vl_buffer *out, vl_edits *edits);

/* clean.c: vl_clean; each pass that changes something adds to the list of its bit, the last three
 * to that of LOWER. edits: empty lists, one for each pass, or NULL. */
vl_status vl_clean_recorded(uint32_t passes, vl_span text, vl_clean_scratch *scratch,
                            vl_edits *edits, vl_span *out);

#endif
