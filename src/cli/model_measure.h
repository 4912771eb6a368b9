/* model_measure.h: what a model costs on this machine: time to load, time per text, memory.
 * Measured in a process of its own, so that nothing this one holds is counted. How good the answers
 * are is not measured: that stands in the model's card. */
#ifndef VL_MODEL_MEASURE_H
#define VL_MODEL_MEASURE_H

#include <stdbool.h>

#include "base/status.h"

/* Each above zero but for private_bytes. */
typedef struct cli_measurement {
    double load_seconds; /* the first opening in a new process, the file in the system's cache */
    double p50, p99;     /* seconds per text of about 200 bytes, one thread, warm */
    double texts_per_second; /* of the fastest 99 % of those predictions, one after the other */
    double memory_bytes;     /* growth of resident memory by opening and predicting, pages of the
                              * mapped file included: the system can share and drop those */
    double private_bytes;    /* the part of it that is no file */
} cli_measurement;

/* Finite, above zero, p50 <= p99: what a cache file says may be anything. */
bool cli_measurement_valid(const cli_measurement *m);

/* name: as for valence_model_open. About 80 ms for a classic model, at most some seconds for a slow
 * one. Call it while this process has one thread. */
vl_status cli_model_measure(cli_measurement *m, const char *name, valence_error *error);

#endif
