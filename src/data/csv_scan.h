/* csv_scan.h: finds the structure of delimited text: which bytes end a field or a record, 64 bytes
 * at a time as bit masks. It knows nothing of columns or values. Every input is valid; any thread.
 *
 * The states are those of a byte-by-byte reader. A quote opens a field only as its first byte; in
 * the middle of an unquoted field it is an ordinary byte (as Python's csv has it), so one stray
 * inch mark does not swallow the rest of a file. A doubled quote inside quotes passes through
 * VL_CSV_QUOTE back to VL_CSV_QUOTED. */
#ifndef VL_CSV_SCAN_H
#define VL_CSV_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"

typedef enum vl_csv_state {
    VL_CSV_START,    /* at the first byte of a field */
    VL_CSV_UNQUOTED, /* in a field without quotes, or behind a closing quote and rubbish */
    VL_CSV_QUOTED,   /* between quotes */
    VL_CSV_QUOTE     /* behind a quote that closes, or is the first of a doubled pair */
} vl_csv_state;

typedef struct vl_csv_rules {
    char delimiter; /* '\n' where a line is the record */
    bool quoting;   /* false: quotes are ordinary bytes */
} vl_csv_rules;

/* Bit i of block k stands for byte 64 k + i. A newline that is in both masks ends a record. */
typedef struct vl_csv_masks {
    uint64_t separators; /* delimiters and newlines outside quotes */
    uint64_t newlines;   /* all newlines */
} vl_csv_masks;

/* The baseline instruction set has no popcount, and most masks of newlines are empty. */
static inline uint64_t vl_csv_count(uint64_t bits)
{
    return bits ? (uint64_t)__builtin_popcountll(bits) : 0;
}

/* Scans len bytes that follow `state`; fills (len+63)/64 masks, unused bits zero; returns the state
 * behind the last byte. Never reads outside bytes[0, len). */
typedef vl_csv_state (*vl_csv_scan_fn)(vl_csv_masks *out, const char *bytes, size_t len,
                                       vl_csv_rules rules, vl_csv_state state);

vl_csv_state vl_csv_scan_scalar(vl_csv_masks *out, const char *bytes, size_t len,
                                vl_csv_rules rules, vl_csv_state state);
vl_csv_state vl_csv_scan_avx2(vl_csv_masks *out, const char *bytes, size_t len, vl_csv_rules rules,
                              vl_csv_state state);
vl_csv_state vl_csv_scan_avx512(vl_csv_masks *out, const char *bytes, size_t len,
                                vl_csv_rules rules, vl_csv_state state);

/* The scan of that level; the one of vl_isa_active(). */
vl_csv_scan_fn vl_csv_scan_of(vl_isa isa);
vl_csv_scan_fn vl_csv_scan(void);

#endif
