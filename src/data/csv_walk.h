/* csv_walk.h: goes from field to field through delimited text, over the masks of csv_scan.h, and
 * takes quotes off values. The bytes belong to the caller and are not changed. */
#ifndef VL_CSV_WALK_H
#define VL_CSV_WALK_H

#include "base/buffer.h"
#include "data/csv_scan.h"

enum { VL_CSV_WINDOW_BLOCKS = 64 };

typedef struct vl_csv_walk {
    vl_span bytes;
    vl_csv_rules rules;
    vl_csv_scan_fn scan;
    vl_csv_state state;     /* behind the scanned window */
    size_t at;              /* where the next field starts */
    size_t window, scanned; /* the masks stand for bytes [window, scanned) */
    size_t block;           /* in the masks */
    uint64_t separators;    /* those of that block not yet passed */
    uint64_t newlines;      /* in the blocks before it */
    vl_csv_masks masks[VL_CSV_WINDOW_BLOCKS];
} vl_csv_walk;

typedef enum vl_csv_end { VL_CSV_FIELD_ENDS, VL_CSV_RECORD_ENDS, VL_CSV_BYTES_END } vl_csv_end;

/* bytes start at a record's start. */
void vl_csv_walk_start(vl_csv_walk *w, vl_span bytes, vl_csv_rules rules);

/* The field that starts at w->at, as it stands, and what ended it; a record's last field loses the
 * CR of CRLF. w->at then stands behind the separator. */
vl_csv_end vl_csv_walk_field(vl_csv_walk *w, vl_span *field);

/* All newlines in front of w->at. */
uint64_t vl_csv_walk_newlines(const vl_csv_walk *w);

typedef enum vl_csv_quotes {
    VL_CSV_PLAIN,     /* the value is a part of the field */
    VL_CSV_DOUBLED,   /* likewise, but doubled quotes in it stand for one */
    VL_CSV_UNCLOSED,  /* malformed: no closing quote */
    VL_CSV_BEHIND_END /* malformed: bytes behind the closing quote */
} vl_csv_quotes;

/* The part of a field between its quotes, or the whole field if it does not start with one. */
vl_csv_quotes vl_csv_unquote(vl_span field, vl_span *value);

/* Appends a VL_CSV_DOUBLED value with each doubled quote as one. */
vl_status vl_csv_undouble(vl_buffer *out, vl_span value);

#endif
