/* cursor.c: what all readers share: start of a chunk, the shard's choice, counting, complaints. */
#include "data/cursor.h"

#include <stdio.h>

#include "base/utf8.h"
#include "data/source_state.h"

typedef vl_status (*read_fn)(vl_cursor *c, vl_record *record, bool *more, valence_error *error);

static read_fn reader_of(vl_data_format format)
{
    switch (format) {
    case VL_DATA_CSV:
    case VL_DATA_TSV:
        return vl_table_read;
    case VL_DATA_JSONL:
        return vl_json_read;
    case VL_DATA_FOLDER:
        return vl_folder_read;
    default:
        return vl_lines_read;
    }
}

/* What the reader of that format needs. */
static vl_status prepare(vl_cursor *c, valence_error *error)
{
    const vl_layout *l = c->layout;
    int columns = l->used_columns > l->column_count ? l->used_columns : l->column_count;
    if (l->format == VL_DATA_JSONL) {
        c->parser = vl_json_parser_open(l->max_record);
        if (!c->parser) return vl_fail_memory(error, 0, "a JSON parser");
    }
    return vl_cursor_reserve_columns(c, columns ? columns : 1, error);
}

/* Invalid bytes become three each; a folder's reader asks for a little more than a record. */
static size_t values_max(const vl_layout *l)
{
    return 3 * l->max_record + (64 << 10);
}

vl_status vl_cursor_open(vl_cursor **out, vl_source *s, valence_error *error)
{
    *out = NULL;
    vl_cursor *c = vl_alloc_zero(VL_MEM_IO, sizeof *c);
    if (!c) return vl_fail_memory(error, sizeof *c, "a reader");
    c->source = s;
    c->layout = &s->layout;
    c->folder = s->folder;
    c->read = reader_of(s->layout.format);
    vl_buffer_init(&c->values, VL_MEM_IO, values_max(c->layout));
    vl_buffer_init(&c->repaired, VL_MEM_IO, values_max(c->layout));
    vl_status status = prepare(c, error);
    if (status != VALENCE_OK) {
        vl_cursor_close(c);
        return status;
    }
    *out = c;
    return VALENCE_OK;
}

/* Adds what was not added before: c->counts stands until the next chunk. */
static void flush_count(vl_cursor *c)
{
    const vl_source_counts *n = &c->counts, *old = &c->flushed;
    atomic_fetch_add_explicit(&c->source->rows, n->rows - old->rows, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->source->bad_rows, n->bad_rows - old->bad_rows,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&c->source->repaired, n->repaired - old->repaired,
                              memory_order_relaxed);
    c->flushed = c->counts;
}

vl_source_counts vl_cursor_counted(const vl_cursor *c)
{
    return c->counts;
}

void vl_cursor_close(vl_cursor *c)
{
    if (!c) return;
    flush_count(c);
    vl_json_parser_close(c->parser);
    vl_free(c->columns);
    vl_free(c->marks);
    vl_buffer_release(&c->values);
    vl_buffer_release(&c->repaired);
    vl_free(c);
}

/* Bytes behind the chunk that may be read: the rest of the file or of the buffer. */
static size_t readable_from(const vl_source *s, const vl_chunk *chunk)
{
    if (s->folder || chunk->oversized) return chunk->bytes.len;
    if (!s->input.mapped) return chunk->owned.capacity;
    return s->input.map.size - (size_t)(chunk->bytes.ptr - s->input.map.data);
}

void vl_cursor_start(vl_cursor *c, const vl_chunk *chunk)
{
    flush_count(c);
    c->counts = c->flushed = (vl_source_counts){0};
    c->bytes = chunk->bytes;
    c->readable = readable_from(c->source, chunk);
    c->first_byte = chunk->first_byte;
    c->first_line = c->line = chunk->first_line;
    c->row = chunk->first_row;
    c->rows_left = chunk->rows;
    c->oversized = chunk->oversized;
    c->at = 0;
    if (c->read == vl_table_read) vl_csv_walk_start(&c->walk, c->bytes, c->layout->rules);
}

static vl_status read_oversized(vl_cursor *c, vl_record *record, bool *more, valence_error *error)
{
    *more = true;
    c->oversized = false;
    *record = (vl_record){.row = c->row++, .line = c->first_line, .byte = c->first_byte + 1};
    return vl_cursor_too_long(c, record, error);
}

