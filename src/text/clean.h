/* clean.h: rewrites a text by a fixed order of named passes. The names are stored in model files,
 * so that training and serving cannot drift apart. Not tokenising: that is ngrams.h.
 * All output goes to the caller's scratch; any thread, each with its own. */
#ifndef VL_CLEAN_H
#define VL_CLEAN_H

#include <stdint.h>

#include "base/buffer.h"

/* Passes in the order in which they run: name, what it does. Which run is a bit set. */
#define VL_CLEAN_LIST(X)                                                                           \
    X(HTML, "html", "tags become a space, entities their character")                               \
    X(URLS, "urls", "links become ' urltoken '")                                                   \
    X(NAMES, "names", "@names become ' usertoken '")                                               \
    X(EMOTICONS, "emoticons", "emoji and emoticons become words such as ' emopositive '")          \
    X(ELONGATIONS, "elongations", "three or more of one letter become two: soooo -> soo")          \
    X(NEGATION, "negation", "words after not, no, never, n't get the prefix not_ up to . , ; : ! ?") \
    X(LOWER, "lower", "lower case with Python's str.lower()")                                      \
    X(PUNCTUATION, "punctuation", "removes [^\\w\\s] with Python's meaning")                       \
    X(SPACES, "spaces", "white space folds to one space, both ends are stripped")

typedef enum vl_clean_pass {
#define VL_CLEAN_BIT(name, text, what) VL_CLEAN_BIT_##name,
    VL_CLEAN_LIST(VL_CLEAN_BIT)
#undef VL_CLEAN_BIT
        VL_CLEAN_PASSES
} vl_clean_pass;

#define VL_CLEAN_ONE(name) (1u << VL_CLEAN_BIT_##name)

/* The mission's pandas pipeline: lower, punctuation, spaces. */
#define VL_CLEAN_DEFAULT                                                                           \
    (VL_CLEAN_ONE(LOWER) | VL_CLEAN_ONE(PUNCTUATION) | VL_CLEAN_ONE(SPACES))

/* "lower,punctuation,spaces" <-> bits. "" and "none" are 0 (written: "none"); any order, spaces
 * around a name do not count. Unknown name: VALENCE_ARGUMENT, *passes stays as it is. */
vl_status vl_clean_parse(uint32_t *passes, vl_span names, valence_error *error);
vl_status vl_clean_names(uint32_t passes, vl_buffer *out);

/* Scratch memory of one thread. Zero it before first use. */
typedef struct vl_clean_scratch {
    vl_buffer a, b;
} vl_clean_scratch;
void vl_clean_scratch_release(vl_clean_scratch *s);

/* Rewrites text (valid UTF-8) by the passes; *out points into scratch, or is text itself when
 * nothing changes; it is valid until the next call with that scratch. text may not lie in scratch.
 * With LOWER|PUNCTUATION|SPACES the result equals Python 3.11's
 *     re.sub(r'\s+', ' ', re.sub(r'[^\w\s]', '', text.lower())).strip()
 * and these three read an invalid sequence as U+FFFD; the passes before them copy its bytes.
 * Once scratch has grown to the texts' size nothing is allocated. VALENCE_NO_MEMORY, or
 * VALENCE_LIMIT for a text that does not fit 4 GiB. */
vl_status vl_clean(uint32_t passes, vl_span text, vl_clean_scratch *scratch, vl_span *out);

#endif
