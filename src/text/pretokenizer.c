/* pretokenizer.c: a pattern makes matches and gaps of a piece, a behavior says which of them stay
 * and which are joined. */
#include "text/pretokenizer.h"

enum { GAP = -1, MATCH = -2 }; /* in place of token */

/* Matches and gaps of the piece, in order, as pieces of out. */
static vl_status mark(vl_buffer *out, const vl_split_step *step, vl_span text, vl_piece piece)
{
    vl_span part = {text.ptr + piece.begin, piece.end - piece.begin};
    const int32_t match = step->invert ? GAP : MATCH, gap = step->invert ? MATCH : GAP;
    size_t at = 0, start, end;
    while (vl_pattern_find(&step->pattern, part, at, &start, &end)) {
        if (at < start) VL_TRY(vl_piece_add(out, piece.begin + at, piece.begin + start, gap));
        VL_TRY(vl_piece_add(out, piece.begin + start, piece.begin + end, match));
        at = end;
    }
    return at < part.len ? vl_piece_add(out, piece.begin + at, piece.end, gap) : VALENCE_OK;
}

/* Whether this mark is joined to the one before it, which was (or was not) a match. */
static bool joins(vl_split_behavior behavior, bool match, bool before)
{
    if (behavior == VL_SPLIT_CONTIGUOUS) return match == before;
    return behavior == VL_SPLIT_MERGED_PREVIOUS && match && !before;
}

static vl_status merge_forward(vl_buffer *out, vl_split_behavior behavior, const vl_buffer *marks)
{
    bool before = false;
    size_t first = vl_piece_count(out);
    for (size_t i = 0; i < vl_piece_count(marks); i++) {
        vl_piece p = *vl_piece_at(marks, i);
        bool match = p.token == MATCH;
        if (joins(behavior, match, before) && vl_piece_count(out) > first)
            vl_piece_at(out, vl_piece_count(out) - 1)->end = p.end;
        else VL_TRY(vl_piece_add(out, p.begin, p.end, -1));
        before = match;
    }
    return VALENCE_OK;
}

/* From the back: a match joins what follows it, unless that is a match, too. */
static vl_status merge_next(vl_buffer *out, vl_buffer *marks)
{
    size_t count = vl_piece_count(marks), kept = count; /* results gather at the end of marks */
    bool before = false;
    for (size_t i = count; i-- > 0;) {
        vl_piece p = *vl_piece_at(marks, i);
        bool match = p.token == MATCH;
        if (match && !before && kept < count) vl_piece_at(marks, kept)->begin = p.begin;
        else *vl_piece_at(marks, --kept) = (vl_piece){p.begin, p.end, -1};
        before = match;
    }
    return vl_buffer_append(out, vl_piece_at(marks, kept), (count - kept) * sizeof(vl_piece));
}

vl_status vl_split(vl_buffer *out, const vl_split_step *step, vl_span text, vl_piece piece,
                   vl_buffer *work)
{
    vl_buffer_reset(work);
    VL_TRY(mark(work, step, text, piece));
    if (vl_piece_count(work) == 0) return VALENCE_OK;
    switch (step->behavior) {
    case VL_SPLIT_MERGED_NEXT:
        return merge_next(out, work);
    case VL_SPLIT_REMOVED:
        for (size_t i = 0; i < vl_piece_count(work); i++) {
            const vl_piece *p = vl_piece_at(work, i);
            if (p->token == GAP) VL_TRY(vl_piece_add(out, p->begin, p->end, -1));
        }
        return VALENCE_OK;
    default:
        return merge_forward(out, step->behavior, work);
    }
}
