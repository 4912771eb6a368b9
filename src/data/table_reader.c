/* table_reader.c: records of CSV and TSV. Two passes over a record: first the fields as they stand,
 * of which only the columns in use are remembered; then the values that are wanted. */
#include "data/cursor.h"

/* What is wrong with a record, found while its fields were passed; NULL: nothing. */
typedef struct row {
    int columns;
    const char *fault;
    vl_csv_end end;
} row;

static const char *fault_of(vl_csv_quotes quotes)
{
    switch (quotes) {
    case VL_CSV_UNCLOSED:
        return "a quote is not closed";
    case VL_CSV_BEHIND_END:
        return "bytes behind a closing quote";
    default:
        return NULL;
    }
}

/* Remembers a field's value; c->marks: it has doubled quotes. The number of columns is open only in
 * files without a header whose columns are all kept. */
static vl_status keep_field(vl_cursor *c, int column, vl_span value, bool doubled,
                            valence_error *error)
{
    bool open = c->layout->keep && c->layout->column_count == 0;
    if (column >= c->layout->used_columns && !open) return VALENCE_OK;
    if (column >= c->column_capacity) VL_TRY(vl_cursor_reserve_columns(c, 2 * column, error));
    c->columns[column] = value;
    c->marks[column] = doubled;
    return VALENCE_OK;
}

/* Passes one record; its values, without outer quotes, lie in c->columns. */
static vl_status pass_row(vl_cursor *c, row *r, valence_error *error)
{
    *r = (row){.end = VL_CSV_FIELD_ENDS};
    while (r->end == VL_CSV_FIELD_ENDS) {
        vl_span field;
        vl_csv_quotes quotes = VL_CSV_PLAIN;
        r->end = vl_csv_walk_field(&c->walk, &field);
        if (r->columns == 0 && r->end != VL_CSV_FIELD_ENDS && field.len == 0) return VALENCE_OK;
        if (c->layout->rules.quoting) quotes = vl_csv_unquote(field, &field);
        if (!r->fault) r->fault = fault_of(quotes);
        if (r->columns == VL_MAX_COLUMNS) {
            r->fault = "too many columns";
            continue;
        }
        VL_TRY(keep_field(c, r->columns++, field, quotes == VL_CSV_DOUBLED, error));
    }
    return VALENCE_OK;
}

/* A column's final value: doubled quotes as one, UTF-8 valid. value may be the column's own place.
 */
static vl_status take_column(vl_cursor *c, int column, const row *r, vl_span *value,
                             size_t record_len, bool *changed, valence_error *error)
{
    bool present = column != VL_NO_COLUMN && column < r->columns;
    *value = present ? c->columns[column] : (vl_span){NULL, 0};
    if (!present) return VALENCE_OK;
    if (c->marks[column]) {
        size_t at = c->values.len;
        if (at == 0) VL_TRY(vl_cursor_reserve(&c->values, record_len, error));
        VL_TRY(vl_csv_undouble(&c->values, *value));
        *value = (vl_span){c->values.data + at, c->values.len - at};
    }
    return vl_cursor_repair(c, value, record_len, changed, error);
}

/* All columns: as many as the header has names; those a short row lacks are absent. */
static vl_status take_all(vl_cursor *c, const row *r, vl_record *record, bool *changed,
                          valence_error *error)
{
    const vl_layout *l = c->layout;
    int columns = l->column_count ? l->column_count : r->columns;
    for (int i = 0; i < columns; i++) {
        bool other = false;
        VL_TRY(take_column(c, i, r, &c->columns[i], record->raw.len,
                           i == l->text_column ? changed : &other, error));
    }
    record->columns = c->columns;
    record->column_count = columns;
    if (l->text_column < columns) record->text = c->columns[l->text_column];
    if (l->label_column >= 0 && l->label_column < columns)
        record->label = c->columns[l->label_column];
    if (l->id_column >= 0 && l->id_column < columns) record->id = c->columns[l->id_column];
    return VALENCE_OK;
}

/* Label or id. Each column is taken once: room for the values is made for one copy of the record, and
 * a second one would move them away from under the first. */
static vl_status take_other(vl_cursor *c, int column, const row *r, vl_span *value,
                            const vl_record *record, valence_error *error)
{
    bool other = false;
    const vl_layout *l = c->layout;
    if (column == l->text_column) *value = record->text;
    else if (column == l->label_column && value == &record->id) *value = record->label;
    else return take_column(c, column, r, value, record->raw.len, &other, error);
    return VALENCE_OK;
}

static vl_status take_values(vl_cursor *c, const row *r, vl_record *record, valence_error *error)
{
    const vl_layout *l = c->layout;
    size_t len = record->raw.len;
    bool changed = false;
    if (l->keep) {
        VL_TRY(take_all(c, r, record, &changed, error));
    } else {
        VL_TRY(take_column(c, l->text_column, r, &record->text, len, &changed, error));
        VL_TRY(take_other(c, l->label_column, r, &record->label, record, error));
        VL_TRY(take_other(c, l->id_column, r, &record->id, record, error));
    }
    if (changed) vl_cursor_count_repaired(c);
    return VALENCE_OK;
}

/* The bytes between two offsets without a line end. */
static vl_span raw_of(vl_span bytes, size_t from, size_t to, vl_csv_end end)
{
    if (end == VL_CSV_RECORD_ENDS) to--;
    if (to > from && bytes.ptr[to - 1] == '\r') to--;
    return (vl_span){bytes.ptr + from, to - from};
}

vl_status vl_table_read(vl_cursor *c, vl_record *record, bool *more, valence_error *error)
{
    row r = {.columns = 0};
    size_t from;
    do { /* a row without columns is a blank line */
        from = c->walk.at;
        *more = from < c->bytes.len;
        if (!*more) return VALENCE_OK;
        *record = (vl_record){.byte = c->first_byte + from + 1,
                              .line = c->first_line + vl_csv_walk_newlines(&c->walk)};
        VL_TRY(pass_row(c, &r, error));
    } while (r.columns == 0);
    record->row = c->row++;
    record->raw = raw_of(c->bytes, from, c->walk.at, r.end);
    if (record->raw.len > c->layout->max_record) return vl_cursor_too_long(c, record, error);
    if (r.fault) return vl_cursor_bad(c, record, r.fault, error);
    if (r.columns <= c->layout->text_column)
        return vl_cursor_bad(c, record, "too few columns to hold the text", error);
    return take_values(c, &r, record, error);
}
