/* clean_map.c: every pass that changed something keeps its own list of edits, and a range goes back
 * through the lists from the last pass to the first. So no list is ever expressed in the terms of
 * another one, and passes that did nothing cost nothing. */
#include "text/clean_map.h"

#include <assert.h>

#include "text/edits.h"
#include "text/passes.h"

static const size_t max_text = (size_t)1 << 30, max_edit_bytes = (size_t)4 << 30;

typedef struct range {
    size_t start, end;
} range;

struct vl_clean_map {
    vl_edits passes[VL_CLEAN_PASSES]; /* by bit; empty: the pass did not run or changed nothing */
    size_t cleaned;                   /* length of the cleaned text */
    range gap;     /* of the cleaned text: what no pass touched around the last range asked for */
    size_t source; /* where gap.start stands in the original */
};

vl_status vl_clean_map_open(vl_clean_map **out, valence_error *error)
{
    vl_clean_map *m = vl_alloc_zero(VL_MEM_REQUEST, sizeof *m);
    if (!m) return vl_fail_memory(error, sizeof *m, "map of a cleaned text");
    for (int i = 0; i < VL_CLEAN_PASSES; i++) vl_edits_init(&m->passes[i], max_edit_bytes);
    *out = m;
    return VALENCE_OK;
}

void vl_clean_map_close(vl_clean_map *m)
{
    if (!m) return;
    for (int i = 0; i < VL_CLEAN_PASSES; i++) vl_edits_release(&m->passes[i]);
    vl_free(m);
}

vl_status vl_clean_mapped(uint32_t passes, vl_span text, vl_clean_scratch *scratch,
                          vl_clean_map *map, vl_span *out)
{
    for (int i = 0; i < VL_CLEAN_PASSES; i++) vl_edits_reset(&map->passes[i]);
    map->cleaned = 0;
    map->gap = (range){0, 0};
    if (text.len > max_text) return VALENCE_LIMIT;
    VL_TRY(vl_clean_recorded(passes, text, scratch, map->passes, out));
    map->cleaned = out->len;
    return VALENCE_OK;
}

static range source_of_byte(vl_clean_map *map, size_t at)
{
    range r = {at, at + 1};
    for (int i = VL_CLEAN_PASSES; i-- > 0;) vl_edits_source(&map->passes[i], &r.start, &r.end);
    return r;
}

static bool is_empty(range r)
{
    return r.start == r.end;
}

/* The bytes from at on that no pass touched: most words lie in such a gap with the word before them. */
static void find_gap(vl_clean_map *map, size_t at)
{
    size_t source = at, most = map->cleaned - at;
    for (int i = VL_CLEAN_PASSES; i-- > 0 && most > 0;) {
        size_t untouched = vl_edits_untouched(&map->passes[i], source, &source);
        if (untouched < most) most = untouched;
    }
    map->gap = (range){at, at + most};
    map->source = source;
}

/* The first and the last byte that come from something decide. Those that come from nothing are
 * few: only pass_negation.c adds any, four at a time and before a word. */
static void map_edited(vl_clean_map *map, size_t *start, size_t *end)
{
    size_t a = *start, b = *end - 1;
    range first = source_of_byte(map, a), last = source_of_byte(map, b);
    while (is_empty(first) && a < b) first = source_of_byte(map, ++a);
    while (is_empty(last) && a < b) last = source_of_byte(map, --b);
    *start = first.start;
    *end = last.end;
}

void vl_clean_map_range(vl_clean_map *map, size_t *start, size_t *end)
{
    assert(*start < *end && *end <= map->cleaned);
    if (*start < map->gap.start || *start >= map->gap.end) find_gap(map, *start);
    if (*end > map->gap.end) {
        map_edited(map, start, end);
        return;
    }
    *start = map->source + (*start - map->gap.start);
    *end = map->source + (*end - map->gap.start);
}
