/* edits.c: a sorted list and a search that starts where the last one ended. */
#include "text/edits.h"

#include <assert.h>

void vl_edits_init(vl_edits *e, size_t max_bytes)
{
    vl_buffer_init(&e->list, VL_MEM_REQUEST, max_bytes);
    e->cursor = 0;
}

void vl_edits_release(vl_edits *e)
{
    vl_buffer_release(&e->list);
    e->cursor = 0;
}

void vl_edits_reset(vl_edits *e)
{
    vl_buffer_reset(&e->list);
    e->cursor = 0;
}

static vl_edit *edits_of(const vl_edits *e, size_t *count)
{
    *count = e->list.len / sizeof(vl_edit);
    return (vl_edit *)(void *)e->list.data;
}

/* Bytes that go directly behind bytes that went are one edit: "?!..." is not five. Between the two
 * stands nothing: a byte that stayed would lie between them in the output. */
static bool joins(const vl_edit *last, const vl_edit *next)
{
    return last->out_len == 0 && next->out_len == 0 && last->out_at == next->out_at;
}

vl_status vl_edits_add(vl_edits *e, size_t out_at, size_t out_len, size_t in_at, size_t in_len)
{
    if (out_at + out_len > UINT32_MAX || in_at + in_len > UINT32_MAX) return VALENCE_LIMIT;
    vl_edit edit = {(uint32_t)out_at, (uint32_t)out_len, (uint32_t)in_at, (uint32_t)in_len};
    size_t count;
    vl_edit *list = edits_of(e, &count), *last = count ? &list[count - 1] : NULL;
    assert(!last || (last->out_at + last->out_len <= edit.out_at &&
                     last->in_at + last->in_len <= edit.in_at));
    if (!last || !joins(last, &edit)) return vl_buffer_append(&e->list, &edit, sizeof edit);
    last->in_len += edit.in_len;
    return VALENCE_OK;
}

/* How many edits start at or before at. The steps away from the cursor double until they have the
 * answer between them; halving finds it there. */
static size_t edits_up_to(vl_edits *e, size_t at)
{
    size_t count, low = e->cursor, high = low;
    const vl_edit *list = edits_of(e, &count);
    for (size_t step = 1; low > 0 && list[low - 1].out_at > at; step *= 2) {
        high = low - 1;
        low = high > step ? high - step : 0;
    }
    for (size_t step = 1; high < count && list[high].out_at <= at; step *= 2) {
        low = high + 1;
        high = count - low > step ? low + step : count;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list[middle].out_at <= at) low = middle + 1;
        else high = middle;
    }
    return e->cursor = low;
}

/* What the byte at at comes from; behind the last byte: where the input ends. */
static void source_of_byte(vl_edits *e, size_t at, size_t *start, size_t *end)
{
    size_t count, before = edits_up_to(e, at);
    const vl_edit *list = edits_of(e, &count);
    vl_edit edit = before ? list[before - 1] : (vl_edit){0};
    size_t out_end = (size_t)edit.out_at + edit.out_len, in_end = (size_t)edit.in_at + edit.in_len;
    bool replaced = at < out_end;
    *start = replaced ? edit.in_at : in_end + (at - out_end);
    *end = replaced ? in_end : *start + 1;
}

/* Between the sources of its neighbours: empty, or what both of them come from. */
static void source_of_place(vl_edits *e, size_t *start, size_t *end)
{
    size_t at = *start, ignored, left_end = 0;
    if (at > 0) source_of_byte(e, at - 1, &ignored, &left_end);
    source_of_byte(e, at, start, &ignored);
    *end = left_end > *start ? left_end : *start;
}

void vl_edits_source(vl_edits *e, size_t *start, size_t *end)
{
    assert(*start <= *end);
    if (e->list.len == 0) return;
    if (*start == *end) {
        source_of_place(e, start, end);
        return;
    }
    size_t ignored, last = *end - 1;
    source_of_byte(e, *start, start, &ignored);
    source_of_byte(e, last, &ignored, end);
}

size_t vl_edits_untouched(vl_edits *e, size_t at, size_t *source)
{
    size_t count, before = edits_up_to(e, at);
    const vl_edit *list = edits_of(e, &count);
    vl_edit edit = before ? list[before - 1] : (vl_edit){0};
    size_t out_end = (size_t)edit.out_at + edit.out_len;
    *source = (size_t)edit.in_at + edit.in_len + (at - out_end);
    if (at < out_end) return 0;
    return before < count ? list[before].out_at - at : SIZE_MAX - at;
}
