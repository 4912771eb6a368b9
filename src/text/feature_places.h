/* feature_places.h: the features of a text, and where in it they stand: for explanations. The same
 * pass and the same ids as features.h; it only keeps account of offsets.
 * Ownership: what it fills belongs to the vl_feature_places and lives until its next text. */
#ifndef VL_FEATURE_PLACES_H
#define VL_FEATURE_PLACES_H

#include "text/features.h"
#include "valence.h"

enum { VL_PLACES_MAX = 1 << 20 };

typedef struct vl_feature_places {
    /* Of the last text: */
    valence_reason *reasons; /* (reason_count) one for each id of the batch; weight is 0 */
    size_t reason_count;
    const valence_place *places; /* (place_count) the first VL_PLACES_MAX */
    size_t place_count;
    uint64_t words;
    /* Inside: */
    struct vl_places_scratch *scratch;
} vl_feature_places;

/* Zero the struct before; one for each thread. */
vl_status vl_feature_places_init(vl_feature_places *p, const vl_features *f, valence_error *error);
void vl_feature_places_release(vl_feature_places *p); /* zeroed struct is fine */

/* batch: as of vl_features_of_text, to the bit. Allocates while texts grow longer than all before. */
vl_status vl_features_places(const vl_features *f, vl_feature_scratch *s, vl_feature_places *p,
                             vl_span text, vl_batch *batch);

#endif
