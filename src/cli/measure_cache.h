/* measure_cache.h: measurements kept between runs in the user's cache folder, as JSON:
 * $XDG_CACHE_HOME/valence/measurements.json, or ~/.cache/.. A convenience and never a reason to
 * fail: no folder, no rights, a damaged file just mean that models are measured again. */
#ifndef VL_MEASURE_CACHE_H
#define VL_MEASURE_CACHE_H

#include <stddef.h>

#include "cli/model_measure.h"

enum { CLI_CACHE_MAX = 256, CLI_CACHE_TEXT = 96 };

/* A measurement holds for one model, program, instruction set and processor. */
typedef struct cli_cache_entry {
    char checksum[CLI_CACHE_TEXT], version[CLI_CACHE_TEXT];
    char isa[CLI_CACHE_TEXT], cpu[CLI_CACHE_TEXT];
    cli_measurement measurement;
} cli_cache_entry;

typedef struct cli_cache {
    char *path;               /* NULL: nothing is kept */
    cli_cache_entry *entries; /* (count) <= CLI_CACHE_MAX, the oldest first: those make room */
    size_t count;
    bool changed;
    char cpu[CLI_CACHE_TEXT]; /* this machine's processor, as the system names it */
} cli_cache;

/* Reads what is there. Fails only for want of memory. */
vl_status cli_cache_open(cli_cache *c, valence_error *error);

/* The measurement of a model on this machine by this program, or NULL. */
const cli_measurement *cli_cache_find(const cli_cache *c, const char *checksum);
void cli_cache_put(cli_cache *c, const char *checksum, const cli_measurement *m);

/* Writes the file if something was put, and releases everything. */
void cli_cache_close(cli_cache *c); /* zeroed struct is fine */

#endif
