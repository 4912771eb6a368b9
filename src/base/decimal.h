/* decimal.h: numbers as decimal text, fast and the same in every locale (printf's "%f" writes a
 * comma in some). Not JSON: that is json.h, which has null for what is not finite. */
#ifndef VL_DECIMAL_H
#define VL_DECIMAL_H

#include <stdint.h>

#include "base/buffer.h"

/* Appends value with exactly `digits` (1..9) decimals, correctly rounded (the exact binary value,
 * ties to even): what printf("%.*f") writes in the C locale, but never "-0.00". Fast below 1e9,
 * correct everywhere; non-finite: nan, inf, -inf. */
vl_status vl_write_decimal(vl_buffer *out, double value, int digits);

/* Appends an integer. */
vl_status vl_write_integer(vl_buffer *out, int64_t value);

#endif
