/* sentence_split.h: cuts an English text (reviews, tweets, comments, news) into sentences. Nothing
 * is copied or allocated, any bytes will do, time is linear in the text. Any thread. */
#ifndef VL_SENTENCE_SPLIT_H
#define VL_SENTENCE_SPLIT_H

#include "base/span.h"

/* The next sentence at or after *at (0 at the start), without white space around it; *at moves
 * behind it. False: there is none left. The sentences and the white space between them are the
 * whole text; tags that separate sentences (<br />) belong to the one before. */
bool vl_sentence_next(vl_span text, size_t *at, vl_span *sentence);

#endif
