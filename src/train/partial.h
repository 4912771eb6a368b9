/* partial.h: naive Bayes counts in a file, to be counted anywhere and added up later. Nothing is
 * pruned in it, so the sum over shards is what one run over all data would have counted; and it holds
 * the texts to calibrate on, chosen by their hash, so that they are the same ones, too. */
#ifndef VL_PARTIAL_H
#define VL_PARTIAL_H

#include "train/classic.h"

/* Counts the corpus under the options' pipeline and writes the file. */
vl_status vl_partial_write(const char *path, const vl_corpus *corpus,
                           const vl_classic_options *options, vl_workers *workers,
                           valence_error *error);

/* Adds up partial files (of one pipeline; labels are joined by name) and trains naive Bayes of them.
 * store: as vl_classic_train leaves it, with card and checksum. */
vl_status vl_partial_merge(vl_store *store, vl_classic_report *report, const char *const *paths,
                           int count, const vl_classic_options *options, vl_workers *workers,
                           valence_error *error);

#endif
