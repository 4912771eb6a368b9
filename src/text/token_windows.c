/* token_windows.c: which of a text's tokens stand in which window. */
#include "text/token_windows.h"

#include <assert.h>

enum { HEAD_PART = 4 }; /* VL_CUT_HEAD_TAIL: so much of the room is for the head */

static int32_t stride_of(const vl_window_plan *plan, const vl_window_rule *rule)
{
    return plan->room - rule->overlap;
}

vl_status vl_window_plan_of(vl_window_plan *plan, const vl_window_rule *rule,
                            const vl_token_template *around, int64_t count)
{
    int32_t special = around->prefix_count + around->suffix_count;
    assert(rule->max_length > special && rule->overlap >= 0 && count >= 0);
    *plan = (vl_window_plan){.count = count, .room = rule->max_length - special, .windows = 1};
    assert(rule->truncation != VL_CUT_WINDOWS || rule->overlap < plan->room);
    int64_t left_out = count - plan->room, windows = 1;
    if (left_out > 0 && rule->truncation == VL_CUT_WINDOWS)
        windows += (left_out + stride_of(plan, rule) - 1) / stride_of(plan, rule);
    plan->truncated = left_out > 0 && rule->truncation != VL_CUT_WINDOWS;
    int64_t length = special + (left_out > 0 ? plan->room : count);
    if (length > 0 && windows > INT32_MAX / length) return VALENCE_LIMIT;
    plan->windows = (int32_t)windows;
    plan->total = windows * length;
    return VALENCE_OK;
}

/* Writes at *at, and moves it on. */
typedef struct filler {
    int32_t *ids, *places;
    int32_t at;
} filler;

static void put_special(filler *f, const int32_t *ids, int count)
{
    for (int i = 0; i < count; i++, f->at++) {
        f->ids[f->at] = ids[i];
        if (f->places) f->places[f->at] = -1;
    }
}

static void put_tokens(filler *f, const vl_tokens *tokens, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++, f->at++) {
        f->ids[f->at] = tokens->ids[i];
        if (f->places) f->places[f->at] = (int32_t)i;
    }
}

/* The text's tokens of one window. */
static void put_window(filler *f, const vl_window_plan *plan, const vl_window_rule *rule,
                       const vl_tokens *tokens, int32_t window)
{
    int64_t count = plan->count, room = plan->room, last = count - room;
    if (last <= 0) {
        put_tokens(f, tokens, 0, count);
        return;
    }
    int64_t begin = 0, head = room / HEAD_PART;
    switch (rule->truncation) {
    case VL_CUT_HEAD_TAIL:
        put_tokens(f, tokens, 0, head);
        put_tokens(f, tokens, count - (room - head), count);
        return;
    case VL_CUT_LEFT:
        begin = last;
        break;
    case VL_CUT_WINDOWS:
        begin = (int64_t)window * stride_of(plan, rule);
        if (begin > last) begin = last;
        break;
    case VL_CUT_RIGHT:
        break;
    }
    put_tokens(f, tokens, begin, begin + room);
}

void vl_window_fill(int32_t *ids, int32_t *offsets, int32_t *places, const vl_window_plan *plan,
                    const vl_window_rule *rule, const vl_token_template *around,
                    const vl_tokens *tokens)
{
    filler f = {ids, places, 0};
    for (int32_t w = 0; w < plan->windows; w++) {
        offsets[w] = f.at;
        put_special(&f, around->prefix, around->prefix_count);
        put_window(&f, plan, rule, tokens, w);
        put_special(&f, around->suffix, around->suffix_count);
    }
    offsets[plan->windows] = f.at;
    assert(f.at == plan->total);
}
