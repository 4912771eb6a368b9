/* json_reader.c: one JSON object per line. simdjson reads up to VL_JSON_PADDING bytes past a
 * document; where the chunk and what lies behind it do not have them, the line is copied. */
#include "data/cursor.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- Values as text -------------------------------------------------------------------------- */

typedef struct json_writer {
    vl_buffer *out;
    vl_status status;
    bool object;
    size_t written;
} json_writer;

static vl_status write_value(vl_buffer *out, vl_json v);

static int write_member(void *user, vl_span key, vl_json value)
{
    json_writer *w = user;
    if (w->written++) w->status = vl_buffer_append_byte(w->out, ',');
    if (w->status == VALENCE_OK && w->object) {
        w->status = vl_json_write_string(w->out, key);
        if (w->status == VALENCE_OK) w->status = vl_buffer_append_byte(w->out, ':');
    }
    if (w->status == VALENCE_OK) w->status = write_value(w->out, value);
    return w->status != VALENCE_OK;
}

/* Depth is bounded by the parser's own limit. */
static vl_status write_members(vl_buffer *out, vl_json v, bool object)
{
    json_writer w = {.out = out, .object = object};
    VL_TRY(vl_buffer_append_byte(out, object ? '{' : '['));
    vl_json_each(v, write_member, &w);
    VL_TRY(w.status);
    return vl_buffer_append_byte(out, object ? '}' : ']');
}

static vl_status write_number(vl_buffer *out, vl_json v)
{
    int64_t integer;
    double number = 0;
    char text[32];
    if (vl_json_integer(v, &integer)) {
        int len = snprintf(text, sizeof text, "%" PRId64, integer);
        return vl_buffer_append(out, text, (size_t)len);
    }
    vl_json_number(v, &number);
    return vl_json_write_number(out, number);
}

static vl_status write_value(vl_buffer *out, vl_json v)
{
    vl_span text = {"", 0};
    bool boolean = false;
    switch (vl_json_type_of(v)) {
    case VL_JSON_NUMBER:
        return write_number(out, v);
    case VL_JSON_OBJECT:
        return write_members(out, v, true);
    case VL_JSON_ARRAY:
        return write_members(out, v, false);
    case VL_JSON_STRING:
        vl_json_string(v, &text);
        return vl_json_write_string(out, text);
    case VL_JSON_BOOL:
        vl_json_boolean(v, &boolean);
        return vl_buffer_append_text(out, boolean ? "true" : "false");
    default:
        return vl_buffer_append_text(out, "null");
    }
}

/* ---- Members --------------------------------------------------------------------------------- */

/* Appends "(members: a, b)" to a complaint. */
typedef struct member_list {
    char *text;
    size_t len, size;
} member_list;

static int list_member(void *user, vl_span key, vl_json value)
{
    (void)value;
    member_list *m = user;
    int n = snprintf(m->text + m->len, m->size - m->len, "%s%.*s", m->len ? ", " : "",
                     key.len > 40 ? 40 : (int)key.len, key.ptr);
    if (n > 0) m->len += (size_t)n;
    return m->len + 48 >= m->size;
}

static vl_status no_text(const vl_cursor *c, const vl_record *record, vl_json root,
                         valence_error *error)
{
    char names[160] = "", why[300];
    member_list m = {names, 0, sizeof names};
    vl_json_each(root, list_member, &m);
    snprintf(why, sizeof why, "no member '%.60s' (members: %s)", c->layout->text, names);
    return vl_cursor_bad(c, record, why, error);
}

/* A label or id: a string, an integer or a boolean; null or missing: absent. False for anything
 * else. out has room for the text of a number, so it does not move. */
