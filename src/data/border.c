/* border.c: the first record behind a cut.
 *
 * A newline ends a record unless it stands between quotes, and at a cut nobody knows whether it does.
 * The first quote that tells decides, after Ge, Li, Eilebrecht, Chandramouli, Kossmann, "Speculative
 * Distributed CSV Data Parsing for Big Data Analytics" (SIGMOD 2019). Inside quotes, quotes come in
 * pairs until one closes, so of a run of an odd number of them
 *     bytes that are no separator behind it:                  it did not stand inside (it opens, or
 *                                                             is an inch mark in a plain field)
 *     a separator behind it, none in front of it:             it stood inside (it closes)
 *     separators on both sides, as in  a,",b  or  "a,",b :    tells nothing
 * Where they fit the paper, we scan both ways in which the bytes may be meant with the states of
 * csv_scan.h, and take the first quotes for which one way fits and the other does not. At the end of
 * the file a way that stands inside quotes does not fit. When WINDOW bytes tell nothing, most of all
 * because they hold no quote, the cut is taken to be outside of quotes.
 *
 * Files written by programs are told rightly. Inch marks at the end of unquoted fields (32",) and
 * rows that are malformed can mislead it. */
#include "data/border.h"

#include <string.h>

#include "data/cutter.h"

enum { WINDOW = 1 << 20 };

typedef enum meaning { UNTOLD, OUTSIDE, INSIDE } meaning;

static bool is_separator(char byte, vl_csv_rules rules)
{
    return byte == rules.delimiter || byte == '\n' || byte == '\r';
}

/* What the run of quotes [from, to) says about the place in front of it. */
static meaning read_run(vl_span bytes, size_t from, size_t to, vl_csv_rules rules)
{
    bool before = from == 0 || is_separator(bytes.ptr[from - 1], rules);
    bool behind = to == bytes.len || is_separator(bytes.ptr[to], rules);
    if ((to - from) % 2 == 0 || (before && behind)) return UNTOLD;
    return behind ? INSIDE : OUTSIDE;
}

static meaning meaning_of(const vl_cutter *c)
{
    return c->state == VL_CSV_QUOTED ? INSIDE : OUTSIDE;
}

static size_t run_end(vl_span bytes, size_t at)
{
    while (at < bytes.len && bytes.ptr[at] == '"') at++;
    return at;
}

/* A scan of bytes[from..] in that state. */
static vl_cutter start_scan(vl_csv_rules rules, vl_csv_state state)
{
    vl_cutter c;
    vl_cutter_init(&c, rules, false);
    c.state = state;
    return c;
}

/* The state at `from`, which has no quote in front of it: outside or inside, as the quotes behind it
 * tell. */
static vl_csv_state find_state(vl_span bytes, size_t from, vl_csv_state outside, vl_csv_rules rules)
{
    vl_cutter plain = start_scan(rules, outside), quoted = start_scan(rules, VL_CSV_QUOTED);
    size_t end = bytes.len - from > WINDOW ? from + WINDOW : bytes.len;
    for (size_t at = from; at < end; at = run_end(bytes, at)) {
        const char *quote = memchr(bytes.ptr + at, '"', end - at);
        if (!quote) break;
        at = (size_t)(quote - bytes.ptr);
        vl_cutter_scan(&plain, bytes.ptr + from, at - from);
        vl_cutter_scan(&quoted, bytes.ptr + from, at - from);
        meaning told = read_run(bytes, at, run_end(bytes, at), rules);
        bool either = meaning_of(&plain) != meaning_of(&quoted);
        if (told != UNTOLD && either) return meaning_of(&plain) == told ? outside : VL_CSV_QUOTED;
    }
    if (end < bytes.len) return outside;
    vl_cutter_scan(&plain, bytes.ptr + from, end - from);
    vl_cutter_scan(&quoted, bytes.ptr + from, end - from);
    bool fits = meaning_of(&quoted) == OUTSIDE && meaning_of(&plain) == INSIDE;
    return fits ? VL_CSV_QUOTED : outside;
}

size_t vl_record_border(vl_span bytes, size_t first, size_t cut, vl_csv_rules rules)
{
    if (cut <= first) return first;
    if (cut >= bytes.len) return bytes.len;
    size_t from = cut;
    while (rules.quoting && from > first && bytes.ptr[from - 1] == '"') from--;
    bool fresh = from == first || bytes.ptr[from - 1] == '\n';
    bool field = fresh || bytes.ptr[from - 1] == rules.delimiter;
    vl_csv_state state = field ? VL_CSV_START : VL_CSV_UNQUOTED;
    if (rules.quoting && from > first) state = find_state(bytes, from, state, rules);
    if (fresh && from == cut && state == VL_CSV_START) return cut;
    vl_cutter scan = start_scan(rules, state);
    bool over;
    return from + vl_cutter_drop(&scan, (vl_span){bytes.ptr + from, bytes.len - from}, &over);
}
