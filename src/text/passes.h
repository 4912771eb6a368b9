/* passes.h: the rewriting passes of clean.h, one file each. All take valid UTF-8 (other bytes are
 * copied, never overrun), run in linear time, and work alike: *changed says whether out, empty at
 * the call, now holds the new text; otherwise the text stays as it is. Any thread. */
#ifndef VL_PASSES_H
#define VL_PASSES_H

#include "base/buffer.h"

/* pass_html.c: <b>, </b>, <br /> and comments become a space, &eacute; &#233; &#xE9; their
 * character. "a < b > c", "<3" and "AT&T" stay. */
vl_status vl_pass_html(vl_span text, vl_buffer *out, bool *changed);

/* pass_urls.c: http://..., https://..., www.... and what tweet collections leave of them, a bare
 * "http", become " urltoken ". */
vl_status vl_pass_urls(vl_span text, vl_buffer *out, bool *changed);

/* pass_names.c: @name becomes " usertoken "; e-mail addresses stay. */
vl_status vl_pass_names(vl_span text, vl_buffer *out, bool *changed);

/* pass_emoticons.c: :-) :( XD <3 and emoji become " emopositive ", " emonegative " or
 * " emoneutral ". */
vl_status vl_pass_emoticons(vl_span text, vl_buffer *out, bool *changed);

/* pass_elongations.c: three or more of one letter become two. */
vl_status vl_pass_elongations(vl_span text, vl_buffer *out, bool *changed);

/* pass_negation.c: words after a negation get the prefix "not_" until . , ; : ! ? or the end. */
vl_status vl_pass_negation(vl_span text, vl_buffer *out, bool *changed);

/* pass_fold.c: LOWER, PUNCTUATION and SPACES of passes (not none) in one sweep, into out. Invalid
 * bytes become U+FFFD, one for each maximal ill-formed subpart; so out is valid UTF-8. */
vl_status vl_pass_fold(uint32_t passes, vl_span text, vl_buffer *out);

#endif
