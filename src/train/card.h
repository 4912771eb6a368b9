/* card.h: the model card: what a model was made from and what it was measured to be, as JSON in the
 * file's metadata. */
#ifndef VL_CARD_H
#define VL_CARD_H

#include "base/store.h"
#include "train/classic.h"

/* Adds "card", then the checksum over everything: call it last. sources (source_count) are data
 * specifications, command the line that made the model (NULL: left out). The date is today's (UTC),
 * or $SOURCE_DATE_EPOCH's, so that a build can be repeated bit for bit. */
vl_status vl_card_write(vl_store *store, const vl_classic_report *report, const vl_corpus *corpus,
                        const char *const *sources, int source_count, const char *command,
                        valence_error *error);

#endif
