/* quantities.h: amounts as people write and read them: 20ms, 100MB, 85%. Parsing is strict: a plain
 * decimal number, then a unit (in any case of letters), nothing else. */
#ifndef VL_QUANTITIES_H
#define VL_QUANTITIES_H

#include "base/status.h"

/* A duration above zero with its unit: us, ms or s. VALENCE_ARGUMENT with a message that begins
 * with "needs" otherwise. */
vl_status cli_parse_duration(double *seconds, const char *text, valence_error *error);

/* An amount of memory above zero with its unit: B, KB, MB, GB (powers of 1000), KiB, MiB, GiB. */
vl_status cli_parse_bytes(double *bytes, const char *text, valence_error *error);

/* A share of one: 0.85, or 85%. */
vl_status cli_parse_share(double *share, const char *text, valence_error *error);

/* "2.13 us", "617 KB": `digits` significant digits (1..9), more where only an exponent would do. */
enum { CLI_QUANTITY = 32 };
void cli_write_duration(char out[CLI_QUANTITY], double seconds, int digits);
void cli_write_bytes(char out[CLI_QUANTITY], double bytes, int digits);

#endif
