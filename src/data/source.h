/* source.h: records from files. A source hands out chunks of whole records to any thread; a cursor,
 * one per thread, turns a chunk into records. So reading is in order, parsing is parallel, and
 * memory is bounded by chunks in flight, never by the file.
 * Ownership: a record's spans point into its chunk (or the cursor) and live until the cursor's next
 * record or the chunk's return. */
#ifndef VL_SOURCE_H
#define VL_SOURCE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"

typedef enum vl_data_format {
    VL_DATA_AUTO,
    VL_DATA_CSV,
    VL_DATA_TSV,
    VL_DATA_JSONL,
    VL_DATA_LINES,
    VL_DATA_FOLDER /* aclImdb: label/file.txt */
} vl_data_format;

typedef struct vl_source_options {
    vl_data_format format; /* AUTO: by the name's ending, else by content */
    const char *text;      /* column name or 1-based number; NULL: "text" */
    const char *label;     /* NULL: "label", missing is fine then; "" : none */
    const char *id;        /* NULL: "id", missing is fine then */
    int header;            /* -1: decide (CSV, TSV have one); 0 no; 1 yes */
    size_t chunk_bytes;    /* about how much a chunk holds; 0: 256 KiB */
    size_t max_record;     /* longest record; 0: 1 GiB. A longer one is a bad record */
    bool keep_columns;     /* fill record.columns */
    /* Only the shard-th (from 0) of `shards` parts; shards 0: all. Each record is in exactly one.
     * A mapped file is split into ranges of bytes, and nothing in front of the range is read but the
     * header. So a record's row counts from 1 within the shard, its line is 0 (unknown), and a record
     * without an id gets one that is unique over all shards: "3/8:17", row 17 of shard 3 (from 1) of
     * 8. A folder is split by file number; a stream (compressed, pipe) cannot be split without
     * reading it and takes every shards-th row: both number rows as in the whole input.
     * Where the records of a CSV file begin near a cut is told by border.h from the quotes there.
     * Each shard checks that the next one begins where its own last record ends; if the quotes misled
     * them, the one in front of the wrong border fails with VALENCE_FORMAT, naming the byte. When all
     * shards succeed, no record is missing or there twice. */
    uint64_t shard, shards;
    /* Once *stop is not zero (a signal handler may do that), waiting for a pipe ends with
     * VALENCE_CANCELLED. NULL: never. */
    const atomic_int *stop;
} vl_source_options;

typedef struct vl_source vl_source;

/* The place between two chunks. */
typedef struct vl_source_position {
    uint64_t sequence;  /* number of the next chunk */
    uint64_t byte;      /* offset of its first byte in the (decompressed) input, from 0 */
    uint64_t row, line; /* of its first record, as first_row and first_line below */
} vl_source_position;

typedef struct vl_chunk { /* zero it before first use; reuse it for the next chunk */
    uint64_t sequence;    /* 0, 1, 2, .. in file order */
    vl_span bytes;        /* whole records */
    uint64_t first_line;  /* line of its first byte, from 1 (folders: file number) */
    uint64_t first_row;   /* number of its first record, from 1: counts bad ones too */
    uint64_t rows;        /* records in it, bad ones too */
    uint64_t first_byte;  /* offset in the (decompressed) input, from 0 */
    vl_source_position next; /* the place behind it */
    bool oversized;       /* stands for one record above max_record, whose bytes are gone */
    vl_buffer owned;      /* backing store where the input is not mapped */
} vl_chunk;

typedef struct vl_record {
    vl_span text, label, id; /* absent label or id: ptr NULL */
    uint64_t row;            /* from 1, header not counted */
    uint64_t line;           /* where it starts, from 1; 0 in a folder or a shard of a mapped file */
    uint64_t byte;           /* likewise, from 1; 0 in a folder */
    vl_span raw;             /* the record as it stands in the input, without its line end */
    /* With keep_columns (else NULL, 0): all values, in the order of vl_source_columns; ptr NULL
     * where the record has none. CSV, TSV: unquoted. JSONL: strings, and other values as JSON text.
     */
    const vl_span *columns;  /* (column_count) */
    const bool *column_json; /* (column_count) true: JSON text, not a string. NULL: all strings */
    int column_count;
} vl_record;