/* A file that was cut short meanwhile may have read as zeros. */
static vl_status end_chunk(vl_cursor *c, valence_error *error)
{
    flush_count(c);
    return vl_input_check(&c->source->input, error);
}

/* Where only a part of the file is read, nobody knows a record's line, nor its row in the whole. */
static void place_in_shard(vl_cursor *c, vl_record *record, valence_error *error)
{
    const vl_shard *s = &c->layout->shard;
    record->line = 0;
    if (error) error->line = 0;
    if (record->id.ptr) return;
    int len = snprintf(c->made_id, sizeof c->made_id, "%llu/%llu:%llu",
                       (unsigned long long)s->index + 1, (unsigned long long)s->count,
                       (unsigned long long)record->row);
    record->id = (vl_span){c->made_id, (size_t)len};
}

vl_status vl_cursor_next(vl_cursor *c, vl_record *record, bool *more, valence_error *error)
{
    vl_status status;
    do {
        vl_buffer_reset(&c->values);
        vl_buffer_reset(&c->repaired);
        status =
            c->oversized ? read_oversized(c, record, more, error) : c->read(c, record, more, error);
        if (status == VALENCE_OK && !*more) return end_chunk(c, error);
        if (status != VALENCE_OK && status != VALENCE_FORMAT) return status;
    } while (!vl_shard_has(&c->layout->shard, record->row));
    c->counts.rows++;
    c->counts.bad_rows += status == VALENCE_FORMAT;
    if (c->layout->shard.by_byte) place_in_shard(c, record, error);
    return status;
}

/* ---- For the readers ------------------------------------------------------------------------- */

vl_status vl_cursor_reserve_columns(vl_cursor *c, int columns, valence_error *error)
{
    size_t n = (size_t)columns;
    vl_span *spans = vl_realloc(VL_MEM_IO, c->columns, n * sizeof *spans);
    if (!spans) return vl_fail_memory(error, n * sizeof *spans, "columns");
    c->columns = spans;
    bool *marks = vl_realloc(VL_MEM_IO, c->marks, n * sizeof *marks);
    if (!marks) return vl_fail_memory(error, n * sizeof *marks, "columns");
    c->marks = marks;
    c->column_capacity = columns;
    return VALENCE_OK;
}

vl_status vl_cursor_reserve(vl_buffer *buffer, size_t bytes, valence_error *error)
{
    vl_status status = vl_buffer_reserve(buffer, bytes);
    if (status == VALENCE_OK) return VALENCE_OK;
    return vl_fail(error, status, "out of memory (%zu bytes for a record)", bytes);
}

/* Eight words at a time: most texts are ASCII, and this is the fastest way to know. */
static bool is_ascii(const char *p, size_t len)
{
    uint64_t seen = 0, words[8];
    for (; len >= sizeof words; p += sizeof words, len -= sizeof words) {
        memcpy(words, p, sizeof words);
        seen |=
            words[0] | words[1] | words[2] | words[3] | words[4] | words[5] | words[6] | words[7];
    }
    for (; len > 0; p++, len--) seen |= (uint64_t)(unsigned char)*p;
    return (seen & 0x8080808080808080u) == 0;
}

vl_status vl_cursor_repair(vl_cursor *c, vl_span *value, size_t record_len, bool *changed,
                           valence_error *error)
{
    if (is_ascii(value->ptr, value->len)) return VALENCE_OK;
    if (vl_utf8_valid_prefix(value->ptr, value->len) == value->len) return VALENCE_OK;
    uint64_t replaced = 0;
    size_t at = c->repaired.len;
    if (at == 0) VL_TRY(vl_cursor_reserve(&c->repaired, 3 * record_len, error));
    VL_TRY(vl_utf8_repair(&c->repaired, *value, &replaced));
    *value = (vl_span){c->repaired.data + at, c->repaired.len - at};
    *changed = true;
    return VALENCE_OK;
}

vl_status vl_cursor_bad(const vl_cursor *c, const vl_record *record, const char *why,
                        valence_error *error)
{
    return vl_fail_at(error, VALENCE_FORMAT, record->line, record->byte,
                      "bad record in '%.150s': %s", c->layout->path, why);
}

vl_status vl_cursor_too_long(const vl_cursor *c, const vl_record *record, valence_error *error)
{
    char why[64];
    snprintf(why, sizeof why, "longer than %zu bytes", c->layout->max_record);
    return vl_cursor_bad(c, record, why, error);
}
