/* cursor.h: what the readers of the formats share: one thread's place in a chunk, and the memory
 * its records point into. For readers only; users see source.h. */
#ifndef VL_CURSOR_H
#define VL_CURSOR_H

#include "base/json.h"
#include "data/folder.h"
#include "data/layout.h"

struct vl_cursor {
    vl_source *source;
    const vl_layout *layout;
    const vl_folder *folder;
    vl_status (*read)(vl_cursor *c, vl_record *record, bool *more, valence_error *error);

    vl_span bytes;       /* the chunk's */
    size_t readable;     /* bytes that may be read from bytes.ptr on, >= bytes.len */
    uint64_t first_byte; /* offset of bytes.ptr in the input */
    uint64_t first_line;
    bool oversized;
    size_t at;          /* the next record, where a reader goes by lines */
    uint64_t row, line; /* of the next record */
    uint64_t rows_left; /* folders */

    vl_csv_walk walk;
    vl_span *columns; /* (column_capacity) */
    bool *marks;      /* (column_capacity) CSV: has doubled quotes; JSONL: is JSON text */
    int column_capacity;
    vl_json_parser *parser;
    vl_buffer values;   /* of this record, where they are not in the input as they are */
    vl_buffer repaired; /* likewise, after the repair of UTF-8 */
    vl_source_counts counts, flushed; /* of this chunk; what of them the source has */
    char made_id[64];                 /* see vl_source_options.shard */
};

vl_status vl_table_read(vl_cursor *c, vl_record *record, bool *more, valence_error *error);
vl_status vl_json_read(vl_cursor *c, vl_record *record, bool *more, valence_error *error);
vl_status vl_lines_read(vl_cursor *c, vl_record *record, bool *more, valence_error *error);
vl_status vl_folder_read(vl_cursor *c, vl_record *record, bool *more, valence_error *error);

/* The next line, without its end, and its place in *record; skips blank lines where the format
 * does. False at the chunk's end. */
bool vl_cursor_line(vl_cursor *c, vl_record *record);

/* Room for `columns` values per record. */
vl_status vl_cursor_reserve_columns(vl_cursor *c, int columns, valence_error *error);

/* Makes sure that `bytes` more can be appended to values or repaired without moving them: done once
 * per record, for all its values. */
vl_status vl_cursor_reserve(vl_buffer *buffer, size_t bytes, valence_error *error);

/* Replaces invalid UTF-8 of one value of a record of record_len bytes; *changed then turns true. */
vl_status vl_cursor_repair(vl_cursor *c, vl_span *value, size_t record_len, bool *changed,
                           valence_error *error);
/* A text of this record was repaired. */
static inline void vl_cursor_count_repaired(vl_cursor *c)
{
    c->counts.repaired++;
}

/* VALENCE_FORMAT at the record's line and byte: "bad record in 'FILE': why". */
vl_status vl_cursor_bad(const vl_cursor *c, const vl_record *record, const char *why,
                        valence_error *error);
vl_status vl_cursor_too_long(const vl_cursor *c, const vl_record *record, valence_error *error);

#endif
