/* csv_walk.c: bit by bit through the separators, window by window through the bytes. */
#include "data/csv_walk.h"

#include <assert.h>

static void load_block(vl_csv_walk *w, size_t block)
{
    w->block = block;
    w->separators = w->masks[block].separators;
}

/* Scans the window behind the present one; false at the end of the bytes. */
static bool next_window(vl_csv_walk *w)
{
    size_t left = w->bytes.len - w->scanned, most = VL_CSV_WINDOW_BLOCKS * 64;
    if (left == 0) return false;
    size_t len = left < most ? left : most;
    w->state = w->scan(w->masks, w->bytes.ptr + w->scanned, len, w->rules, w->state);
    w->window = w->scanned;
    w->scanned += len;
    load_block(w, 0);
    return true;
}

void vl_csv_walk_start(vl_csv_walk *w, vl_span bytes, vl_csv_rules rules)
{
    w->bytes = bytes;
    w->rules = rules;
    w->scan = vl_csv_scan();
    w->state = VL_CSV_START;
    w->at = w->window = w->scanned = 0;
    w->newlines = 0;
    w->separators = 0;
    w->block = 0;
    next_window(w);
}

/* Offset of the next separator, or the length of the bytes. */
static size_t next_separator(vl_csv_walk *w)
{
    while (w->separators == 0) {
        if (w->window + w->block * 64 >= w->scanned) return w->bytes.len; /* no bytes at all */
        uint64_t passed = vl_csv_count(w->masks[w->block].newlines);
        if (w->window + (w->block + 1) * 64 < w->scanned) {
            load_block(w, w->block + 1);
        } else if (!next_window(w)) {
            return w->bytes.len;
        }
        w->newlines += passed;
    }
    size_t at = w->window + w->block * 64 + (size_t)__builtin_ctzll(w->separators);
    w->separators &= w->separators - 1;
    return at;
}

vl_csv_end vl_csv_walk_field(vl_csv_walk *w, vl_span *field)
{
    const char *bytes = w->bytes.ptr;
    size_t from = w->at, to = next_separator(w);
    bool inside = to < w->bytes.len;
    assert(from <= to && to <= w->bytes.len);
    vl_csv_end end = !inside             ? VL_CSV_BYTES_END
                     : bytes[to] == '\n' ? VL_CSV_RECORD_ENDS
                                         : VL_CSV_FIELD_ENDS;
    w->at = inside ? to + 1 : to;
    if (end != VL_CSV_FIELD_ENDS && to > from && bytes[to - 1] == '\r') to--;
    *field = (vl_span){bytes + from, to - from};
    return end;
}

uint64_t vl_csv_walk_newlines(const vl_csv_walk *w)
{
    size_t base = w->window + w->block * 64;
    if (base >= w->scanned) return w->newlines;
    size_t ahead = w->at - base; /* 1..64: behind a separator of this block */
    uint64_t before = ahead >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << ahead) - 1;
    return w->newlines + vl_csv_count(w->masks[w->block].newlines & before);
}

vl_csv_quotes vl_csv_unquote(vl_span field, vl_span *value)
{
    *value = field;
    if (field.len == 0 || field.ptr[0] != '"') return VL_CSV_PLAIN;
    const char *p = field.ptr + 1, *end = field.ptr + field.len;
    vl_csv_quotes kind = VL_CSV_PLAIN;
    while ((p = memchr(p, '"', (size_t)(end - p)))) {
        if (p + 1 == end) {
            *value = (vl_span){field.ptr + 1, field.len - 2};
            return kind;
        }
        if (p[1] != '"') return VL_CSV_BEHIND_END;
        kind = VL_CSV_DOUBLED;
        p += 2;
    }
    return VL_CSV_UNCLOSED;
}

vl_status vl_csv_undouble(vl_buffer *out, vl_span value)
{
    const char *p = value.ptr, *end = p + value.len;
    for (;;) {
        const char *quote = memchr(p, '"', (size_t)(end - p));
        const char *stop = quote ? quote + 1 : end;
        VL_TRY(vl_buffer_append(out, p, (size_t)(stop - p)));
        if (!quote) return VALENCE_OK;
        p = quote + 2;
    }
}
