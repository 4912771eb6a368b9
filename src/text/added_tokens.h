/* added_tokens.h: tokens that are found in a text before the model sees it: special ones and others
 * that were added to a vocabulary. Leftmost and longest, as Hugging Face's automaton finds them.
 * The caller holds the struct; constant once built. */
#ifndef VL_ADDED_TOKENS_H
#define VL_ADDED_TOKENS_H

#include "text/byte_trie.h"
#include "text/pretokenizer.h"

enum { VL_ADDED_LENGTH_MAX = 4096 };

typedef struct vl_added_token {
    int32_t id;
    bool single_word; /* not inside a word */
    bool left, right; /* takes the white space on that side with it */
} vl_added_token;

/* Those that are looked for in one kind of text: as it came, or normalised. */
typedef struct vl_added_tokens {
    vl_byte_trie trie; /* to an index of tokens */
    vl_buffer tokens;  /* of vl_added_token */
    bool begins[256];  /* some token begins with this byte */
    int begin_count, begin;
} vl_added_tokens;

vl_status vl_added_tokens_init(vl_added_tokens *a);
void vl_added_tokens_release(vl_added_tokens *a); /* zeroed struct is fine */

/* VALENCE_FORMAT: empty, too long, or there before. */
vl_status vl_added_tokens_add(vl_added_tokens *a, vl_span spelling, vl_added_token token,
                              valence_error *error);

static inline bool vl_added_tokens_none(const vl_added_tokens *a)
{
    return a->tokens.len == 0;
}

/* Appends the pieces of text's bytes [begin, end): tokens and what lies between. */
vl_status vl_added_tokens_split(const vl_added_tokens *a, vl_span text, size_t begin, size_t end,
                                vl_buffer *pieces);

#endif
