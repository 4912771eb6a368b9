/* layout.h: what was decided about a source when it was opened: its format, its columns, which of
 * them are wanted, and which records belong to the wanted shard. Constant afterwards and shared by
 * all cursors. Owns its names. */
#ifndef VL_LAYOUT_H
#define VL_LAYOUT_H

#include "base/buffer.h"
#include "data/csv_walk.h"
#include "data/source.h"

/* The records of one shard: a range of the bytes of a mapped file (by_byte), of a folder's files, or
 * every count-th row of a stream (by_row). count 0: all. */
typedef struct vl_shard {
    uint64_t index, count;
    bool by_byte, by_row;
    uint64_t begin, end; /* bytes or files from 0, both where a record starts */
} vl_shard;

enum { VL_NO_COLUMN = -1, VL_MAX_COLUMNS = 65536 };

typedef struct vl_layout {
    char *path;
    vl_data_format format;
    vl_csv_rules rules;         /* where records end; for CSV and TSV also fields */
    bool skip_blank;            /* blank lines are no records */
    bool keep;                  /* records carry all columns */
    char *text, *label, *id;    /* wanted names as given or by default; NULL: none */
    bool label_named, id_named; /* asked for by the caller: missing is an error */
    bool text_named;
    int text_column, label_column, id_column; /* CSV, TSV: from 0; VL_NO_COLUMN */
    int used_columns;                         /* how many columns a reader has to look at */
    vl_span *names;                           /* (column_count), each with a NUL behind */
    int column_count;                         /* 0 without a header */
    vl_buffer name_bytes;
    size_t max_record;
    vl_shard shard;
} vl_layout;

/* Copies path and names out of the options. */
vl_status vl_layout_init(vl_layout *l, const char *path, const vl_source_options *options,
                         valence_error *error);
void vl_layout_release(vl_layout *l); /* zeroed struct is fine */

/* Sets the format and what follows from it. */
void vl_layout_set_format(vl_layout *l, vl_data_format format);

/* Reads the first record of CSV or TSV at the start of bytes: its fields name the columns if
 * `header`, otherwise only their number counts. Finds the wanted columns. *used: how many bytes
 * that took (0 without a header). *whole in: these are all the bytes there are; out: false if the
 * record goes on behind them, and then nothing else has happened. */
vl_status vl_layout_read_header(vl_layout *l, vl_span bytes, bool header, bool *whole, size_t *used,
                                valence_error *error);

/* Keeps a copy of a name as the next column's. */
vl_status vl_layout_add_name(vl_layout *l, vl_span name, valence_error *error);

/* Of the rows in chunks of this shard: false for those of others. */
static inline bool vl_shard_has(const vl_shard *s, uint64_t row)
{
    return !s->by_row || (row - 1) % s->count == s->index;
}

#endif
