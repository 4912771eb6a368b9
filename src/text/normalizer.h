/* normalizer.h: the normalisers of a tokenizer.json, one list of steps in the order they apply.
 * Each step reads one text and writes another. Reading them from JSON is tokenizer_json.c's.
 * Constant once built; any thread, with texts of its own. */
#ifndef VL_NORMALIZER_H
#define VL_NORMALIZER_H

#include "text/normal_text.h"
#include "text/token_pattern.h"

typedef enum vl_normal_kind {
    VL_NORMAL_CLEAN,   /* BERT's: control characters go, spaces become ' ' */
    VL_NORMAL_CHINESE, /* spaces around CJK ideographs */
    VL_NORMAL_NFD,
    VL_NORMAL_NFKD,
    VL_NORMAL_NFC,
    VL_NORMAL_NFKC,
    VL_NORMAL_DROP_NONSPACING, /* Mn */
    VL_NORMAL_DROP_COMBINING,  /* M* */
    VL_NORMAL_LOWER,
    VL_NORMAL_STRIP,
    VL_NORMAL_PREPEND,
    VL_NORMAL_REPLACE,
    VL_NORMAL_BYTES /* bytes as the code points of byte_letters.h */
} vl_normal_kind;

typedef struct vl_normal_step {
    vl_normal_kind kind;
    bool left, right;   /* STRIP */
    vl_span content;    /* PREPEND, REPLACE */
    vl_pattern pattern; /* REPLACE */
} vl_normal_step;

enum { VL_NORMAL_STEPS_MAX = 32 };

typedef struct vl_normalizer {
    vl_normal_step steps[VL_NORMAL_STEPS_MAX];
    int count;
} vl_normalizer;

/* Applies all steps to *text; *spare is a second text to write into. Afterwards *text points to
 * whichever of the two holds the result. */
vl_status vl_normalize(const vl_normalizer *n, vl_normal_text **text, vl_normal_text **spare);

/* True only if text comes out as it goes in, which is not always seen. */
bool vl_normalizer_keeps(const vl_normalizer *n, vl_span text);

/* ---- normal_forms.c ---------------------------------------------------------------------- */

/* True only if text is in that form: ASCII, and for NFC most of what Western text has. */
bool vl_normal_form_has(vl_normal_kind kind, vl_span text);

/* out = in in a normalisation form, one of NFD, NFKD, NFC, NFKC. */
vl_status vl_normal_form(vl_normal_text *out, const vl_normal_text *in, vl_normal_kind form);

#endif
