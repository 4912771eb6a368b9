/* detect.h: which format a file has: by the ending of its name, else by its first line. */
#ifndef VL_DETECT_H
#define VL_DETECT_H

#include "data/source.h"

/* VL_DATA_AUTO if the name (without .gz, .zst) says nothing. */
vl_data_format vl_format_of_name(const char *path);

/* A line that starts with { is JSONL. One with a field called like the text column (in any case) is
 * a header: TSV if tabs separate it, else CSV. Anything else is plain lines. */
vl_data_format vl_format_of_content(vl_span bytes, const char *text_column);

/* Bytes of a UTF-8 byte order mark at the start: 3 or 0. */
size_t vl_bom_length(vl_span bytes);

/* True for UTF-16 text with a byte order mark and an ASCII first character. */
bool vl_looks_utf16(vl_span bytes);

#endif
