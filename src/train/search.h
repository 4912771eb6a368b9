/* search.h: looks for better settings by trying them on held-out texts. */
#ifndef VL_SEARCH_H
#define VL_SEARCH_H

#include "train/classic.h"

/* Tries the options as given and then random changes of the best ones so far, until `seconds` have
 * passed; leaves the best in *options. Judged by macro-F1 on dev, or on texts held out of the corpus
 * (near copies and reviews of one film fall on both sides there: expect 0.3 to 0.5 points less on new
 * texts). What is tried depends on the seed only; how much, on the time. */
vl_status vl_search(vl_classic_options *options, const vl_corpus *corpus, const vl_corpus *dev,
                    double seconds, uint64_t seed, vl_workers *workers, valence_error *error);

/* The settings that a search may change, as options of the command. */
enum { VL_SETTINGS_TEXT = 256 };
void vl_search_describe(char out[VL_SETTINGS_TEXT], const vl_classic_options *o);

#endif
