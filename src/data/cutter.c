/* cutter.c: counts over the masks of the scan. A blank line is a record that ends where it starts,
 * or holds nothing but a carriage return. */
#include "data/cutter.h"

#include <assert.h>

enum { WINDOW = 4096, WINDOW_BLOCKS = WINDOW / 64 }; /* bytes scanned at once: masks stay in L1 */

void vl_cutter_init(vl_cutter *c, vl_csv_rules rules, bool skip_blank)
{
    *c = (vl_cutter){.rules = rules, .skip_blank = skip_blank, .state = VL_CSV_START};
}

/* Blank lines among the records that end in this block, which starts at offset `at`. */
static uint64_t blank_lines(const vl_cutter *c, const char *bytes, size_t at, uint64_t ends)
{
    uint64_t starts = ends << 1 | (uint64_t)(c->end == at);
    uint64_t one_byte = ends & (starts << 1 | (uint64_t)(at > 0 && c->end == at - 1)) & ~starts;
    uint64_t blank = vl_csv_count(ends & starts);
    for (; one_byte; one_byte &= one_byte - 1)
        blank += bytes[at + (size_t)__builtin_ctzll(one_byte) - 1] == '\r';
    return blank;
}

static void count_block(vl_cutter *c, const char *bytes, size_t at, vl_csv_masks m)
{
    uint64_t ends = m.separators & m.newlines;
    if (ends) {
        unsigned last = 63u - (unsigned)__builtin_clzll(ends);
        uint64_t through = ~(uint64_t)0 >> (63 - last);
        c->rows += vl_csv_count(ends);
        if (c->skip_blank) c->rows -= blank_lines(c, bytes, at, ends);
        c->lines = c->newlines + vl_csv_count(m.newlines & through);
        c->end = at + last + 1;
    }
    c->newlines += vl_csv_count(m.newlines);
}

void vl_cutter_scan(vl_cutter *c, const char *bytes, size_t to)
{
    vl_csv_masks masks[WINDOW_BLOCKS];
    vl_csv_scan_fn scan = vl_csv_scan();
    assert(c->end <= c->scanned && c->scanned <= to);
    while (c->scanned < to) {
        size_t at = c->scanned, len = to - at < WINDOW ? to - at : WINDOW;
        c->state = scan(masks, bytes + at, len, c->rules, c->state);
        for (size_t i = 0; i < len; i += 64) count_block(c, bytes, at + i, masks[i / 64]);
        c->scanned = at + len;
    }
}

void vl_cutter_finish(vl_cutter *c, const char *bytes)
{
    if (c->end == c->scanned) return;
    vl_span last = {bytes + c->end, c->scanned - c->end};
    c->rows += !(c->skip_blank && vl_record_blank(last));
    c->lines = c->newlines;
    c->end = c->scanned;
}

size_t vl_cutter_drop(vl_cutter *c, vl_span bytes, bool *over)
{
    vl_csv_scan_fn scan = vl_csv_scan();
    for (size_t at = 0; at < bytes.len; at += 64) {
        vl_csv_masks m;
        size_t n = bytes.len - at < 64 ? bytes.len - at : 64;
        c->state = scan(&m, bytes.ptr + at, n, c->rules, c->state);
        uint64_t ends = m.separators & m.newlines,
                 through = ends ? ends ^ (ends - 1) : ~(uint64_t)0;
        c->newlines += vl_csv_count(m.newlines & through);
        *over = ends != 0;
        if (*over) return at + (size_t)__builtin_ctzll(ends) + 1;
    }
    return bytes.len;
}
