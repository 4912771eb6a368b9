/* token_windows.h: how a text's tokens become what a model reads: special tokens around them, and
 * for texts longer than a model can read, truncation or overlapping windows. Nothing is allocated.
 * The algorithm: with room = max_length - prefix - suffix, windows of room tokens begin every
 * room - overlap tokens; the last one ends with the text and is as long as the others. */
#ifndef VL_TOKEN_WINDOWS_H
#define VL_TOKEN_WINDOWS_H

#include "text/tokenizer.h"

typedef enum vl_truncation {
    VL_CUT_WINDOWS,
    VL_CUT_RIGHT,
    VL_CUT_LEFT,
    VL_CUT_HEAD_TAIL
} vl_truncation;

typedef struct vl_window_rule {
    int32_t max_length; /* tokens of one window, special ones included; above prefix + suffix */
    int32_t overlap;    /* tokens that neighbouring windows share; below the room */
    vl_truncation truncation;
} vl_window_rule;

typedef struct vl_window_plan {
    int64_t count;   /* of the text's tokens */
    int32_t room;    /* tokens of the text in a full window */
    int32_t windows; /* at least 1 */
    int64_t total;   /* entries of all windows, special ones included */
    bool truncated;
} vl_window_plan;

/* VALENCE_LIMIT: the windows together have more than INT32_MAX entries. */
vl_status vl_window_plan_of(vl_window_plan *plan, const vl_window_rule *rule,
                            const vl_token_template *around, int64_t count);

/* ids (plan->total), offsets (plan->windows+1); places (plan->total), or NULL: the index of the
 * text's token that stands there, -1 for a special one. */
void vl_window_fill(int32_t *ids, int32_t *offsets, int32_t *places, const vl_window_plan *plan,
                    const vl_window_rule *rule, const vl_token_template *around,
                    const vl_tokens *tokens);

#endif
