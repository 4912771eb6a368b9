/* fuzz_border.c: asserts that a border lies at or behind its cut, inside the bytes, and behind a newline
 * or at an end; and that shards which all hold their neighbours' borders to be right have each record's
 * start once. The first two bytes choose rules and number of shards. */
#include <assert.h>
#include <stdint.h>

#include "data/border.h"
#include "data/cutter.h"

static void check_place(vl_span bytes, size_t cut, size_t border)
{
    assert(border >= cut && border <= bytes.len);
    assert(border == 0 || border == bytes.len || bytes.ptr[border - 1] == '\n');
}

/* Whether a record, scanned from one that starts at `begin`, ends at `end`; *rows: how many did. */
static bool ends_there(vl_span bytes, size_t begin, size_t end, vl_csv_rules rules, uint64_t *rows)
{
    vl_cutter c;
    *rows = 0;
    if (begin >= end) return begin == end;
    vl_cutter_init(&c, rules, false);
    vl_cutter_scan(&c, bytes.ptr + begin, end - begin);
    bool whole = c.end == end - begin || end == bytes.len;
    if (end == bytes.len) vl_cutter_finish(&c, bytes.ptr + begin);
    *rows = c.rows;
    return whole;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    const vl_csv_rules rules = {data[0] & 1 ? '\t' : ',', (data[0] & 2) == 0};
    vl_span bytes = {(const char *)data + 2, size - 2};
    size_t parts = 1 + data[1] % 40, begin = 0;
    uint64_t all, rows, sum = 0;
    bool right = true;
    for (size_t i = 1; i <= parts; i++) {
        size_t cut = bytes.len * i / parts, end = vl_record_border(bytes, 0, cut, rules);
        check_place(bytes, cut, end);
        right = right && ends_there(bytes, begin, end, rules, &rows);
        sum += right ? rows : 0;
        begin = end;
    }
    ends_there(bytes, 0, bytes.len, rules, &all);
    assert(!right || sum == all);
    assert(right || rules.quoting);
    return 0;
}
