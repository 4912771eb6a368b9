/* csv_scan_scalar.c: the plain scan, one byte and one state at a time: what the fast ones must
 * equal, and what they fall back to for blocks with a quote where none should be. */
#include "data/csv_scan.h"

static vl_csv_state step(vl_csv_state state, char byte, vl_csv_rules rules)
{
    bool separator = byte == rules.delimiter || byte == '\n';
    bool quote = rules.quoting && byte == '"';
    switch (state) {
    case VL_CSV_QUOTED:
        return quote ? VL_CSV_QUOTE : VL_CSV_QUOTED;
    case VL_CSV_QUOTE:
        if (quote) return VL_CSV_QUOTED;
        break;
    case VL_CSV_START:
        if (quote) return VL_CSV_QUOTED;
        break;
    case VL_CSV_UNQUOTED:
        break;
    }
    return separator ? VL_CSV_START : VL_CSV_UNQUOTED;
}

vl_csv_state vl_csv_scan_scalar(vl_csv_masks *out, const char *bytes, size_t len,
                                vl_csv_rules rules, vl_csv_state state)
{
    for (size_t i = 0; i < len; i++) {
        vl_csv_masks *block = &out[i / 64];
        uint64_t bit = (uint64_t)1 << i % 64;
        if (i % 64 == 0) *block = (vl_csv_masks){0, 0};
        state = step(state, bytes[i], rules);
        if (state == VL_CSV_START) block->separators |= bit;
        if (bytes[i] == '\n') block->newlines |= bit;
    }
    return state;
}
