/* cutter.h: looks for the place where a chunk of records may end, and counts the records and lines
 * before it, so that chunks can be parsed in parallel and still know their row and line numbers.
 * Works on bytes that start at the start of a record and that may still grow behind. */
#ifndef VL_CUTTER_H
#define VL_CUTTER_H

#include "base/span.h"
#include "data/csv_scan.h"

typedef struct vl_cutter {
    vl_csv_rules rules;
    bool skip_blank; /* empty lines (and a lone CR) are not records */
    vl_csv_state state;
    size_t scanned;    /* bytes looked at */
    size_t end;        /* behind the last whole record so far */
    uint64_t rows;     /* records in [0, end) */
    uint64_t lines;    /* newlines in [0, end) */
    uint64_t newlines; /* newlines in [0, scanned) */
} vl_cutter;

void vl_cutter_init(vl_cutter *c, vl_csv_rules rules, bool skip_blank);

/* Looks at the bytes from where it stands up to `to`; what was seen before must not have changed.
 */
void vl_cutter_scan(vl_cutter *c, const char *bytes, size_t to);

/* No more bytes will come: what is left without a newline is the last record. */
void vl_cutter_finish(vl_cutter *c, const char *bytes);

/* Passes over the bytes that follow what was scanned (wherever they lie) up to behind the first
 * record's end; returns their number, and counts newlines only. *over: the end was found. */
size_t vl_cutter_drop(vl_cutter *c, vl_span bytes, bool *over);

/* True for a record of these bytes (no newline at the end) that is a blank line. */
static inline bool vl_record_blank(vl_span record)
{
    return record.len == 0 || (record.len == 1 && record.ptr[0] == '\r');
}

#endif
