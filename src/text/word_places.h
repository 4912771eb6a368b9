/* word_places.h: where the words of a block stand in the original text. */
#ifndef VL_WORD_PLACES_H
#define VL_WORD_PLACES_H

#include "text/feature_stream.h"

typedef struct vl_word_origin { /* working memory */
    uint16_t origin[VL_WORDS_BLOCK + 1];
} vl_word_origin;

/* starts[i], ends[i]: offsets of word i in the original text, i in [0, b->words->count). map: what
 * vl_feature_blocks was given. */
void vl_word_places(size_t *starts, size_t *ends, vl_word_origin *scratch, const vl_ngram_block *b,
                    vl_clean_map *map);

#endif
