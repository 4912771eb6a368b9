/* border.h: where the records of a part of a file begin, without reading what is in front of it. */
#ifndef VL_BORDER_H
#define VL_BORDER_H

#include "base/span.h"
#include "data/csv_scan.h"

/* The start of the first record at or behind `cut` in bytes whose first record starts at `first`;
 * bytes.len if there is none. It looks at bytes behind the cut only (and a run of quotes right in
 * front of it), seldom at many: each of the parts that meet at a cut finds the same border.
 * With quoting it can be wrong, see border.c: whoever reads up to a border has to check it. */
size_t vl_record_border(vl_span bytes, size_t first, size_t cut, vl_csv_rules rules);

#endif