static bool scalar_member(vl_json root, const char *key, vl_buffer *out, vl_span *value)
{
    vl_json v;
    bool boolean;
    int64_t integer;
    *value = (vl_span){NULL, 0};
    if (!key || !vl_json_get(root, key, &v) || vl_json_type_of(v) == VL_JSON_NULL) return true;
    if (vl_json_string(v, value)) return true;
    if (vl_json_boolean(v, &boolean)) {
        *value = vl_span_of(boolean ? "true" : "false");
        return true;
    }
    if (!vl_json_integer(v, &integer)) return false;
    size_t at = out->len;
    if (write_number(out, v) != VALENCE_OK) return false;
    *value = (vl_span){out->data + at, out->len - at};
    return true;
}

static vl_status take_columns(vl_cursor *c, vl_json root, vl_record *record, valence_error *error)
{
    const vl_layout *l = c->layout;
    size_t offset = 0;
    vl_buffer_reset(&c->values);
    for (int i = 0; i < l->column_count; i++) {
        vl_json v;
        c->columns[i] = (vl_span){NULL, 0};
        c->marks[i] = false;
        if (!vl_json_get(root, l->names[i].ptr, &v)) continue;
        if (vl_json_string(v, &c->columns[i])) continue;
        c->marks[i] = true;
        if (write_value(&c->values, v) != VALENCE_OK)
            return vl_fail_memory(error, record->raw.len, "a record's columns");
        c->columns[i].len = c->values.len - offset;
        offset = c->values.len;
    }
    offset = 0; /* the buffer has stopped moving */
    for (int i = 0; i < l->column_count; i++) {
        if (!c->marks[i]) continue;
        c->columns[i].ptr = c->values.data + offset;
        offset += c->columns[i].len;
    }
    record->columns = c->columns;
    record->column_json = c->marks;
    record->column_count = l->column_count;
    return VALENCE_OK;
}

static vl_status take_members(vl_cursor *c, vl_json root, vl_record *record, valence_error *error)
{
    const vl_layout *l = c->layout;
    vl_json text;
    if (vl_json_type_of(root) != VL_JSON_OBJECT)
        return vl_cursor_bad(c, record, "not a JSON object", error);
    if (!vl_json_get(root, l->text, &text)) return no_text(c, record, root, error);
    if (!vl_json_string(text, &record->text))
        return vl_cursor_bad(c, record, "the text is not a string", error);
    vl_buffer_reset(&c->repaired); /* JSON needs no repair: numbers go here */
    VL_TRY(vl_cursor_reserve(&c->repaired, 64, error));
    if (!scalar_member(root, l->label, &c->repaired, &record->label))
        return vl_cursor_bad(c, record, "the label is no string, integer or boolean", error);
    if (!scalar_member(root, l->id, &c->repaired, &record->id))
        return vl_cursor_bad(c, record, "the id is no string, integer or boolean", error);
    return l->keep ? take_columns(c, root, record, error) : VALENCE_OK;
}

/* ---- Lines ----------------------------------------------------------------------------------- */

static vl_status parse_line(vl_cursor *c, vl_span line, vl_json *root, valence_error *error)
{
    size_t end = (size_t)(line.ptr - c->bytes.ptr) + line.len;
    if (c->readable - end >= VL_JSON_PADDING)
        return vl_json_parse(c->parser, line.ptr, line.len, root, error);
    return vl_json_parse_copy(c->parser, line, root, error);
}

vl_status vl_json_read(vl_cursor *c, vl_record *record, bool *more, valence_error *error)
{
    *more = vl_cursor_line(c, record);
    if (!*more) return VALENCE_OK;
    if (record->raw.len > c->layout->max_record) return vl_cursor_too_long(c, record, error);
    vl_json root;
    valence_error why = {.code = VALENCE_OK};
    vl_status status = parse_line(c, record->raw, &root, &why);
    if (status == VALENCE_OK) return take_members(c, root, record, error);
    if (status == VALENCE_NO_MEMORY)
        return vl_fail_memory(error, record->raw.len, "a JSON document");
    return vl_cursor_bad(c, record, why.message, error);
}
