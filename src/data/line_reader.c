/* line_reader.c: one text per line, the whole line. Also the going from line to line that JSONL
 * needs. */
#include "data/cursor.h"

bool vl_cursor_line(vl_cursor *c, vl_record *record)
{
    while (c->at < c->bytes.len) {
        const char *from = c->bytes.ptr + c->at, *end = c->bytes.ptr + c->bytes.len;
        const char *newline = memchr(from, '\n', (size_t)(end - from));
        const char *to = newline ? newline : end;
        *record = (vl_record){.byte = c->first_byte + c->at + 1, .line = c->line++};
        c->at = (size_t)((newline ? newline + 1 : end) - c->bytes.ptr);
        if (to > from && to[-1] == '\r') to--;
        record->raw = (vl_span){from, (size_t)(to - from)};
        if (c->layout->skip_blank && record->raw.len == 0) continue;
        record->row = c->row++;
        return true;
    }
    return false;
}

vl_status vl_lines_read(vl_cursor *c, vl_record *record, bool *more, valence_error *error)
{
    *more = vl_cursor_line(c, record);
    if (!*more) return VALENCE_OK;
    if (record->raw.len > c->layout->max_record) return vl_cursor_too_long(c, record, error);
    bool changed = false;
    record->text = record->raw;
    VL_TRY(vl_cursor_repair(c, &record->text, record->raw.len, &changed, error));
    if (changed) vl_cursor_count_repaired(c);
    if (c->layout->keep) {
        c->columns[0] = record->text;
        record->columns = c->columns;
        record->column_count = 1;
    }
    return VALENCE_OK;
}
