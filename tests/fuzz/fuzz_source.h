/* fuzz_source.h: reads bytes as a file in one chunk and in many and compares what comes out. */
#ifndef FUZZ_SOURCE_H
#define FUZZ_SOURCE_H

#include "base/cpu.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "data/source.h"
#include "data/stream.h"
#include "fuzz_file.h"

typedef struct reading {
    vl_status opened;
    uint64_t hash, rows;
} reading;

static void mix(reading *r, const void *bytes, size_t len)
{
    r->hash = vl_hash64(bytes, len, r->hash + len + 1);
}

static void mix_value(reading *r, vl_span value)
{
    uint64_t absent = value.ptr == NULL;
    mix(r, &absent, sizeof absent);
    if (!value.ptr) return;
    REQUIRE(vl_utf8_valid_prefix(value.ptr, value.len) == value.len);
    mix(r, value.ptr, value.len);
}

static void mix_record(reading *r, const vl_record *record)
{
    REQUIRE(record->row == r->rows);
    REQUIRE(record->text.ptr && record->byte >= 1 && record->line >= 1);
    uint64_t place[2] = {record->line, record->byte};
    mix(r, place, sizeof place);
    mix_value(r, record->text);
    mix_value(r, record->label);
    mix_value(r, record->id);
    mix(r, record->raw.ptr, record->raw.len);
    for (int i = 0; i < record->column_count; i++) mix_value(r, record->columns[i]);
}

static void read_chunk(reading *r, vl_cursor *c, const vl_chunk *chunk)
{
    uint64_t before = r->rows;
    REQUIRE(chunk->first_row == before + 1);
    vl_cursor_start(c, chunk);
    for (;;) {
        vl_record record;
        valence_error e;
        bool more;
        vl_status status = vl_cursor_next(c, &record, &more, &e);
        if (status == VALENCE_OK && !more) break;
        r->rows++;
        REQUIRE(status == VALENCE_OK || status == VALENCE_FORMAT);
        if (status == VALENCE_OK) mix_record(r, &record);
        else mix(r, &e.line, 2 * sizeof e.line);
    }
    REQUIRE(r->rows == before + chunk->rows);
}

static reading read_all(const char *path, const vl_source_options *o)
{
    reading r = {.hash = 0};
    vl_source *s;
    vl_cursor *c;
    vl_chunk chunk = {0};
    bool more;
    r.opened = vl_source_open(&s, path, o, NULL);
    if (r.opened != VALENCE_OK) return r;
    REQUIRE(vl_cursor_open(&c, s, NULL) == VALENCE_OK);
    for (;;) {
        REQUIRE(vl_source_next(s, &chunk, &more, NULL) == VALENCE_OK);
        if (!more) break;
        read_chunk(&r, c, &chunk);
        vl_source_return(s, &chunk);
    }
    vl_cursor_close(c);
    vl_chunk_release(&chunk);
    vl_source_close(s);
    return r;
}

/* What looks compressed is fuzz_stream.c's: whether it is damaged shows only while it is read. */
static inline void check_chunked(const uint8_t *data, size_t size, vl_source_options o,
                                 size_t small)
{
    if (vl_bytes_compressed((vl_span){(const char *)data, size})) return;
    const char *path = file_of(data, size);
    vl_isa_limit(VL_ISA_SCALAR);
    reading whole = read_all(path, &o);
    o.chunk_bytes = small;
    vl_isa_limit((vl_isa)(size % VL_ISA_COUNT));
    reading parts = read_all(path, &o);
    REQUIRE(parts.opened == whole.opened && parts.rows == whole.rows && parts.hash == whole.hash);
}

#endif