typedef struct vl_source_counts {
    uint64_t rows, bad_rows;          /* records met so far, the malformed ones among them */
    uint64_t repaired;                /* texts in which invalid UTF-8 was replaced */
    uint64_t bytes_read, bytes_total; /* of the file on disk; total 0 when unknown (pipes) */
} vl_source_counts;

vl_source_options vl_source_options_defaults(void);

/* path "-": stdin. A folder is a VL_DATA_FOLDER: sub-folders are labels (`unsup`: no label), their
 * files documents, ids the names without .txt, in order of label and number. .gz and .zst are
 * recognised by content and read through a stream; so are pipes. Everything else is memory-mapped.
 * Errors name the file. */
vl_status vl_source_open(vl_source **out, const char *path, const vl_source_options *options,
                         valence_error *error);
void vl_source_close(vl_source *s); /* NULL is fine */

vl_data_format vl_source_format(const vl_source *s);
/* Column names: of the header (CSV, TSV), of the first record's members (JSONL with keep_columns);
 * 0 where there are none. A CSV or TSV without a header has column_count columns per record as they
 * come. */
int vl_source_columns(const vl_source *s, const vl_span **names);
vl_source_counts vl_source_counted(const vl_source *s); /* any thread, any time */

/* What tells whether a file is still the one that was read before; its path does not. */
typedef struct vl_source_identity {
    uint64_t size;     /* of the file on disk; a folder: number of files */
    int64_t mtime;     /* in nanoseconds; a folder: 0 */
    uint64_t contents; /* hash of its first and last 64 KiB; a folder: of all names */
} vl_source_identity;

/* VALENCE_UNSUPPORTED, with a message, for what is neither a regular file nor a folder; the second
 * takes files only. */
vl_status vl_source_identify(const vl_source *s, vl_source_identity *out, valence_error *error);
vl_status vl_file_identify(const char *path, vl_source_identity *out, valence_error *error);

/* Where the next chunk begins; goes there, before any chunk was taken, and counts on from `counts`.
 * The position is one that `next` of a chunk of the same input, opened with the same options, gave.
 * A mapped file and a folder are entered there directly; a stream is read up to there. */
vl_source_position vl_source_tell(vl_source *s);
vl_status vl_source_seek(vl_source *s, const vl_source_position *to, const vl_source_counts *counts,
                         valence_error *error);

/* The next chunk, for any thread (it locks). *more false: no chunk was left. An error is final:
 * every later call gives it again. */
vl_status vl_source_next(vl_source *s, vl_chunk *chunk, bool *more, valence_error *error);
/* Gives a chunk back: its pages may be dropped. Call for each chunk got, in any order. */
void vl_source_return(vl_source *s, vl_chunk *chunk);
void vl_chunk_release(vl_chunk *chunk); /* frees its memory at the end */

typedef struct vl_cursor vl_cursor;

vl_status vl_cursor_open(vl_cursor **out, vl_source *s, valence_error *error);
void vl_cursor_close(vl_cursor *c); /* NULL is fine */
void vl_cursor_start(vl_cursor *c, const vl_chunk *chunk);

/* Of the records since the last vl_cursor_start: rows, bad_rows, repaired. */
vl_source_counts vl_cursor_counted(const vl_cursor *c);

/* The next record of the chunk. VALENCE_OK with *more false at its end; VALENCE_IO there if the
 * file was cut short meanwhile, so that the chunk's records cannot be trusted. VALENCE_FORMAT
 * (error with line and byte) for a malformed record: it is counted, and the cursor stands behind
 * it, so going on is fine. Other codes are final. */
vl_status vl_cursor_next(vl_cursor *c, vl_record *record, bool *more, valence_error *error);

#endif
