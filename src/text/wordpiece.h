/* wordpiece.h: the WordPiece model: a word becomes the longest token that it begins with, then the
 * longest ones that go on from there; a word that cannot be built is unknown as a whole. */
#ifndef VL_WORDPIECE_H
#define VL_WORDPIECE_H

#include "text/token_vocabulary.h"

typedef struct vl_wordpiece {
    uint32_t continuing; /* the node of the trie behind the continuing prefix ("##") */
    bool continues;      /* some token begins with the prefix */
    int32_t unknown;
    uint64_t max_chars; /* longer words are unknown */
} vl_wordpiece;

/* ids and ends (len) take the tokens and where each ends in the word; returns how many (>= 1).
 * word: valid UTF-8, not empty. */
size_t vl_wordpiece_encode(const vl_wordpiece *m, const vl_token_vocabulary *v, vl_span word,
                           int32_t *ids, uint32_t *ends);

#endif
