/* card.h: the model card: what a model was made from and what it was measured to be, as JSON in the
 * file's metadata. */
#ifndef VL_CARD_H
#define VL_CARD_H

#include "base/store.h"
#include "train/classic.h"

/* Where a model comes from; whatever is NULL or 0 is left out. */
typedef struct vl_card_origin {
    const char *const *sources; /* (source_count) data specifications */
    int source_count;
    const char *command;    /* the line that made the model */
    const char *begun_with; /* the card of what training began with; left out if it is no JSON */
} vl_card_origin;

/* Adds "card", then the checksum over everything: call it last. The date is today's (UTC), or
 * $SOURCE_DATE_EPOCH's, so that a build can be repeated bit for bit. */
vl_status vl_card_write(vl_store *store, const vl_classic_report *report, const vl_corpus *corpus,
                        const vl_card_origin *origin, valence_error *error);

#endif
